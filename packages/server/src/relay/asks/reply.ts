// An answer that the owner's own policies held back (relay.md R80): released as it was, or as the approver edited it, with both hashes on the owner's record; refused, it reached
// nobody, and the thread is the owner's to answer otherwise.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { openContents } from '../../tasks/content.ts'
import type { TaskRow } from '../../tasks/sql.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded, type Part } from '../model.ts'
import { changeThread } from '../threads/change.ts'
import { judgeMessage } from '../threads/gate.ts'
import { mediaTypes, partKinds, readContent } from '../threads/parts.ts'
import { isWhole, openPayloads, payloadHash, sealPayload } from '../threads/payload.ts'
import { NEXT, newsOf } from '../threads/respond.ts'
import {
  type CardRow,
  findCard,
  findThread,
  heldReplies,
  lockThread,
  type MessageRow,
  shareGrant,
  type ThreadRow,
} from '../threads/sql.ts'
import type { News } from '../threads/tell.ts'
import { comeIn } from './coming.ts'
import { replyAbout, responderAgain } from './hold.ts'
import { askingOf } from './question.ts'
import { decidedNews, REASON, type Settle, stillPasses } from './settle.ts'
import { type MessageAsk, reholdReply, releaseReply, settleAskIf, settleReplies } from './sql.ts'

export const settleReply: Settle = async (house, t, scope, task, ask, end) => {
  const grant = await shareGrant(t, scope, ask.relay_grant_id)
  const thread = await lockThread(t, scope, ask.thread_id)
  const card = thread && (await findCard(t, scope, { id: thread.card_id }))
  const edited = end === 'agreed' ? await editedParts(house, t, scope, task) : null
  const editedHash = edited && thread ? payloadHash(edited, thread.skill, thread.id) : null
  if ((await settleAskIf(t, scope, task.id, { state: end, editedHash })) === 0) return
  if (!grant || !thread || !card || isEnded(thread.state)) {
    await settleReplies(t, scope, task.id, 'withdrawn', 'thread_ended')
    return
  }
  const messages = await heldReplies(t, scope, task.id)
  const passes = async () =>
    grant.state === 'active' &&
    !grant.is_over &&
    (await passesNow(house, t, scope, { card, thread, messages, ask, parts: edited }))
  const reason = end === 'agreed' ? ((await passes()) ? null : ('policy_denied' as const)) : REASON[end]
  const decided = await decidedNews(t, scope, task, ask, end, { reason, editedHash })
  if (reason !== null) {
    await settleReplies(t, scope, task.id, 'refused', reason)
    const next = thread.reason === 'reply_held' ? ({ state: 'waiting_owner', reason: null } as const) : {}
    await changeThread(house, t, scope, thread, card, next, [decided])
    return
  }
  const final = await asEdited(house, t, scope, messages, edited)
  const response = ask.response as NonNullable<MessageAsk['response']>
  // The other side has policies too.
  const about = await aboutReply(house, t, scope, { card, thread, messages: final, ask, parts: edited })
  const held = await comeIn(house, t, scope, { card, thread, about, leadId: ask.message_id, response })
  if (held !== null) {
    if (held === 'denied') await settleReplies(t, scope, task.id, 'refused', 'policy_denied')
    else for (const one of final) await reholdReply(t, scope, one, held.approval.task_id)
    const next = held === 'denied' ? ({ state: 'failed', reason: 'reply_refused', claimedUntil: null } as const) : {}
    await changeThread(house, t, scope, thread, card, next, [decided])
    return
  }
  await goOut(house, t, scope, { card, thread, messages: final, response, before: [decided] })
}

type Going = {
  card: CardRow
  thread: ThreadRow
  messages: readonly MessageRow[]
  response: NonNullable<MessageAsk['response']>
  /** What is told before it. */
  before: readonly News[]
}

/** To its caller: each message takes the number of the event that tells of it. */
export async function goOut(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  { card, thread, messages, response: { outcome, error }, before }: Going,
): Promise<void> {
  const released = messages.map(
    (one, i): MessageRow => ({
      ...one,
      ...{ state: 'delivered', sequence: thread.sequence + before.length + i + 1, delivered_at: t.now },
    }),
  )
  for (const row of released) await releaseReply(t, scope, row)
  const lead = released.find((one) => one.kind !== 'artifact')
  const next = {
    ...NEXT[outcome],
    claimedUntil: null,
    error: outcome === 'failed' ? (error ?? { code: 'agent_error', message: '' }) : thread.error,
    answeredAt: thread.answered_at ?? t.now,
  }
  await changeThread(
    house,
    t,
    scope,
    thread,
    card,
    next,
    [...before, ...released.map(newsOf)],
    lead ? { message_id: lead.id } : {},
  )
}

