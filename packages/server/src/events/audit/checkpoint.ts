// Signed checkpoints of every tenant's chain (P116): the tree over the seals' hashes, its root in a C2SP note under the log's own name.
// Signs only what grew out of the checkpoint before; of two processes that sign at once one is kept. Never rewrites a note.
import { Problem } from '@countersign/sdk'
import { signCheckpoint } from '../../crypto/ed25519.ts'
import { consistencyRanges, inclusionRanges, nodesOf, nodesOfRanges, rangeHash } from '../../crypto/merkle.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { tenantWire } from '../../std/id.ts'
import { findEvent } from '../sql.ts'
import type { AuditHouse } from './house.ts'
import { signingKey } from './keys.ts'
import {
  type CheckpointRow,
  checkpointsDue,
  type Due,
  findCheckpoint,
  findHead,
  findSealOf,
  listCheckpoints,
  putCheckpoint,
  type SealRow,
} from './sql.ts'
import { growTiles, readNodes, readNodesAsMaintenance } from './tree.ts'

type Signer = Pick<AuditHouse, 'db' | 'keyring' | 'origin'>

export const CHECKPOINT_EVENTS = 10_000
export const CHECKPOINT_MS = 60_000

/** The name of a tenant's log. */
export const logName = (house: Pick<AuditHouse, 'origin'>, tenantId: string): string =>
  `${new URL(house.origin()).host}/audit/${tenantWire(tenantId)}`

/** Signs whatever is due; answers how many. */
export async function signDue(house: Signer, many = CHECKPOINT_EVENTS, ageMs = CHECKPOINT_MS): Promise<number> {
  const system = systemScope('seal')
  const due = await tx(house.db, system, (t) => checkpointsDue(t, many, ageMs))
  let signed = 0
  for (const one of due) if (await signOne(house, one)) signed += 1
  return signed
}

/** One transaction a tenant: a long first tree holds nobody else up. */
const signOne = (house: Signer, { tenant_id, size, checkpoint_size }: Due): Promise<boolean> =>
  tx(house.db, systemScope('seal', tenant_id), async (t) => {
    await growTiles(t, tenant_id, checkpoint_size, size)
    const root = rangeHash(0, size, await readNodesAsMaintenance(t, tenant_id, nodesOf(0, size)))
    const key = await signingKey(house, t, 'audit-sign')
    const note = signCheckpoint(key.seed, { origin: logName(house, tenant_id), size, root })
    const { put } = await putCheckpoint(t, tenant_id, { was: checkpoint_size, size, root, note, version: key.version })
    return put
  })

/** For whoever needs one now that covers all that is sealed: an export, a receipt. Null: nothing is sealed yet. */
export async function checkpointNow(house: Signer, scope: Scope): Promise<CheckpointRow | null> {
  const head = await tx(house.db, scope, (t) => findHead(t, scope), { readOnly: true })
  if (!head) return null
  if (head.checkpoint_size < head.size)
    await signOne(house, { tenant_id: scope.tenantId, size: head.size, checkpoint_size: head.checkpoint_size })
  return latestCheckpoint(house, scope)
}

export const latestCheckpoint = (house: Pick<AuditHouse, 'db'>, scope: Scope): Promise<CheckpointRow | null> =>
  tx(house.db, scope, async (t) => (await listCheckpoints(t, scope, null, 1))[0] ?? null, { readOnly: true })

export type CheckpointView = {
  size: number
  root: string
  note: string
  created_at: Date
  cosignatures: string | null
}
export const showCheckpoint = ({ size, root, note, created_at, cosignatures }: CheckpointRow): CheckpointView => ({
  size,
  root: root.toString('hex'),
  note,
  created_at,
  cosignatures,
})

export async function getLatestCheckpoint(house: Pick<AuditHouse, 'db'>, scope: Scope): Promise<CheckpointView> {
  const row = await latestCheckpoint(house, scope)
  if (!row) throw new Problem('not_sealed_yet', { detail: 'No checkpoint of this log was signed yet.' })
  return showCheckpoint(row)
}

