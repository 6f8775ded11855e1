// What is said to whoever has no live relay grant with an agent (relay.md R103, §12.3): where to ask for one, and how an earlier request stands. Nothing is stored but the attempt,
// on the record of both sides.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import type { RelayHouse } from './house.ts'
import { placeOfCard } from './party.ts'
import { findRequestState } from './sql.ts'

/** Answers the problem; throws `not_found` for a card that this scope may not know of. */
export async function refuseUnapproved(house: RelayHouse, scope: Scope, slug: string): Promise<Problem> {
  const place = await placeOfCard(house, slug)
  const isOwn = place.tenant_id === scope.tenantId
  if (place.visibility !== 'public' && !isOwn) throw new Problem('not_found')
  const request_url = `${house.origin()}/api/v1/agents/${slug}/connection-requests`
  // A relay token of another agent says nothing of whoever shows it.
  if (scope.relayParty !== undefined || scope.agentId === null)
    return new Problem('approval_required', { request_url, request_state: null })
  const asker = { agent_id: scope.agentId, agent: slug, reason: 'approval_required' }
  const owner = systemScope('relay', place.tenant_id)
  const resource = { type: 'card', id: place.card_id }
  const state = await tx(house.db, owner, async (t) => {
    await record(t, owner, 'thread.refused', asker, { resource })
    return findRequestState(t, owner, place.card_id, scope.agentId as string)
  })
  if (!isOwn)
    // The refusal is the answer; this transaction is none.
    await tx(house.db, withoutReply(scope), async (t) => void (await record(t, scope, 'thread.refused', asker, { resource })))
  // A message waits already: what comes of it is told where it was asked for.
  const waits = state?.state === 'pending' && state.thread_id !== null
  return new Problem('approval_required', {
    request_url: waits ? `${house.origin()}/api/v1/connection-requests/${state.id}` : request_url,
    request_state: state?.state ?? null,
  })
}

function withoutReply({ beforeCommit: _reply, ...scope }: Scope): Scope {
  return scope
}
