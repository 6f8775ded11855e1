// Whoever acts upon what their agents are told as callers acts where it lies, as that caller and held to its one relay grant (relay.md R7, R70); and what they did stands on the record of
// their own tenant. What is not theirs stays where they are, and is not there.

import { atHome } from '../../db/scope.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { once } from '../../db/tx.ts'
import { composeEvents, type EventData, eventTopic, record, SEAL_TOPIC } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { reach, scopeOf } from '../../identity/matrix.ts'
import type { WebhooksHouse } from '../house.ts'
import { type CallerPlace, callerPlace, tellCaller } from './sql.ts'

/** `RouteSpec.enter` of routes that name a delivery or an endpoint. */
export const enterOwn =
  (house: Pick<WebhooksHouse, 'db'>, action: string) =>
  async (scope: Scope, params: { id?: string }): Promise<Scope> => {
    if (scope.relayParty !== undefined) return scope
    const [place] = await once<CallerPlace>(house.db, callerPlace(params.id ?? '', scope.tenantId))
    return place ? asCaller(scope, place, action) : scope
  }

/** What they may at home, and nothing else. */
export function asCaller(scope: Scope, place: CallerPlace, action: string): Scope {
  const { proof: _own, origin: _from, ...rest } = scope
  return {
    ...rest,
    tenantId: place.tenant_id,
    principal: place.relay_grant_id,
    role: null,
    isHost: false,
    scopes: [],
    agentId: null,
    userId: null,
    relayParty: place.relay_grant_id,
    ...(place.tenant_id === scope.tenantId
      ? {}
      : { isForeign: true as const, actor: { type: 'key' as const, id: place.relay_grant_id }, actorAtHome: scope.actor }),
    relayFrom: scope.tenantId,
    relaySide: 'caller',
    relayScopes: reach(scope, action) === 'none' ? [] : [scopeOf(action)],
  }
}

export const isCaller = (scope: Scope): boolean => scope.relaySide === 'caller'

/** On the record of whoever acts. */
export async function tellOwn(
  t: Tx,
  scope: Scope,
  type: EventType,
  data: EventData,
  resource: { type: string; id: string },
): Promise<void> {
  const { relayFrom: home } = scope
  if (!isCaller(scope) || !home || home === scope.tenantId) return void (await record(t, scope, type, data, { resource }))
  const there: Scope = { ...scope, tenantId: home, actor: atHome(scope) }
  const [event] = composeEvents(t, [{ scope: there, type, data, options: { resource, onBehalfOf: [] } }])
  await tellCaller(t, scope, (event as { body: string }).body)
  t.wake(eventTopic(there))
  t.wake(SEAL_TOPIC)
}
