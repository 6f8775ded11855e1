// Whether a caller's own policies let it be told at an address (relay.md R71, R72): judged in its own tenant, with the host. Whoever has no account has no policies. What they would ask
// people about is not put either: nobody has agreed to it.
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { tellDecided } from '../../identity/policies/denial.ts'
import { judgeFacts } from '../../identity/policies/facts-schema.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import type { RelayHouse } from '../house.ts'
import { problemOf } from '../threads/gate.ts'

/** Throws `policy_denied` or `policy_error`; says nothing to an address that cannot be read, for that is refused in other words. */
export async function judgeSubscribe(house: RelayHouse, scope: Scope, threadId: string, url: string): Promise<void> {
  const { relayFrom: home } = scope
  const host = URL.parse(url)?.host
  if (!home || !host) return
  const own = systemScope('relay', home)
  const agent = scope.actor.type === 'agent' ? scope.actor.id : (scope.relayParty as string)
  const who: Scope = {
    ...own,
    principal: agent,
    actor: { type: 'agent', id: agent },
    agentId: agent,
    displayName: scope.displayName,
    address: scope.address ?? null,
    requestId: scope.requestId,
  }
  const act = {
    ...{ action: 'thread.subscribe', resource: { type: 'Thread', id: threadId } },
    context: { direction: 'out', endpoint: { host } },
  }
  const refused = await tx(house.db, own, async (t) => {
    const judged = await judgeFacts(house, t, { scope: who, act })
    if (judged.outcome.outcome === 'allow') {
      await keepDecisions(house, t, own, [judged])
      return null
    }
    await tellDecided(house, t, who, judged, {})
    return judged
  })
  if (refused) throw problemOf(refused)
}
