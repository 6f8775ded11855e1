// The material of a connection in its envelope (V68): bound to row and generation, written as canonical JSON and padded, so that its length tells nothing.
// Never opens what was moved, altered or put back from an older generation, and never says more than that it did not open.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { EnvelopeError, open, type Place, seal } from '../../crypto/seal.ts'
import { OutsideFirst, type Scope, type Tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import type { Material } from '../providers/definition.ts'
import { suspendTampered, TAMPERED } from './tampered.ts'

type Keys = Pick<VaultHouse, 'db' | 'keyring'>

/** What opens an envelope, read in the transaction that opens it. */
export type SealedRow = { id: string; generation: number; material: Buffer | null; status: string; status_cause: string | null }

const BLOCK = 64
/** Of the plaintext, padding and all (V68). */
const MOST = 1_048_576
/** Of an envelope, all but the ciphertext. */
const AROUND = 94

export const placeOf = (scope: Scope, connectionId: string, generation: number): Place => ({
  tenant: tenantWire(scope.tenantId),
  table: 'connections',
  column: 'material',
  row: `${connectionId}/${generation}`,
})

/** Canonical JSON with spaces up to a whole block. The caller zeroes it. */
export function padded(material: Material): Buffer {
  const text = canonical(material)
  const bytes = Buffer.byteLength(text)
  const whole = Buffer.alloc(Math.ceil(bytes / BLOCK) * BLOCK, ' ')
  whole.write(text)
  if (whole.length > MOST) {
    whole.fill(0)
    throw new Problem('validation_failed', {
      errors: [{ path: '', code: 'too_large', message: `The material of a connection has at most ${MOST} bytes.` }],
    })
  }
  return whole
}

export async function sealMaterial(
  house: Keys,
  t: Tx,
  scope: Scope,
  connectionId: string,
  generation: number,
  material: Material,
): Promise<Buffer> {
  const plain = padded(material)
  try {
    return seal(await tenantKey(house, t, scope), placeOf(scope, connectionId, generation), plain)
  } finally {
    plain.fill(0)
  }
}

/**
 * `row` is read in this very transaction: what does not open suspends the connection in a transaction of its own (V70), this one begins again, and what it
 * then reads says so. The caller's answer is `internal` either way.
 */
export async function openMaterial(house: Keys, t: Tx, scope: Scope, row: SealedRow): Promise<Material> {
  const { id, generation, material } = row
  if (row.status === 'suspended' && row.status_cause === TAMPERED) throw new Problem('internal')
  if (material === null) throw new Error(`Connection ${id} has no material.`)
  const key = await tenantKey(house, t, scope)
  let plain: Buffer | null = null
  try {
    if ((material.length - AROUND) % BLOCK !== 0) throw new EnvelopeError('broken')
    plain = open(key, placeOf(scope, id, generation), material)
    return JSON.parse(plain.toString('utf8')) as Material
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error
    if (error.reason === 'unknown') throw new Problem('envelope_unknown', {}, { cause: error })
    throw new OutsideFirst(() => suspendTampered(house, scope.tenantId, { id, generation, cause: 'moved_or_altered' }))
  } finally {
    plain?.fill(0)
  }
}
