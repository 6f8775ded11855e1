// Any number of messages of callers to the agents of one tenant, taken in one transaction (relay.md T1, T12, R30): what they stand on is read once for all, what they become is
// written once for all, and whoever is refused is refused alone and leaves nothing. Who shares the transaction with others waits for no lock in it.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import type { Tx } from '../../../db/tx.ts'
import { keepDecisions } from '../../../identity/policies/recorded.ts'
import { newId, tenantWire } from '../../../std/id.ts'
import { type Asked, openAsk } from '../../asks/ask.ts'
import type { RelayHouse } from '../../house.ts'
import type { Accepted, Sent, StartInput } from '../accept.ts'
import { deadlineOf, dueOf, ringing, ringsUntil, type Step, stepOf, writeSteps } from '../change.ts'
import { callerScope, Denied, decidedOf } from '../gate.ts'
import { openSealer } from '../payload.ts'
import { insertMessages, type MessageRow, type NewThread, type ThreadRow } from '../sql.ts'
import { tellThreads } from '../tell.ts'
import { contentsOf } from './contents.ts'
import { addUsage, groundsOf, holdThreads, insertThreads, type LockedThread, type Spent, shareGrants, type Way } from './sql.ts'
import { APART, type Scales, type Weighed, weigh } from './weigh.ts'

const PARTS_OF_USAGE = 16

export type Taken = Accepted | Problem | Denied | typeof APART

/** Answers in the order of `all`. Nobody of them is asked about where several are taken: that one goes apart. */
export async function takeAll(house: RelayHouse, t: Tx, scope: Scope, all: readonly Sent[], way: Way): Promise<Taken[]> {
  const scales = await openScales(house, t, scope, all, way)
  const taken = new Map<Sent, Taken>()
  const weighed: Weighed[] = []
  for (const sent of all) {
    const found = scales.isFree(sent) ? await orRefusal(weigh(scales, sent)) : APART
    if (found === APART || found instanceof Problem || found instanceof Denied) taken.set(sent, found)
    else weighed.push(found)
  }
  if (weighed.length > 0) for (const [sent, accepted] of await write(house, t, scope, weighed)) taken.set(sent, accepted)
  return all.map((sent) => taken.get(sent) as Taken)
}

async function orRefusal<T>(made: Promise<T>): Promise<T | Problem | Denied> {
  try {
    return await made
  } catch (error) {
    if (error instanceof Problem || error instanceof Denied) return error
    throw error
  }
}

/** `isFree`: whether this one can be weighed here. Of two messages to one thread the second stands on what the first makes of it. */
async function openScales(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  all: readonly Sent[],
  way: Way,
): Promise<Scales & { isFree(sent: Sent): boolean }> {
  const parties = [...new Set(all.map(({ scope: { relayParty } }) => relayParty ?? ''))].sort()
  const shared = new Set(await shareGrants(t, parties, way))
  const sends = all.filter((one) => one.slug === null && shared.has(one.scope.relayParty ?? ''))
  const ids = [...new Set(sends.map(({ place }) => place.id))]
  const held = ids.length === 0 ? [] : await holdThreads(t, scope, ids, way)
  const threads = new Map<string, LockedThread>(held.map((row) => [row.id, row]))
  const starting = all.flatMap((one) => (one.slug === null ? [] : [one.scope.relayParty ?? '']))
  const grounds = await groundsOf(t, scope, [...shared], starting)
  const contentOf = await contentsOf(
    house.db,
    t,
    scope,
    [...grounds.values()].map(({ card }) => card),
  )
  const firsts = new Map(all.toReversed().map((one) => [one.place.id, one]))
  const isFree = (sent: Sent): boolean => {
    if (way === 'wait') return true
    const party = sent.scope.relayParty ?? ''
    if (!shared.has(party) || firsts.get(sent.place.id) !== sent) return false
    const thread = threads.get(sent.place.id)
    if (sent.slug === null && !thread) return false
    // What is told to its caller, or calls another server at once, takes statements of its own, for which the others would wait.
    return !sent.input.bind && !thread?.has_endpoints && grounds.get(party)?.card.delivery_mode !== 'a2a'
  }
  return { house, t, way, grounds, contentOf, threads, seal: openSealer(house, t, scope), isFree }
}

async function write(house: RelayHouse, t: Tx, scope: Scope, all: readonly Weighed[]): Promise<Map<Sent, Accepted>> {
  await keepDecisions(
    house,
    t,
    scope,
    all.map(({ judged }) => judged),
  )
  const made: Made[] = []
  for (const one of all) {
    const asked = await askIf(house, t, one)
    const message = { ...one.message, task_id: asked?.approval.task_id ?? null }
    const weighed = { ...one, message }
    const open = one.thread && (await bound(t, one, one.thread))
    const { step, row } = open ? sent(weighed, open, asked, t.now) : started(weighed, asked, t.now)
    step.told.by = one.sent.scope
    made.push({ one, message, asked, step, row })
  }
  const rows = made.flatMap(({ row }) => (row ? [row] : []))
  const steps = made.flatMap(({ row, step }) => (row ? [] : [step]))
  if (rows.length > 0) await insertThreads(t, scope, rows)
  for (const { one, step, row } of made) if (row) step.row = step.told.thread = await bound(t, one, step.row)
  await insertMessages(
    t,
    scope,
    made.map(({ message }) => message),
  )
  await addUsage(t, scope, spentBy(all))
  if (steps.length > 0) await writeSteps(t, scope, steps)
  await tellThreads(
    house,
    t,
    scope,
    made.map(({ step }) => step.told),
  )
  return new Map(
    made.map(({ one, message, asked, step }) => [
      one.sent,
      { thread: step.row, message, card: one.card, approval: asked?.approval ?? null },
    ]),
  )
}

