// Erasures of what agents said (relay.md R109): planned with counts, confirmed, done at once by a job, and told with a signed receipt. Takes the contents of threads, what repeats
// them in questions to people, in stored deliveries and in exports, and where they told; of another tenant's threads what one's own side keeps: what it held back, its questions, its
// exports. Leaves envelopes, hashes, decisions and the record, which verifies as before. A hold stops it.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { type Receipt, sealMember, signReceipt } from '../../events/audit/receipt.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { eraseSubject } from '../../identity/keys-at-rest/erasure/erase.ts'
import { newId } from '../../std/id.ts'
import { eraseIn } from '../../tasks/erasure/erase.ts'
import { withdrawAsksOfThreads } from '../asks/ask.ts'
import { forgetTelling } from '../endpoints/endpoint.ts'
import { endKept } from '../held/end.ts'
import { heldSubject } from '../holds/hold.ts'
import { heldAmong, isHeld, ownsThing } from '../holds/sql.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded } from '../model.ts'
import { changeThread } from '../threads/change.ts'
import { findCard, findThread, lockThread } from '../threads/sql.ts'
import {
  type Counts,
  cancelIfPlanned,
  confirmIfPlanned,
  countAbout,
  countDeliveries,
  dropExports,
  type ErasureRow,
  eraseThread,
  findErasure,
  finishIfRunning,
  holdsOf,
  insertErasure,
  keepsOf,
  keptAbout,
  listErasures,
  namesOf,
  noteErasure,
  putCounts,
  replanIfPlanned,
  type Subject,
  tasksAbout,
} from './sql.ts'

export const ERASE = 'relay.erase'
const BATCH = 200
const NONE: Counts = { threads: 0, messages: 0, tasks: 0, deliveries: 0, keys: 0 }
const added = (a: Counts, b: Counts): Counts => ({
  threads: a.threads + b.threads,
  messages: a.messages + b.messages,
  tasks: a.tasks + b.tasks,
  deliveries: a.deliveries + b.deliveries,
  keys: a.keys + b.keys,
})
const PREFIX: Record<Subject, string> = { thread: 'thr_', relay_grant: 'rgr_', card: 'card_' }

/** What is left, and why. */
const STAYS = [
  'Envelopes of threads and messages (ids, sides, times, sizes, hashes, states): they say that something was said, not what. They go 400 days after a thread ended.',
  'Decisions and receipts, which hold digests alone.',
  'The record, which holds no contents and whose seals would break.',
  'What the other side took out or wrote down elsewhere, and what it keeps of questions to its own people.',
  'Of a thread that another tenant keeps: what was accepted there, which that tenant erases, and a question about an answer that still waits for people.',
]

export type Erasure = ErasureRow & { stays: readonly string[] }
const show = (row: ErasureRow): Erasure => ({ ...row, stays: STAYS })

/** Planned twice it is one plan, counted anew. */
export const planErasure = (house: RelayHouse, scope: Scope, input: { subject: Subject; id: string }): Promise<Erasure> =>
  tx(house.db, scope, async (t) => {
    const { subject, id } = input
    if (!id.startsWith(PREFIX[subject]))
      throw new Problem('validation_failed', {
        errors: [
          {
            path: '/id',
            code: 'invalid_format',
            message: `The id of a ${subject.replace('_', ' ')} begins with ${PREFIX[subject]}.`,
          },
        ],
      })
    if (!(await ownsThing(t, scope, id)) && !(await keepsOf(t, scope, id)).some) throw new Problem('not_found')
    await refuseHeld(t, scope, id)
    const plan = await countAbout(t, scope, id)
    const made = await insertErasure(t, scope, { id: newId('ers', t.now.getTime()), subject, subject_id: id, plan })
    if (!made) {
      const again = await replanIfPlanned(t, scope, id, plan)
      if (!again) throw new Problem('state_conflict', { state: 'running' })
      return show(again)
    }
    await tell(t, scope, 'erasure.planned', made)
    return show(made)
  })

async function refuseHeld(t: Tx, scope: Scope, id: string): Promise<void> {
  if ((await isHeld(t, scope)) || (await holdsOf(t, scope, id)).held) throw new Problem('legal_hold')
}

const tell = (t: Tx, scope: Scope, type: 'erasure.planned' | 'erasure.confirmed' | 'erasure.cancelled', row: ErasureRow) =>
  record(
    t,
    scope,
    type,
    { erasure_id: row.id, subject: row.subject, subject_id: row.subject_id, plan: row.plan },
    { resource: { type: 'erasure', id: row.id } },
  )

export const confirmErasure = (house: RelayHouse, scope: Scope, id: string): Promise<Erasure> =>
  tx(house.db, scope, async (t) => {
    const row = await confirmIfPlanned(t, scope, id)
    if (!row) return conflict(t, scope, id)
    await refuseHeld(t, scope, row.subject_id)
    await tell(t, scope, 'erasure.confirmed', row)
    await enqueue(t, { kind: ERASE, tenantId: scope.tenantId, payload: { erasure_id: id } })
    return show(row)
  })

export const cancelErasure = (house: RelayHouse, scope: Scope, id: string): Promise<Erasure> =>
  tx(house.db, scope, async (t) => {
    const row = await cancelIfPlanned(t, scope, id)
    if (!row) return conflict(t, scope, id)
    await tell(t, scope, 'erasure.cancelled', row)
    return show(row)
  })

async function conflict(t: Tx, scope: Scope, id: string): Promise<never> {
  const row = await findErasure(t, scope, id)
  if (!row) throw new Problem('not_found')
  throw new Problem('state_conflict', { state: row.state })
}

