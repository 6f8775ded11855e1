// A message that the policies of its own side ask about (relay.md R7, R71): it stays in its caller's tenant, sealed and under the ids that it will have, with one task in the inbox
// there. What is sent after it waits behind it. Everything that the other side would refuse without asking anybody is refused first, so nobody is asked about what could not be sent.
import { across } from '../../db/across.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import { openAsk } from '../asks/ask.ts'
import type { RelayHouse } from '../house.ts'
import type { Accepted, Place, SendInput, StartInput } from '../threads/accept.ts'
import { deadlineOf, openThread, refuseEnded } from '../threads/change.ts'
import type { Out } from '../threads/out.ts'
import { keptFor, sealPayload } from '../threads/payload.ts'
import type { ApprovalRow, CardRow, GrantRow } from '../threads/sql.ts'
import { messageOfHeld } from './show.ts'
import { type CallerRow, findCallerThread, insertHeld, listHeld, lockHeld, markHeld, type NewHeld } from './sql.ts'

/** Handed in by whoever accepts: what the owner's side refuses without asking anybody, and how a message goes in. */
export type OwnerSide = {
  admit(
    t: Tx,
    scope: Scope,
    by: { id?: string; slug?: string },
    action: 'thread.start' | 'thread.send',
    input: SendInput,
  ): Promise<{ card: CardRow; grant: GrantRow }>
  sendIn(house: RelayHouse, t: Tx, scope: Scope, place: Place, input: SendInput): Promise<Accepted>
}
type Sent = { out: Out; place: Place }

/** As long as what a card keeps that says nothing of it (R108). */
const KEPT_DAYS = 30

export async function holdStart(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  owner: OwnerSide,
  { out, place, slug }: Sent & { slug: string },
  input: StartInput,
): Promise<Accepted> {
  const { card, grant } = await owner.admit(t, scope, { slug }, 'thread.start', input)
  const thread = {
    ...{
      context_id: input.context_id ?? newId('ctx', t.now.getTime()),
      deadline_at: deadlineOf(t.now, input.expires_in_seconds),
    },
    ...{ accepted_output_modes: input.accepted_output_modes ?? [], live: input.live ?? false },
  }
  return hold(house, t, scope, { out, card, grant, place, thread, starts: true }, input)
}

/** Behind what waits already. Where nothing does by now, and policy allows it, it goes in like any other. */
export async function holdSend(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  owner: OwnerSide,
  { out, place }: Sent,
  input: SendInput,
): Promise<Accepted> {
  await lockHeld(t, place.id)
  const seen = await findCallerThread(t, scope, place.id)
  const { own, judged } = out
  const waits =
    seen?.is_held && (await across(t, scope, own, () => listHeld(t, own, place.id))).some((one) => one.state === 'asked')
  if (!seen?.is_apart && !waits && judged.outcome.outcome === 'allow') return owner.sendIn(house, t, scope, place, input)
  const thread: CallerRow | Awaited<ReturnType<typeof openThread>> = seen?.is_apart ? seen : await openThread(t, scope, place.id)
  refuseEnded(thread)
  const said = { ...input, skill: input.skill ?? thread.skill ?? undefined }
  const { card, grant } = await owner.admit(t, scope, { id: thread.card_id }, 'thread.send', said)
  return hold(house, t, scope, { out, card, grant, place, thread, starts: false }, said)
}

type Holding = {
  out: Out
  card: CardRow
  grant: GrantRow
  place: Place
  thread: Pick<NewHeld, 'context_id' | 'deadline_at' | 'accepted_output_modes' | 'live'>
  starts: boolean
}

async function hold(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  { out, card, grant, place, thread, starts }: Holding,
  input: SendInput,
): Promise<Accepted> {
  const { own, who, judged, about } = out
  const id = newId('msg', t.now.getTime())
  const agent = who.actor.id
  const held = await across(t, scope, own, async (): Promise<NewHeld> => {
    const { subject, expiresAt } = keptFor(KEPT_DAYS, place.id, t.now)
    const [sealed] = await sealPayload(house, t, own, subject, [{ id, payload: input.payload }], 'held_messages')
    const { envelope, bytes } = sealed as { envelope: Buffer; bytes: number }
    const row: NewHeld = {
      ...{ id, thread_id: place.id, relay_grant_id: grant.id, owner_tenant: scope.tenantId, starts },
      ...{
        card_id: card.id,
        card_version: card.version,
        slug: card.slug,
        card_name: card.name,
        label: grant.label,
        agent_id: agent,
      },
      ...{
        face: place.face,
        context_id: thread.context_id,
        skill: input.skill ?? null,
        operation_id: input.operation_id ?? null,
      },
      ...{ client_message_id: input.client_message_id ?? null, reference_thread_ids: input.reference_thread_ids ?? [] },
      ...{ accepted_output_modes: thread.accepted_output_modes, live: thread.live, deadline_at: thread.deadline_at },
      ...{ payload: envelope, subject, payload_hash: about.payloadHash, size_bytes: bytes, body_bytes: input.bodyBytes ?? 0 },
      ...{ part_kinds: [...about.partKinds], media_types: [...about.mediaTypes], expires_at: expiresAt as Date },
      ...{ state: 'ready', task_id: null, request_id: null, approval: null },
    }
    const approval = judged.outcome.outcome === 'ask' ? await ask(house, t, out, card, grant, id) : null
    const made: NewHeld = approval ? { ...row, state: 'asked', task_id: approval.task_id, approval } : row
    await insertHeld(t, own, made)
    return made
  })
  const now = await findCallerThread(t, scope, place.id)
  if (!now) throw new Error(`Thread ${place.id} was held back and is not there.`)
  // Its endpoints lie with the owner, and its thread here: what ends it has to know.
  if ((await input.bind?.(t, now))?.has_endpoints)
    await across(t, scope, own, () => markHeld(t, own, place.id, { endpoints: true }))
  return { thread: now, message: messageOfHeld(own.tenantId, { ...held, created_at: t.now }), card, approval: held.approval }
}

/** In the inbox of the tenant whose message it is: nobody of another side has a say in it. */
async function ask(house: RelayHouse, t: Tx, out: Out, card: CardRow, grant: GrantRow, messageId: string): Promise<ApprovalRow> {
  const { who, judged, about } = out
  const told = {
    ...{ what: 'send_out' as const, judged, about, messageId, slug: card.slug, grantLabel: grant.label, risk: null },
    sender: { label: who.displayName, tenant: null, agent: grant.asker_agent },
  }
  const { approval, news } = await openAsk(house, t, { ...who, scopes: [] }, told, null)
  const data = {
    ...{ thread_id: about.threadId, agent: card.slug, relay_grant_id: grant.id, message_id: messageId },
    payload_hash: about.payloadHash,
  }
  const resource = { type: 'thread', id: about.threadId }
  const { outcome, policy_ids, policy_version } = judged.outcome
  await record(
    t,
    who,
    'approval.requested',
    { ...data, ...news.data },
    { resource, decision: { outcome, policy_ids, policy_version } },
  )
  await record(
    t,
    who,
    'thread.awaiting_approval',
    { ...data, state: 'awaiting_approval', approval: { ...approval } },
    { resource },
  )
  return approval
}