/** Null: as it was. */
async function editedParts(house: RelayHouse, t: Tx, scope: Scope, task: TaskRow): Promise<Part[] | null> {
  const answer = (await openContents(house.tasks, t, scope, [task.id])).task(task).response as unknown as {
    type?: string
    args?: Record<string, unknown>
  } | null
  return answer?.type === 'edit' && answer.args ? partsOf(answer.args) : null
}

const partsOf = (args: Readonly<Record<string, unknown>>): Part[] =>
  readContent({ parts: Array.isArray(args.parts) ? (args.parts as Part[]) : [] }, '/args').parts

type Now = { card: CardRow; thread: ThreadRow; messages: readonly MessageRow[]; ask: MessageAsk; parts: Part[] | null }

/** Whether all of it is what people saw. */
export async function isAsAsked(house: RelayHouse, t: Tx, scope: Scope, messages: readonly MessageRow[]): Promise<boolean> {
  const payloads = await openPayloads(house, t, scope, messages)
  const isWholly = messages.every((one) => {
    const payload = payloads.get(one.id)
    return payload !== undefined && isWhole(one, payload)
  })
  if (!isWholly) house.log.error({ messages: messages.map(({ id }) => id) }, 'a reply is not what was approved; it goes nowhere')
  return isWholly
}

/** As it was judged when it came; `parts`: as it was edited. */
export async function aboutReply(house: RelayHouse, t: Tx, scope: Scope, { card, thread, messages, ask, parts }: Now) {
  const payloads = await openPayloads(house, t, scope, messages)
  const said = parts ?? messages.filter((one) => one.kind !== 'artifact').flatMap((one) => payloads.get(one.id)?.parts ?? [])
  return replyAbout(t, scope, {
    card,
    thread,
    parts: said,
    payloadHash: parts ? payloadHash(parts, thread.skill, thread.id) : ask.payload_hash,
    bytes: messages.reduce((sum, one) => sum + one.size_bytes, 0),
  })
}

async function passesNow(house: RelayHouse, t: Tx, scope: Scope, now: Now): Promise<boolean> {
  if (!(await isAsAsked(house, t, scope, now.messages))) return false
  const who = await responderAgain(t, scope, now.messages[0]?.created_by ?? '', now.card)
  return stillPasses(house, t, scope, who, await aboutReply(house, t, scope, now))
}

/** Each under its own key as before; the artifact that stands for the whole answer is edited with it. */
async function asEdited(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  messages: readonly MessageRow[],
  edited: Part[] | null,
): Promise<MessageRow[]> {
  if (!edited) return [...messages]
  const rows: MessageRow[] = []
  for (const row of messages) {
    const [sealed] = await sealPayload(house, t, scope, row.subject as string, [{ id: row.id, payload: { parts: edited } }])
    const { envelope, bytes } = sealed as { envelope: Buffer; bytes: number }
    rows.push({
      ...row,
      ...{ payload: envelope, size_bytes: bytes, payload_hash: payloadHash(edited, row.skill, row.thread_id) },
      ...{ part_kinds: partKinds(edited), media_types: mediaTypes(edited) },
    })
  }
  return rows
}

/** How many people policy wants for it as it was edited. */
export async function judgeEditedReply(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  task: TaskRow,
  ask: MessageAsk,
  args: Readonly<Record<string, unknown>>,
): Promise<number> {
  const thread = await findThread(t, scope, ask.thread_id)
  const card = thread && (await findCard(t, scope, { id: thread.card_id }))
  if (ask.what !== 'reply_out' || !thread || !card) throw new Problem('task_not_open', { status: task.status })
  const parts = partsOf(args)
  const [first] = await heldReplies(t, scope, task.id)
  const about = await replyAbout(t, scope, {
    card,
    thread,
    parts,
    payloadHash: payloadHash(parts, thread.skill, thread.id),
    bytes: Buffer.byteLength(JSON.stringify(parts)),
  })
  const judged = await judgeMessage(house, t, await responderAgain(t, scope, first?.created_by ?? '', card), about)
  const { outcome, policy_ids, policy_version, reason } = judged.outcome
  if (outcome === 'deny') {
    const detail = `As it is edited the answer would be refused: ${reason}.`
    throw new Problem('edited_action_denied', {
      errors: [{ path: '/args', field: '', code: 'denied', message: detail }],
      policy_ids,
      policy_version,
      detail,
    })
  }
  return outcome === 'ask' ? askingOf(judged).quorum : 1
}