/** Once it is done with its receipt, signed anew at each call; with the way to the checkpoint as soon as the event is sealed. */
export async function getErasure(house: RelayHouse, scope: Scope, id: string): Promise<Erasure & { receipt: Receipt | null }> {
  const row = await tx(house.db, scope, (t) => findErasure(t, scope, id), { readOnly: true })
  if (!row) throw new Problem('not_found')
  return { ...show(row), receipt: row.event_id === null ? null : await receiptOf(house, scope, row, row.event_id) }
}

async function receiptOf(house: RelayHouse, scope: Scope, row: ErasureRow, eventId: string): Promise<Receipt> {
  const seal = await sealMember(house, scope, eventId)
  const { id, subject, subject_id, counts, finished_at } = row
  const members = { erasure_id: id, subject, subject_id, counts, erased_at: finished_at, event_id: eventId }
  return signReceipt(house, scope, { ...members, ...(seal ? { seal } : {}) })
}

export const pageErasures = (house: RelayHouse, scope: Scope, query: { limit: number; cursor?: string | undefined }) => {
  const { limit, cursor } = query
  const at = { tenantId: scope.tenantId, route: 'GET /erasures', filter: {} }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listErasures(t, scope, before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: ({ id }) => id })
      return { ...page, data: page.data.map(show) }
    },
    { readOnly: true },
  )
}

/** The job, thread by thread; killed and run again it goes on. False: an export of it is still being written, or something holds it. */
export async function runErasure(house: RelayHouse, tenantId: string, id: string, signal?: AbortSignal): Promise<boolean> {
  const scope = systemScope('erasure', tenantId)
  const row = await tx(house.db, scope, (t) => findErasure(t, scope, id), { readOnly: true })
  if (row?.state !== 'running') return true
  const names = await tx(house.db, scope, async (t) => (await namesOf(t, scope, row.subject_id)).map((one) => one.id))
  if ((await tx(house.db, scope, (t) => dropExports(t, names))).running > 0) return false
  let counts = row.counts ?? NONE
  for (let after = ''; ; ) {
    const found = await tx(house.db, scope, (t) => keptAbout(t, scope, row.subject_id, after, BATCH), { readOnly: true })
    for (const thread of found) {
      signal?.throwIfAborted()
      const before: Counts = counts
      const sum = await tx(house.db, scope, async (t) => {
        const gone = await eraseOne(house, t, scope, thread.id, row.id)
        const all = gone && added(before, gone)
        if (all) await putCounts(t, scope, row.id, all)
        return all
      })
      if (!sum) return false
      counts = sum
    }
    const last = found.at(-1)
    if (!last || found.length < BATCH) break
    after = last.id
  }
  // Of one that began to be written meanwhile.
  if ((await tx(house.db, scope, (t) => dropExports(t, names))).running > 0) return false
  const all = counts
  await tx(house.db, scope, (t) => finish(t, scope, row, all))
  return true
}

async function finish(t: Tx, scope: Scope, row: ErasureRow, counts: Counts): Promise<void> {
  const data = { erasure_id: row.id, subject: row.subject, subject_id: row.subject_id, by: row.confirmed_by, counts }
  const eventId = await record(t, scope, 'erasure.done', data, { resource: { type: 'erasure', id: row.id } })
  await finishIfRunning(t, scope, row.id, counts, eventId)
}

/** Null: it is held. What is open is closed first: nobody answers what nobody can read. */
async function eraseOne(house: RelayHouse, t: Tx, scope: Scope, id: string, erasureId: string): Promise<Counts | null> {
  if ((await isHeld(t, scope)) || (await heldAmong(t, scope, [id])).length > 0) return null
  const seen = await findThread(t, scope, id)
  if (seen && !isEnded(seen.state)) await withdrawAsksOfThreads(house, t, scope, [id])
  let thread = await lockThread(t, scope, id)
  const card = thread && (await findCard(t, scope, { id: thread.card_id }))
  if (!thread || !card) return eraseKept(house, t, scope, id)
  if (!isEnded(thread.state)) {
    const end = { state: 'closed', outcome: 'canceled', reason: 'closed_by_owner', claimedUntil: null, approval: null } as const
    thread = await changeThread(house, t, scope, thread, card, end, [], { erasure_id: erasureId })
  }
  const { messages } = await eraseThread(t, id)
  const tasks = await eraseTasks(t, scope, id)
  const { n: deliveries } = await countDeliveries(t, scope, id)
  await forgetTelling(house, t, scope, id)
  let keys = 0
  for (const subject of [`thread:${id}`, heldSubject(id)]) if (await eraseSubject(t, scope, subject)) keys++
  if (messages > 0) {
    await noteErasure(t, scope, id)
    await changeThread(house, t, scope, thread, card, {}, [{ type: 'payload.erased', data: { messages, erasure_id: erasureId } }])
  }
  // Said again of what is gone already, after a crash or for another reason, it adds nothing.
  return messages + tasks + keys === 0 ? NONE : { threads: 1, messages, tasks, deliveries, keys }
}

/** Of a thread that lies elsewhere, or never began: what was held back here, and what people here were asked. */
async function eraseKept(house: RelayHouse, t: Tx, scope: Scope, id: string): Promise<Counts> {
  await endKept(house, t, scope, id)
  const { messages } = await eraseThread(t, id)
  const tasks = await eraseTasks(t, scope, id)
  if (messages > 0) await noteErasure(t, scope, id)
  return messages + tasks === 0 ? NONE : { threads: 1, messages, tasks, deliveries: 0, keys: 0 }
}

/** Questions to people show what was said: theirs goes with it. One about an answer that still waits for people stays until they have decided. */
async function eraseTasks(t: Tx, scope: Scope, threadId: string): Promise<number> {
  let erased = 0
  for (const { task_id } of await tasksAbout(t, scope, threadId)) if (await eraseIn(t, scope, task_id, 'asked')) erased++
  return erased
}
