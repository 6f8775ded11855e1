// A message of an agent that nobody has agreed to hear (relay.md R103), where the card's owner lets such a message ask: it makes a connection request and waits in its caller's tenant,
// sealed and under the ids that it will have. Its own side judges it first, and what that would ask its people about waits for nobody else. Approving the request lets this one message
// in; whatever else ends the request ends its thread. The owner's tenant has it in the question alone, which is what its people are to judge.
import { Problem } from '@countersign/sdk'
import { across } from '../../db/across.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { writeJson } from '../../http/json.ts'
import { reach } from '../../identity/matrix.ts'
import { newId } from '../../std/id.ts'
import { endHeldThread } from '../held/end.ts'
import { releaseReady } from '../held/release.ts'
import { messageOfHeld } from '../held/show.ts'
import { findCallerThread, insertHeld, listHeld, lockHeld, type NewHeld, settleHeldIf } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import { enterAgent, enterThing, partyScope, placeOfCard, type RELAY_SCOPES } from '../party.ts'
import { type Accepted, type StartInput, startIn } from '../threads/accept.ts'
import { fit, refusePaused } from '../threads/accepting/weigh.ts'
import { deadlineOf } from '../threads/change.ts'
import { type Face, throughGate } from '../threads/gate.ts'
import { judgeFirst } from '../threads/out.ts'
import { mediaTypes, partKinds } from '../threads/parts.ts'
import { keptFor, payloadHash, sealPayload } from '../threads/payload.ts'
import { type CardRow, findCard } from '../threads/sql.ts'
import { refuseUnapproved } from '../unapproved.ts'
import { askFor, type First } from './request.ts'
import type { RequestRow } from './sql.ts'
import type { RequestOf } from './withdraw.ts'

/** What people read before they agree to anything; more than that asks for a connection first. */
const MOST_BYTES = 64 * 1024
const KEPT_DAYS = 30
const PURPOSE = 'To send the message that waits with this request.'

type Show<T> = (t: Tx, accepted: Accepted, reader: Scope) => Promise<T>
/** `isAlone`: nothing rides on it that would have to be kept with the owner. `count`: against the limits of those who ask, once it is known to be such a message. */
type Sending = { slug: string; face: Face; input: StartInput; isAlone: boolean; count?: () => Promise<void> }

/** Throws what `refuseUnapproved` says wherever a message may not ask. `show` makes the answer inside the transaction. */
export async function startAsking<T>(house: RelayHouse, scope: Scope, sending: Sending, show: Show<T>): Promise<T> {
  const { slug, input } = sending
  const refusal = () => refuseUnapproved(house, scope, slug)
  const card = await askable(house, scope, sending)
  if (!card || scope.agentId === null) throw await refusal()
  await sending.count?.()
  refusePaused(card, house.db.now())
  const { facts } = fit(openly(card), ANYTHING, input.skill, input)
  const bytes = Math.max(Buffer.byteLength(writeJson(input.payload)), input.bodyBytes ?? 0)
  if ((input.bodyBytes || bytes) > card.max_message_bytes)
    throw new Problem('body_too_large', { max_bytes: card.max_message_bytes })
  const first = await judgedOut(house, scope, { card, facts }, sending)
  if (!first) throw await refusal()
  const made: { shown?: T } = {}
  const held: First = {
    ...{ thread_id: first.threadId, opens_grant_id: first.grantId, skill: input.skill ?? null, parts: input.payload.parts },
    payload_hash: first.hash,
    async hold(t, acting, row) {
      made.shown = await hold(house, t, { caller: scope, acting, card, sending, first, row }, show)
    },
  }
  const wishes = { purpose: PURPOSE, ...(input.skill === undefined ? {} : { skills: [input.skill] }) }
  const row = await askFor(house, scope, slug, wishes, held).catch(async (error: unknown) => {
    // One waits already, or they are connected by now: what is told of that is what everybody is told.
    throw error instanceof Problem && error.code === 'duplicate_request' ? await refusal() : error
  })
  if (row.state === 'pending') return made.shown as T
  // Policy let it through: from here on it is a message like any other.
  const party = await enterAgent(house)(scope, { slug })
  if (party.relayParty === undefined) throw await refusal()
  const place = { id: first.threadId, face: sending.face }
  return throughGate(house, replyAtHome(party, scope), async (t) =>
    show(t, await startIn(house, t, party, slug, place, input), party),
  )
}

