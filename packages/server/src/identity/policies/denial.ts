// What a denial answers and leaves behind (P69): the problem for the caller, the event and the kept request for everybody else.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { Outcome } from '../../policy/decide.ts'
import { sayOutcome } from '../../policy/words.ts'
import type { KeyHouse } from '../keys-at-rest/tenant-key.ts'
import type { Judged, PolicyHouse } from './judge.ts'
import { keepDecisions } from './recorded.ts'

/** Names policies, never their texts: the caller may be whom they are against. */
export const denialOf = ({ outcome, request }: Judged): Problem => {
  const { reason, policy_ids, policy_version } = outcome
  const members = { action: request.action, reason, policy_ids, policy_version, detail: sayOutcome(outcome) }
  return new Problem(reason === 'policy_error' ? 'policy_error' : 'policy_denied', members)
}

export const passedOf = ({ outcome, policy_ids, policy_version }: Outcome) => ({
  outcome: outcome as 'allow' | 'ask',
  policy_ids,
  policy_version,
})

/** The event of a denial or an ask. The act that it stopped left none. */
export async function tellDecided(
  house: PolicyHouse & KeyHouse,
  t: Tx,
  scope: Scope,
  judged: Judged,
  more: Record<string, string | number> = {},
): Promise<void> {
  const { request, outcome } = judged
  const { policy_ids, policy_version, reason } = outcome
  await keepDecisions(house, t, scope, [judged])
  await record(
    t,
    scope,
    'policy.decided',
    { action: request.action, resource_type: request.resource.type, resource_id: request.resource.id, reason, ...more },
    {
      resource: { type: request.resource.type.toLowerCase(), id: request.resource.id },
      decision: { outcome: outcome.outcome, policy_ids, policy_version },
    },
  )
}
