// One side of the relay as lines (relay.md R110): what was given, threads with their messages, artifacts and events, what was held back, what people decided with its receipts, and
// the events of the side's own record, each with its way to the checkpoint. A message whose contents are gone says so. Writes nothing of the other side's people.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { provePlaces } from '../../events/audit/checkpoint.ts'
import type { CheckpointRow } from '../../events/audit/sql.ts'
import { taskReceipt } from '../../tasks/receipt.ts'
import { EVERY, findTask, isFinal } from '../../tasks/sql.ts'
import { type Subject, threadsAbout } from '../erasures/sql.ts'
import { showGrant } from '../grants/show.ts'
import { findGrant } from '../grants/sql.ts'
import { messageOfHeld } from '../held/show.ts'
import { findCallerThread, heldAbout } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { MessageKind, Side } from '../model.ts'
import { mergeArtifacts, shown } from '../threads/read.ts'
import { showEvent, showThread } from '../threads/show.ts'
import { findThread, listMessages, listThreadEvents } from '../threads/sql.ts'
import type { Lines } from './lines.ts'
import { asksOf, grantsOfCard, requestTasks, type SealedRow, sealedAbout, sealedBetween, versionsOf } from './sql.ts'

const PAGE = 100
const SEALS = 500
const ALL: readonly MessageKind[] = ['message', 'progress', 'artifact']

/** What is written where: the exporting tenant's own record, and the rows of the relay where they lie. */
export type Job = { house: RelayHouse; own: Scope; there: Scope; side: Side; checkpoint: CheckpointRow; out: Lines }

/** What was published and given: a card in its versions with its relay grants, or one of these. */
export async function writeGiven(job: Job, subject: Subject, id: string): Promise<void> {
  const { house, there, side, out } = job
  if (subject === 'thread') return
  const grants = subject === 'card' ? (await read(house, there, (t) => grantsOfCard(t, there, id))).map((one) => one.id) : [id]
  if (subject === 'card')
    for (const one of await read(house, there, (t) => versionsOf(t, there, id)))
      await out.put({
        card_version: { card_id: id, number: one.number, created_at: one.created_at, document: one.native.toString('utf8') },
      })
  for (const grant of grants) {
    const found = await read(house, there, async (t) => {
      const one = await findGrant(t, there, grant)
      return one && showGrant(t, there, one, side)
    })
    if (found) await out.put({ relay_grant: found })
    if (grant !== id) await writeSealed(job, grant)
  }
}

/** Who was asked to let them in, signed. */
export async function writeRequestReceipts(job: Job, id: string): Promise<void> {
  const { house, own } = job
  for (const { task_id } of await read(house, own, (t) => requestTasks(t, own, id))) await writeReceipt(job, task_id)
}

export async function writeThreads(job: Job, id: string, signal?: AbortSignal): Promise<void> {
  const { house, there } = job
  for (let after = ''; ; ) {
    const found = await tx(house.db, there, (t) => threadsAbout(t, there, id, after, PAGE), { readOnly: true })
    for (const thread of found) {
      signal?.throwIfAborted()
      await writeThread(job, thread.id)
    }
    const last = found.at(-1)
    if (!last || found.length < PAGE) return
    after = last.id
  }
}

export const read = <T>(house: RelayHouse, scope: Scope, work: (t: Tx) => Promise<T>): Promise<T> =>
  tx(house.db, scope, work, { readOnly: true })

async function writeThread(job: Job, id: string): Promise<void> {
  const { house, there, out } = job
  const thread = await read(house, there, (t) => findThread(t, there, id))
  if (!thread) return
  out.thread()
  await out.put({ thread: showThread(thread, house.origin()) })
  await writeSealed(job, id)
  const artifacts = []
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await read(house, there, (t) => listMessages(t, there, id, after, PAGE, ALL))
    const messages = await read(house, there, (t) => shown(house, t, there, rows))
    for (const message of messages) await out.put({ message })
    artifacts.push(...messages.filter((one) => one.kind === 'artifact'))
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) break
    after = last.sequence
  }
  for (const artifact of mergeArtifacts(artifacts)) await out.put({ artifact: { thread_id: id, ...artifact } })
  for (let after = 0; ; ) {
    const events = await read(house, there, (t) => listThreadEvents(t, there, id, after, PAGE))
    for (const event of events) await out.put({ event: { thread_id: id, ...showEvent(there, thread, event) } })
    const last = events.at(-1)
    if (!last || events.length < PAGE) break
    after = last.sequence
  }
  await writeDecisions(job, id)
}

/** What the caller's own side held back: the owner's has no row of it. */
export async function writeHeld(job: Job, about: string): Promise<void> {
  const { house, own, there, out } = job
  const held = await read(house, own, (t) => heldAbout(t, own, about))
  for (const id of new Set(held.map((one) => one.thread_id))) {
    const thread = await read(house, there, (t) => findCallerThread(t, there, id))
    if (thread?.is_apart) {
      out.thread()
      await out.put({ thread: showThread(thread, house.origin()) })
      await writeSealed(job, id)
      await writeDecisions(job, id)
    }
    const rows = held.filter((one) => one.thread_id === id).map((one) => messageOfHeld(own.tenantId, one))
    for (const message of await read(house, there, (t) => shown(house, t, there, rows))) await out.put({ message })
  }
}

async function writeDecisions(job: Job, id: string): Promise<void> {
  const { house, own, out } = job
  const asks = await read(house, own, (t) => asksOf(t, own, id))
  for (const ask of asks) await out.put({ decision: { thread_id: id, ...ask } })
  for (const task of new Set(asks.map((one) => one.task_id))) await writeReceipt(job, task)
}

/** Of questions that have ended: who decided what, signed. */
export async function writeReceipt({ house, own, out }: Job, taskId: string): Promise<void> {
  const task = await read(house, own, (t) => findTask(t, own, taskId, EVERY))
  if (!task || !isFinal(task.status)) return
  const { receipt } = await taskReceipt(house.tasks, own, taskId, undefined)
  await out.put({ receipt: { task_id: taskId, receipt } })
}

/** What the side's own record says of a thing, each event with its way to the checkpoint. */
export async function writeSealed({ house, own, checkpoint, out }: Job, resource: string): Promise<void> {
  const { size } = checkpoint
  for (const sealed of await read(house, own, async (t) => proven(t, own, size, await sealedAbout(t, own, resource, size))))
    await out.put({ sealed })
}

/** The whole of it, from its first event on. */
export async function writeRecord({ house, own, checkpoint, out }: Job, signal?: AbortSignal): Promise<void> {
  const { size } = checkpoint
  for (let from = 1; from <= size; from += SEALS) {
    signal?.throwIfAborted()
    const to = Math.min(size, from + SEALS - 1)
    for (const sealed of await read(house, own, async (t) => proven(t, own, size, await sealedBetween(t, own, from, to))))
      await out.put({ sealed })
  }
}

async function proven(t: Tx, own: Scope, size: number, rows: readonly SealedRow[]) {
  const proofs = await provePlaces(
    t,
    own,
    size,
    rows.map((one) => one.seq),
  )
  return rows.map(({ seq, digest, prev_hash, hash, body }, i) => ({
    ...{ seq, prev_hash: prev_hash.toString('hex'), hash: hash.toString('hex') },
    ...(body === null ? { digest: digest.toString('hex') } : { event: body }),
    proof: (proofs[i] as Buffer[]).map((one) => one.toString('hex')),
  }))
}
