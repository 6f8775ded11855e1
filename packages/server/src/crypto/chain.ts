// The chain of seals (P114): each event's digest hashed with what came before it. The same arithmetic as the database's `seal_link`; both are held to the
// published vectors. Reads no event, only its bytes.
import { createHash } from 'node:crypto'

export const FIRST_PREV = Buffer.alloc(32)

const LABEL = Buffer.from('countersign/seal/v1\n')
// label ‖ tenant (16) ‖ seq (8) ‖ prev (32) ‖ digest (32)
const AT = { tenant: LABEL.length, seq: LABEL.length + 16, prev: LABEL.length + 24, digest: LABEL.length + 56 }
const LENGTH = LABEL.length + 88

export const digestOf = (event: string | Buffer): Buffer => createHash('sha256').update(event).digest()

/** The hashes of one tenant's chain; one buffer serves all of them. */
export function chainOf(tenantUuid: string): (seq: number, prev: Buffer, digest: Buffer) => Buffer {
  const bytes = Buffer.alloc(LENGTH)
  LABEL.copy(bytes)
  Buffer.from(tenantUuid.replaceAll('-', ''), 'hex').copy(bytes, AT.tenant)
  return (seq, prev, digest) => {
    bytes.writeUInt32BE(Math.floor(seq / 2 ** 32), AT.seq)
    bytes.writeUInt32BE(seq % 2 ** 32, AT.seq + 4)
    prev.copy(bytes, AT.prev)
    digest.copy(bytes, AT.digest)
    return createHash('sha256').update(bytes).digest()
  }
}
