// The writing of an export (relay.md R110, platform.md P145): one JSON object a line, closed by a checkpoint that is signed. Every event of the record comes with its way to that
// checkpoint, so `countersign audit verify` checks the file with no server. Written in pieces, sealed under a key of the export; killed and run again it begins anew.
import { canonical } from '../../crypto/canonical.ts'
import { signJws } from '../../crypto/ed25519.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { once, tx } from '../../db/tx.ts'
import { checkpointNow, proofOf } from '../../events/audit/checkpoint.ts'
import { publishedKeys, signingKey, verifierKeys } from '../../events/audit/keys.ts'
import type { CheckpointRow } from '../../events/audit/sql.ts'
import { EXPORT_TYPE } from '../../events/audit/verify-side.ts'
import { tenantWire } from '../../std/id.ts'
import type { RelayHouse } from '../house.ts'
import { partyScope } from '../party.ts'
import { type Place, relayPlace } from '../sql.ts'
import { type Lines, linesOf } from './lines.ts'
import { type Job, writeGiven, writeHeld, writeRequestReceipts, writeSealed, writeThreads } from './side.ts'
import { type ExportRow, endIfRunning, findExport, restartExport } from './sql.ts'
import { writeTenant } from './tenant.ts'

export { EXPORT } from './export.ts'

const KEPT_MS = 7 * 24 * 3_600_000

/** False: what happened before it was asked for is not sealed yet. */
export async function writeExport(house: RelayHouse, tenantId: string, id: string, signal?: AbortSignal): Promise<boolean> {
  const own = systemScope('relay-export', tenantId)
  const now = () => tx(house.db, own, (t) => findExport(t, own, id), { readOnly: true })
  const row = await now()
  if (row?.state !== 'running') return true
  const checkpoint = await checkpointNow(house, own)
  if (!checkpoint || !(await proofOf(house, own, row.event_id))) return false
  await tx(house.db, own, (t) => restartExport(t, own, id, checkpoint.size))
  try {
    await writeWhole(house, own, row, checkpoint, signal)
  } catch (error) {
    // Ended while it was written.
    if ((await now())?.state === 'running') throw error
  }
  return true
}

async function writeWhole(house: RelayHouse, own: Scope, row: ExportRow, checkpoint: CheckpointRow, signal?: AbortSignal) {
  const out = linesOf(house, own, row.id)
  const { id, subject, subject_id, side, requested_by, created_at } = row
  const tenant_id = tenantWire(own.tenantId)
  await out.put({ export: { v: 1, id, tenant_id, subject, subject_id, side, requested_by, created_at } })
  if (subject === 'tenant') await writeTenant({ house, own, checkpoint, out }, signal)
  else {
    const there = await scopeThere(house, own, row)
    const job: Job = { house, own, there, side: side === 'owner' ? 'owner' : 'caller', checkpoint, out }
    await writeSealed(job, id)
    // Of a thread they come with the thread itself.
    if (subject !== 'thread') await writeSealed(job, subject_id)
    await writeGiven(job, subject, subject_id)
    if (side === 'owner' && subject !== 'thread') await writeRequestReceipts(job, subject_id)
    await writeThreads(job, subject_id, signal)
    if (side === 'caller') await writeHeld(job, subject_id)
  }
  await close({ house, own, row, checkpoint, out })
}

export async function failExport(house: RelayHouse, tenantId: string, id: string, error: string): Promise<void> {
  const scope = systemScope('relay-export', tenantId)
  await tx(house.db, scope, (t) => endIfRunning(t, scope, id, { linesHash: null, error, keepMs: KEPT_MS }))
}

async function scopeThere(house: RelayHouse, own: Scope, { side, subject_id }: ExportRow): Promise<Scope> {
  if (side === 'owner') return { ...own, relaySide: 'owner' }
  const [place] = await once<Place>(house.db, relayPlace(subject_id))
  if (!place) throw new Error('What is exported is not there any more.')
  return partyScope(own, place, ['threads:read'])
}

type Closing = { house: RelayHouse; own: Scope; row: ExportRow; checkpoint: CheckpointRow; out: Lines }

async function close({ house, own, row, checkpoint, out }: Closing): Promise<void> {
  const { note } = checkpoint
  const origin = note.slice(0, note.indexOf('\n'))
  const [verifier_keys, receipts] = [
    verifierKeys(origin, await publishedKeys(house, 'audit-sign')),
    await publishedKeys(house, 'receipt'),
  ]
  const receipt_keys = receipts.map(({ kid, public_key }) => ({
    kid,
    kty: 'OKP',
    crv: 'Ed25519',
    x: public_key.toString('base64url'),
  }))
  const [lines, lines_hash] = [out.count(), out.hash()]
  const key = await tx(house.db, own, (t) => signingKey(house, t, 'audit-sign'))
  const said = canonical({ v: 1, export_id: row.id, lines, lines_hash, note, receipt_keys })
  const signature = signJws(key.seed, { typ: EXPORT_TYPE, kid: key.kid }, said)
  await out.put({ checkpoint: { note, export_id: row.id, lines, lines_hash, verifier_keys, receipt_keys, signature } })
  await out.end()
  await tx(house.db, own, (t) => endIfRunning(t, own, row.id, { linesHash: lines_hash, error: null, keepMs: KEPT_MS }))
}