/** `row`: of a thread that is started. */
type Made = { one: Weighed; message: MessageRow; asked: Asked | null; step: Step; row: NewThread | null }

/** With what its sender wants to be told by. */
const bound = async (t: Tx, { sent: { input } }: Weighed, thread: ThreadRow): Promise<ThreadRow> =>
  input.bind ? input.bind(t, thread) : thread

/** T1. */
function started(
  { sent: { scope, place, ...one }, card, ground: { grant }, message, judged }: Weighed,
  asked: Asked | null,
  now: Date,
) {
  const input: StartInput = one.input
  const deadline = deadlineOf(now, input.expires_in_seconds)
  const state = asked ? 'awaiting_approval' : 'queued'
  const rings = input.live && !asked ? ringsUntil(now, card) : null
  const row: NewThread = {
    ...{ id: place.id, card_id: card.id, card_version: card.version, relay_grant_id: grant.id, face: place.face, state },
    ...{ turn: asked ? 'human' : 'owner', sequence: asked ? 4 : rings ? 3 : 2, approval: asked?.approval ?? null },
    context_id: input.context_id ?? newId('ctx', now.getTime()),
    skill: input.skill ?? null,
    operation_id: input.operation_id ?? null,
    reference_thread_ids: input.reference_thread_ids ?? [],
    accepted_output_modes: input.accepted_output_modes ?? [],
    live: input.live ?? false,
    ...{ deadline_at: deadline, due_at: rings ?? dueOf(now, state, deadline, card), expires_at: message.expires_at },
  }
  const thread: ThreadRow = {
    ...row,
    ...{
      tenant_id: scope.tenantId,
      slug: card.slug,
      delivery_mode: card.delivery_mode,
      asker_tenant: grant.asker_tenant,
      asker_agent: grant.asker_agent,
      label: grant.label,
    },
    ...{ outcome: null, reason: null, answered_at: null, error: null, claimed_until: null },
    ...{ created_at: now, updated_at: now, ended_at: null, kept_until: null },
    has_endpoints: false,
  }
  const news = [
    {
      type: 'thread.accepted' as const,
      data: { state, context_id: thread.context_id, skill: thread.skill, ...decidedOf(judged) },
    },
    { type: 'message.accepted' as const, message, ...waiting(input) },
    ...(rings ? [ringing(rings)] : []),
    ...(asked ? [asked.news, { type: 'thread.awaiting_approval' as const, data: { state, ...approvalOf(message, asked) } }] : []),
  ]
  const step: Step = { row: thread, told: { thread, after: 0, news } }
  return { step, row }
}

/** T12: any open thread takes it; while people are asked about an earlier message it waits behind that one. */
function sent({ sent: { input }, card, message, judged }: Weighed, thread: ThreadRow, asked: Asked | null, now: Date) {
  const waits = thread.state === 'awaiting_approval'
  const news = [
    { type: 'message.accepted' as const, message, data: decidedOf(judged), ...waiting(input) },
    ...(asked ? [asked.news] : []),
  ]
  const to = waits ? {} : asked ? { state: 'awaiting_approval' as const, approval: asked.approval } : { state: 'queued' as const }
  const data = asked && !waits ? approvalOf(message, asked) : {}
  return { step: stepOf(now, card, { thread, to, news, data }), row: null }
}

const approvalOf = ({ id }: { id: string }, { approval }: Asked) => ({ message_id: id, approval: { ...approval } })
const waiting = ({ waitMs }: { waitMs?: number | undefined }) => (waitMs === undefined ? {} : { waitMs })

/** In the inbox of whoever owns the agent. Nobody of the asking side decides it, but where somebody plays both sides to try it out (R6). */
async function askIf(
  house: RelayHouse,
  t: Tx,
  { sent: { scope }, message, judged, about, card, ground: { grant }, risk }: Weighed,
): Promise<Asked | null> {
  if (judged.outcome.outcome !== 'ask') return null
  const sender = {
    label: grant.label,
    tenant: grant.asker_tenant === null ? null : tenantWire(grant.asker_tenant),
    agent: grant.asker_agent,
  }
  const told = {
    ...{ what: 'send_in' as const, judged, about, sender, risk },
    messageId: message.id,
    slug: card.slug,
    grantLabel: grant.label,
  }
  const asker = { ...callerScope(scope, grant), principal: grant.id }
  // Whose agent it is in another tenant is not told here; who is of both is refused as they decide (messageActs).
  const { peer } = about
  return openAsk(house, t, asker, told, grant.sandbox ? null : { userId: peer?.external ? null : (peer?.user_id ?? null) })
}

/** Of each relay grant one part, chosen by its first message, so that equal ones of one moment seldom meet. */
function spentBy(all: readonly Weighed[]): Spent[] {
  const spent = new Map<string, Spent>()
  for (const { message } of all) {
    const { id, relay_grant_id: grantId, size_bytes } = message
    const known = spent.get(grantId) ?? { grantId, part: id.charCodeAt(id.length - 1) % PARTS_OF_USAGE, messages: 0, bytes: 0 }
    spent.set(grantId, { ...known, messages: known.messages + 1, bytes: known.bytes + size_bytes })
  }
  return [...spent.values()]
}
