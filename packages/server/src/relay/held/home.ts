// Whose side a caller's message is held back on, and as whom it goes to the other one (relay.md R7).
import { type Scope, systemScope } from '../../db/scope.ts'
import type { HeldRow } from './sql.ts'

/** Of a caller with an account elsewhere; nobody else has a side that could hold anything back. */
export const homeOf = (scope: Scope): Scope | null =>
  scope.relaySide === 'caller' && scope.relayFrom && scope.relayFrom !== scope.tenantId
    ? systemScope('relay', scope.relayFrom)
    : null

/** As the caller that it came from, in the owner's tenant. */
export const partyOf = (home: string, held: HeldRow): Scope => ({
  ...systemScope('relay', held.owner_tenant),
  principal: held.relay_grant_id,
  actor: { type: 'agent', id: held.agent_id },
  displayName: held.label,
  relayParty: held.relay_grant_id,
  isForeign: true,
  relayFrom: home,
  relaySide: 'caller',
  relayScopes: [],
})
