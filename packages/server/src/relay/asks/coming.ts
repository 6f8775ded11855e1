// An answer before the policies of the side that it comes to (relay.md R80): judged in the caller's tenant once the owner's side lets it go. Where those ask, it stays with the owner,
// unread, and people of the caller's side have the question in their own inbox; where they deny it, or their people do, it is refused and its thread has failed.
import { across } from '../../db/across.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { tellDecided } from '../../identity/policies/denial.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import type { RelayHouse } from '../house.ts'
import { type About, decidedOf, foreignScope, judgeMessage } from '../threads/gate.ts'
import { type ApprovalRow, type CardRow, findPeer, type ThreadRow } from '../threads/sql.ts'
import { openAsk } from './ask.ts'
import type { MessageAsk } from './sql.ts'

export type Coming = {
  card: Pick<CardRow, 'id' | 'agent_id' | 'name' | 'slug'>
  thread: Pick<ThreadRow, 'id' | 'asker_tenant' | 'label' | 'relay_grant_id'>
  /** As it was judged on its way out. */
  about: About
  leadId: string
  response: NonNullable<MessageAsk['response']>
}
/** null: it may come in. */
export type Held = { approval: ApprovalRow } | 'denied' | null

/** In a transaction of the owner's tenant; what is told of it here stands in the caller's record. */
export function comeIn(house: RelayHouse, t: Tx, scope: Scope, coming: Coming): Promise<Held> {
  const { thread, card, about, leadId, response } = coming
  const home = thread.asker_tenant
  // Within one tenant an answer is judged once, where it goes out; whoever has no account has no policies.
  if (home === null || home === scope.tenantId) return Promise.resolve(null)
  const who = answererOf(home, card, scope.requestId)
  return across(t, scope, who, async () => {
    const judged = await judgeComing(house, t, who, about)
    const { outcome } = judged.outcome
    if (outcome === 'deny') {
      await tellRefused(house, t, who, coming, judged)
      return 'denied'
    }
    await keepDecisions(house, t, who, [judged])
    if (outcome === 'allow') return null
    const told = {
      ...{ what: 'reply_in' as const, judged, about, messageId: leadId, slug: card.slug, grantLabel: thread.label, risk: null },
      sender: { label: card.name, tenant: null, agent: card.agent_id },
    }
    const { approval, news } = await openAsk(house, t, who, told, null, response)
    const data = { thread_id: thread.id, agent: card.slug, relay_grant_id: thread.relay_grant_id, ...news.data, ...news.own }
    const { policy_ids, policy_version } = judged.outcome
    const resource = { type: 'thread', id: thread.id }
    await record(t, who, 'approval.requested', data, { resource, decision: { outcome, policy_ids, policy_version } })
    return { approval }
  })
}

/** The owner's agent, as it is seen from the caller's tenant. */
export const answererOf = (home: string, card: Coming['card'], requestId: string | null): Scope => ({
  ...foreignScope(home, { id: card.agent_id ?? card.id, label: card.name }, requestId),
  isForeign: true,
})

export async function judgeComing(house: RelayHouse, t: Tx, who: Scope, about: About): Promise<Judged> {
  const peer = await findPeer(t, about.grant.id, 'owner')
  const { card, ...rest } = about
  return judgeMessage(house, t, who, { ...rest, card: { id: card.id }, direction: 'in', peer })
}

async function tellRefused(house: RelayHouse, t: Tx, who: Scope, { thread, card, about }: Coming, judged: Judged): Promise<void> {
  const { payloadHash: payload_hash } = about
  await tellDecided(house, t, who, judged, { payload_hash })
  const { policy_ids, policy_version, context_digest } = decidedOf(judged)
  const data = {
    ...{ thread_id: thread.id, agent: card.slug, relay_grant_id: thread.relay_grant_id, action: about.action },
    ...{ reason: 'policy_denied', direction: 'in', payload_hash, context_digest },
  }
  const decision = { outcome: judged.outcome.outcome, policy_ids, policy_version }
  await record(t, who, 'thread.refused', data, { resource: { type: 'thread', id: thread.id }, decision })
}