/** Newest first. */
export function pageCheckpoints(house: AuditHouse, scope: Scope, query: { limit: number; cursor?: string }) {
  const at = { tenantId: scope.tenantId, route: 'GET /audit/checkpoints', filter: {} }
  return tx(
    house.db,
    scope,
    async (t) => {
      const below = query.cursor === undefined ? null : openCursor<{ size: number }>(house.keyring, at, query.cursor, t.now).size
      const rows = await listCheckpoints(t, scope, below, query.limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit: query.limit, now: t.now, position: ({ size }) => ({ size }) })
      return { ...page, data: page.data.map(showCheckpoint) }
    },
    { readOnly: true },
  )
}

export type Proof = { seal: SealRow; checkpoint: CheckpointRow; proof: Buffer[] }

/** Where an event stands in the newest checkpoint. Null: it is not in one yet. */
export async function proofOf(house: Pick<AuditHouse, 'db'>, scope: Scope, eventId: string): Promise<Proof | null> {
  return tx(
    house.db,
    scope,
    async (t) => {
      const seal = await findSealOf(t, scope, eventId)
      const [checkpoint] = await listCheckpoints(t, scope, null, 1)
      if (!seal || !checkpoint || checkpoint.size < seal.seq) return null
      const ranges = inclusionRanges(seal.seq - 1, checkpoint.size)
      const hashOf = await readNodes(t, scope, nodesOfRanges(ranges))
      return { seal, checkpoint, proof: ranges.map(([lo, hi]) => rangeHash(lo, hi, hashOf)) }
    },
    { readOnly: true },
  )
}

export async function getProof(house: AuditHouse, scope: Scope, eventId: string) {
  const found = await proofOf(house, scope, eventId)
  if (!found) throw await whyNoProof(house, scope, eventId)
  const { seal, checkpoint, proof } = found
  return {
    event_id: eventId,
    seq: seal.seq,
    digest: seal.digest.toString('hex'),
    prev_hash: seal.prev_hash.toString('hex'),
    hash: seal.hash.toString('hex'),
    sealed_at: seal.sealed_at,
    size: checkpoint.size,
    root: checkpoint.root.toString('hex'),
    proof: proof.map((hash) => hash.toString('hex')),
    note: checkpoint.note,
  }
}

/** An event of which the record knows nothing is not found; one that waits for its checkpoint is not sealed yet. */
async function whyNoProof({ db }: Pick<AuditHouse, 'db'>, scope: Scope, eventId: string): Promise<Problem> {
  const [event, seal] = await tx(
    db,
    scope,
    async (t) => [await findEvent(t, scope, eventId), await findSealOf(t, scope, eventId)] as const,
    { readOnly: true },
  )
  return new Problem(event || seal ? 'not_sealed_yet' : 'not_found')
}

/** That the log of `from` events is the beginning of the log of `to` events; both are sizes of signed checkpoints. */
export async function getConsistency(house: AuditHouse, scope: Scope, { from, to }: { from: number; to: number }) {
  if (from > to)
    throw new Problem('validation_failed', {
      errors: [{ path: 'from', code: 'range_reversed', message: 'from is larger than to.' }],
    })
  return tx(
    house.db,
    scope,
    async (t) => {
      const [older, newer] = [await findCheckpoint(t, scope, from), await findCheckpoint(t, scope, to)]
      if (!older || !newer) throw new Problem('not_found', { detail: 'No checkpoint of that size was signed.' })
      const ranges = consistencyRanges(from, to)
      const hashOf = await readNodes(t, scope, nodesOfRanges(ranges))
      return {
        from: { size: from, root: older.root.toString('hex'), note: older.note },
        to: { size: to, root: newer.root.toString('hex'), note: newer.note },
        proof: ranges.map(([lo, hi]) => rangeHash(lo, hi, hashOf).toString('hex')),
      }
    },
    { readOnly: true },
  )
}

/** The ways of these events (by their sequence) to the root of one checkpoint, each as its proof. */
export async function provePlaces(t: Tx, scope: Scope, size: number, seqs: readonly number[]): Promise<Buffer[][]> {
  const ranges = seqs.map((seq) => inclusionRanges(seq - 1, size))
  const hashOf = await readNodes(t, scope, nodesOfRanges(ranges.flat()))
  return ranges.map((all) => all.map(([lo, hi]) => rangeHash(lo, hi, hashOf)))
}
