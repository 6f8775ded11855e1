// Proxies that may call the gate (V80): known by the fingerprint of a certificate whose key was made on their machine and never left it. A host enrols and expels;
// who is expelled loses its line at once, and its key never comes back. Keeps no key and hands out none.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Db, once, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import {
  type CallsRow,
  callsOf,
  expelNodeIfLive,
  findAdmitted,
  findNode,
  findNodeByFingerprint,
  insertNodeIfNew,
  listNodes,
  type NodeRow,
  notAdmitted,
  takeOverNode,
} from './sql.ts'

export type EnrolHouse = { db: Db }

/** Whoever listens at the gate looks again who may have a line. */
export const NODES_TOPIC = 'proxy:nodes'
/** A node beats every two seconds. */
export const SILENT_SECONDS = 10

export type Node = ReturnType<typeof showNode>

export function enrolNode(house: EnrolHouse, scope: Scope, input: { fingerprint: string; name: string }): Promise<Node> {
  const fingerprint = Buffer.from(input.fingerprint, 'hex')
  return tx(house.db, scope, async (t) => {
    const id = newId('nod', t.now.getTime())
    const made = await insertNodeIfNew(t, scope, { id, fingerprint, name: input.name.trim() })
    if (made) {
      const data = { node_id: id, fingerprint: input.fingerprint }
      await record(t, scope, 'node.enrolled', data, { resource: { type: 'node', id } })
      return showNode(made, t.now)
    }
    const known = (await findNodeByFingerprint(t, fingerprint)) as NodeRow
    const said = known.expelled_at
      ? 'It was expelled, and a key that was never comes back: make another.'
      : 'It is enrolled already.'
    throw new Problem('state_conflict', { state: known.expelled_at ? 'expelled' : 'enrolled', detail: `${known.id}: ${said}` })
  })
}

export const expelNode = (house: EnrolHouse, scope: Scope, id: string): Promise<void> =>
  tx(house.db, scope, async (t) => {
    const expelled = await expelNodeIfLive(t, scope, id)
    if (!expelled) {
      if (!(await findNode(t, id))) throw new Problem('not_found')
      throw new Problem('state_conflict', { state: 'expelled', detail: 'It was expelled before.' })
    }
    await record(t, scope, 'node.expelled', { node_id: id }, { resource: { type: 'node', id } })
    t.wake(NODES_TOPIC)
  })

export const listNodesOf = (house: EnrolHouse, scope: Scope, page: { from: string | null; limit: number }): Promise<Node[]> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const rows = await listNodes(t, page.from, page.limit)
      const calls = new Map(
        (
          await callsOf(
            t,
            rows.map(({ id }) => id),
          )
        ).map(({ node_id, ...counts }) => [node_id, counts]),
      )
      return rows.map((row) => showNode(row, t.now, calls.get(row.id)))
    },
    { readOnly: true },
  )

/** The proxy that a process of development starts beside itself: one node whose key is another at each start. */
export async function enrolBeside(house: EnrolHouse, scope: Scope, name: string, fingerprint: string): Promise<string> {
  const bytes = Buffer.from(fingerprint, 'hex')
  const known = await tx(house.db, scope, (t) => takeOverNode(t, scope, name, bytes))
  return known ? known.id : (await enrolNode(house, scope, { fingerprint, name })).id
}

/** The id of whoever shows this certificate; null: a stranger, or one that was expelled. */
export async function admitted({ db }: EnrolHouse, fingerprint: string): Promise<string | null> {
  const [row] = await once<{ id: string }>(db, findAdmitted(Buffer.from(fingerprint, 'hex')))
  return row?.id ?? null
}

/** Of these, who may not have a line (any more). */
export async function strangersAmong({ db }: EnrolHouse, fingerprints: readonly string[]): Promise<string[]> {
  if (fingerprints.length === 0) return []
  const rows = await once<{ fingerprint: string }>(db, notAdmitted(fingerprints.map((one) => Buffer.from(one, 'hex'))))
  return rows.map((row) => row.fingerprint)
}

function stateOf({ expelled_at, seen_at }: NodeRow, now: Date): 'live' | 'silent' | 'expelled' {
  if (expelled_at) return 'expelled'
  return seen_at && now.getTime() - seen_at.getTime() <= SILENT_SECONDS * 1_000 ? 'live' : 'silent'
}

const NO_CALLS: Omit<CallsRow, 'node_id'> = { opens: 0, materials: 0, asks: 0, busiest: 0 }

const showNode = (row: NodeRow, now: Date, calls = NO_CALLS) => ({
  id: row.id,
  name: row.name,
  fingerprint: row.fingerprint.toString('hex'),
  state: stateOf(row, now),
  enrolled_by: row.enrolled_by,
  enrolled_at: row.enrolled_at,
  seen_at: row.seen_at,
  version: row.version,
  lag_ms: row.lag_ms,
  leases: row.leases,
  runs: row.runs,
  calls,
  expelled_at: row.expelled_at,
  expelled_by: row.expelled_by,
})
