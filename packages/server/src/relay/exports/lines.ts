// The lines of an export as they are written: counted, hashed one after the other, and kept in sealed pieces of a megabyte. Never holds more than the piece that it is at.
import { Problem } from '@countersign/sdk'
import { sealText } from '../../crypto/seal.ts'
import { sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { writeJson } from '../../http/json.ts'
import { subjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import type { RelayHouse } from '../house.ts'
import { chunkPlace, exportSubject } from './export.ts'
import { addChunk } from './sql.ts'

const PIECE_BYTES = 1_000_000

export type Lines = {
  put(line: object): Promise<void>
  /** One that is JSON already, as the database wrote it: no digit of it is touched. */
  putText(line: string): Promise<void>
  thread(): void
  count(): number
  hash(): string
  end(): Promise<void>
}

export function linesOf(house: RelayHouse, scope: Scope, id: string): Lines {
  let [text, n, count, held, threads] = ['', 0, 0, 0, 0]
  let hash: Buffer = Buffer.alloc(32)
  const flush = async () => {
    const [piece, lines, met] = [text, held, threads]
    ;[text, held, threads] = ['', 0, 0]
    await tx(house.db, scope, async (t) => {
      const key = await subjectKey(house, t, scope, exportSubject(id))
      const envelope = sealText(key, chunkPlace(scope, id, n), piece)
      const kept = await addChunk(t, scope, id, { n, envelope, threads: met, lines, bytes: Buffer.byteLength(piece) })
      // Ended meanwhile, by an erasure: nobody wants the rest.
      if (kept === 0) throw new Problem('state_conflict', { state: 'failed' })
    })
    n++
  }
  const putText = async (line: string) => {
    hash = sha256(Buffer.concat([hash, Buffer.from(line)]))
    text += `${line}\n`
    count++
    held++
    if (text.length >= PIECE_BYTES) await flush()
  }
  return {
    put: (line) => putText(writeJson(line)),
    putText,
    thread: () => void threads++,
    count: () => count,
    hash: () => hash.toString('hex'),
    end: async () => (text === '' ? undefined : flush()),
  }
}