/** Whoever sends reads on as: under the relay grant, or as what waits for one. */
export const readerOf = async (house: RelayHouse, scope: Scope, threadId: string): Promise<Scope> =>
  scope.relayParty === undefined ? (await enterThing(house, scope, threadId, 'thread.read')).scope : scope

/** Nothing of a relay grant that is not there yet stands in its way. */
const ANYTHING = { skills: null } as never
/** Whoever has none knows of no skill of the extended card. */
const openly = (card: CardRow): CardRow => ({ ...card, content: { ...card.content, extended: undefined } })

async function askable(house: RelayHouse, scope: Scope, { slug, input, isAlone }: Sending): Promise<CardRow | null> {
  if (scope.relayParty !== undefined || scope.agentId === null || !isAlone) return null
  if (reach(scope, 'connection_request.create') === 'none' || Buffer.byteLength(writeJson(input.payload)) > MOST_BYTES)
    return null
  const place = await placeOfCard(house, slug)
  // Within one tenant nothing has to wait anywhere else.
  if (place.visibility !== 'public' || place.tenant_id === scope.tenantId) return null
  const owner = systemScope('relay', place.tenant_id)
  const card = await tx(house.db, owner, (t) => findCard(t, owner, { slug }), { readOnly: true })
  return card?.unapproved === 'request' ? card : null
}

type Judged = { threadId: string; grantId: string; hash: string }

/** Null: its own side would ask its people, and two sides are not asked at once. */
async function judgedOut(
  house: RelayHouse,
  scope: Scope,
  to: { card: CardRow; facts: ReturnType<typeof fit>['facts'] },
  { slug, face, input }: Sending,
): Promise<Judged | null> {
  const now = house.db.now().getTime()
  const threadId = newId('thr', now)
  const grantId = newId('rgr', now)
  const { tenant_id } = await placeOfCard(house, slug)
  const sent = { id: threadId, face, first: true, slug }
  const judged = await judgeFirst(house, scope, sent, { id: grantId, tenantId: tenant_id, ...to }, input)
  if (judged !== 'allow') return null
  return { threadId, grantId, hash: payloadHash(input.payload.parts, input.skill ?? null, threadId) }
}

type Holding = { caller: Scope; acting: Scope; card: CardRow; sending: Sending; first: Judged; row: RequestRow }

async function hold<T>(house: RelayHouse, t: Tx, holding: Holding, show: Show<T>): Promise<T> {
  const { caller, acting, card, first, row } = holding
  const home = systemScope('relay', caller.tenantId)
  const held = await across(t, acting, home, () => put(house, t, home, holding))
  const at = {
    tenant_id: acting.tenantId,
    tenant_state: acting.tenantState as string,
    party: first.grantId,
    label: row.asker_name,
  }
  const reader = partyScope(caller, { ...at, asker_tenant: caller.tenantId }, ['threads:read', 'threads:close'])
  const shown = await across(t, acting, reader, async () => {
    const thread = await findCallerThread(t, reader, first.threadId)
    if (!thread) throw new Error(`Thread ${first.threadId} was held back and is not there.`)
    const message = messageOfHeld(home.tenantId, { ...held, created_at: t.now })
    return show(t, { thread, message, card, approval: held.approval }, reader)
  })
  // Its stored reply lies where its sender does.
  await across(t, acting, home, async () => caller.beforeCommit?.(t, shown))
  return shown
}

