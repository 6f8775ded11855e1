// A message before the policies of the side that sends it (relay.md R71): judged in the caller's own tenant, before the owner's side is asked anything. What is refused there is on the
// record of that tenant alone. Whoever has no account has no policies, and within one tenant a message is judged once, where it comes in.
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Json, writeJson } from '../../http/json.ts'
import { tellDecided } from '../../identity/policies/denial.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import type { RelayHouse } from '../house.ts'
import type { SendInput } from './accept.ts'
import { type About, decidedOf, type Face, judgeMessage, problemOf } from './gate.ts'
import { mediaTypes, partKinds } from './parts.ts'
import { payloadHash } from './payload.ts'
import { findPeer, type GrantedRow } from './sql.ts'

/** `slug` null: the thread is known by its id alone. */
type Sent = { id: string; face: Face; first: boolean; slug: string | null }

/** Throws `policy_denied` or `policy_error`. What its own policies would ask about is not sent either: nobody has agreed to it. */
export async function judgeOut(house: RelayHouse, scope: Scope, sent: Sent, input: SendInput): Promise<void> {
  const { relayFrom: home, relayParty: grantId } = scope
  if (!home || grantId === undefined || home === scope.tenantId) return
  const own = systemScope('relay', home)
  const refused = await tx(house.db, own, async (t) => {
    // Beside what policies may know of the other side, what the relay grant is.
    const granted = await findPeer(t, grantId, 'owner')
    if (!granted) return null
    const agent = scope.actor.type === 'agent' ? scope.actor.id : grantId
    const who: Scope = {
      ...own,
      principal: agent,
      actor: { type: 'agent', id: agent },
      agentId: agent,
      displayName: scope.displayName,
      address: scope.address ?? null,
      requestId: scope.requestId,
    }
    const about = outAbout(granted, grantId, sent, input)
    const judged = await judgeMessage(house, t, who, about)
    if (judged.outcome.outcome === 'allow') {
      await keepDecisions(house, t, own, [judged])
      return null
    }
    await tellOut(house, t, who, judged, about, sent.slug)
    return judged
  })
  if (refused) throw problemOf(refused)
}

function outAbout(granted: GrantedRow, grantId: string, { id, face, first }: Sent, { payload, skill }: SendInput): About {
  const { parts } = payload
  return {
    ...{ action: first ? 'thread.start' : 'thread.send', direction: 'out', card: { id: granted.card_id }, peer: granted },
    grant: { id: grantId, state: 'active', created_at: granted.granted_at, scopes: granted.scopes, sandbox: granted.sandbox },
    ...{ threadId: id, face, first, sequence: 0, skill: skill ?? null, facts: {}, openThreads: 0, messagesToday: 0 },
    ...{ parts, partKinds: partKinds(parts), mediaTypes: mediaTypes(parts) },
    ...{
      sizeBytes: Buffer.byteLength(writeJson(payload as unknown as Json)),
      payloadHash: payloadHash(parts, skill ?? null, id),
    },
  }
}

async function tellOut(house: RelayHouse, t: Tx, who: Scope, judged: Judged, about: About, slug: string | null): Promise<void> {
  const { action, payloadHash: payload_hash, first, threadId } = about
  await tellDecided(house, t, who, judged, { payload_hash })
  const { policy_ids, policy_version, context_digest } = decidedOf(judged)
  const resource = first ? { type: 'relay_grant', id: about.grant.id } : { type: 'thread', id: threadId }
  await record(
    t,
    who,
    'thread.refused',
    {
      ...(slug === null ? { thread_id: threadId } : { agent: slug }),
      relay_grant_id: about.grant.id,
      action,
      reason: 'policy_denied',
      direction: 'out',
      payload_hash,
      context_digest,
    },
    { resource, decision: { outcome: judged.outcome.outcome, policy_ids, policy_version } },
  )
}