async function put(house: RelayHouse, t: Tx, home: Scope, { acting, card, sending, first, row }: Holding): Promise<NewHeld> {
  const { face, input } = sending
  const id = newId('msg', t.now.getTime())
  const { subject, expiresAt } = keptFor(KEPT_DAYS, first.threadId, t.now)
  const [sealed] = await sealPayload(house, t, home, subject, [{ id, payload: input.payload }], 'held_messages')
  const { envelope, bytes } = sealed as { envelope: Buffer; bytes: number }
  const deadline = deadlineOf(t.now, input.expires_in_seconds)
  const approval = { task_id: row.task_id as string, side: 'owner' as const, expires_at: row.expires_at.toISOString() }
  const held: NewHeld = {
    ...{ id, thread_id: first.threadId, relay_grant_id: first.grantId, owner_tenant: acting.tenantId, starts: true },
    ...{ card_id: card.id, card_version: card.version, slug: card.slug, card_name: card.name, label: row.asker_name },
    ...{ agent_id: row.asker_agent, face, context_id: input.context_id ?? newId('ctx', t.now.getTime()) },
    ...{
      skill: input.skill ?? null,
      operation_id: input.operation_id ?? null,
      client_message_id: input.client_message_id ?? null,
    },
    ...{ reference_thread_ids: input.reference_thread_ids ?? [], accepted_output_modes: input.accepted_output_modes ?? [] },
    ...{ live: input.live ?? false, deadline_at: deadline, payload: envelope, subject, payload_hash: first.hash },
    ...{ size_bytes: bytes, body_bytes: input.bodyBytes ?? 0, part_kinds: partKinds(input.payload.parts) },
    ...{ media_types: mediaTypes(input.payload.parts), expires_at: expiresAt as Date },
    ...{ state: 'asked', task_id: null, request_id: row.id, approval },
  }
  await insertHeld(t, home, held)
  const data = {
    ...{ thread_id: first.threadId, agent: card.slug, relay_grant_id: first.grantId, connection_request_id: row.id },
    ...{ message_id: id, payload_hash: first.hash, state: 'awaiting_approval', approval },
  }
  const by = { ...home, principal: row.asker_agent, actor: { type: 'agent' as const, id: row.asker_agent } }
  await record(t, by, 'thread.awaiting_approval', data, { resource: { type: 'thread', id: first.threadId } })
  return held
}

/** The transaction is the owner's; the stored reply is not. */
const replyAtHome = (party: Scope, { tenantId, beforeCommit }: Scope): Scope => ({
  ...party,
  ...(beforeCommit && {
    beforeCommit: (t: Tx, shown: unknown) =>
      across(t, party, systemScope('relay', tenantId), async () => void (await beforeCommit(t, shown))),
  }),
})

/** In the transaction that approves: judged again by both sides, whole. It may be refused all the same, and its thread ends then. */
export const letIn = (house: RelayHouse, t: Tx, scope: Scope, row: RequestRow): Promise<void> =>
  atHome(t, scope, row, async (home, threadId) => {
    const [held] = await listHeld(t, home, threadId)
    if (held?.state !== 'asked') return
    await settleHeldIf(t, home, held.id, { state: 'ready', reason: null })
    await releaseReady(house, t, home, threadId)
  })

const ENDS = {
  denied: { state: 'rejected', outcome: null, reason: 'approval_denied' },
  expired: { state: 'rejected', outcome: null, reason: 'approval_timeout' },
  withdrawn: { state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' },
} as const

/** In the transaction that ends the request. `end`: where the thread ends by itself, and takes the request with it. */
export const endWaiting = (
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  row: RequestRow,
  to: keyof typeof ENDS,
  end: RequestOf['end'] = ENDS[to],
): Promise<void> =>
  atHome(t, scope, row, async (home, threadId) => {
    const [held] = await listHeld(t, home, threadId)
    if (!held) return
    await settleHeldIf(t, home, held.id, {
      state: to === 'withdrawn' ? 'withdrawn' : 'refused',
      reason: to === 'withdrawn' ? 'by_caller' : end.reason,
    })
    const by =
      to === 'withdrawn' ? { ...home, principal: row.asker_agent, actor: { type: 'agent' as const, id: row.asker_agent } } : home
    await endHeldThread(house, t, by, threadId, end)
  })

async function atHome(t: Tx, scope: Scope, row: RequestRow, fn: (home: Scope, threadId: string) => Promise<void>): Promise<void> {
  const { thread_id: threadId } = row
  if (threadId === null) return
  const home = systemScope('relay', row.asker_tenant)
  await across(t, scope, home, async () => {
    await lockHeld(t, threadId)
    await fn(home, threadId)
  })
}

/** What was given, and what is left of it when it is for one thread alone. */
export const withoutStart = (scopes: readonly (typeof RELAY_SCOPES)[number][]) => scopes.filter((one) => one !== 'threads:start')
