// What happened between two tenants, told to both: in the record of the owner's, and of the asking side's where it has an account here (relay.md R7, R27), in one transaction. Of
// who acted the other side learns no session, no key and no place that the request came from; who of the owner's people it was is the owner's to know.
import { atHome } from '../db/scope.ts'
import type { Scope, Tx } from '../db/tx.ts'
import { composeEvents, type EventData, eventTopic, type RecordOptions, record, SEAL_TOPIC } from '../events/event.ts'
import type { EventType } from '../events/types.ts'
import { tellAsker } from './sql.ts'

/** Of a relay grant or a connection request. */
export type Sides = { id: string; card_id: string; asker_tenant: string | null }

/** Answers the id of the owner's event. */
export async function tellSides(
  t: Tx,
  scope: Scope,
  sides: Sides,
  type: EventType,
  data: EventData,
  options: RecordOptions,
): Promise<string> {
  const id = await tellOwner(t, scope, sides, type, data, options)
  await tellOther(t, scope, sides, type, data, options)
  return id
}

const isApart = (scope: Scope, { asker_tenant }: Sides): boolean => asker_tenant !== null && asker_tenant !== scope.tenantId

export const tellOwner = (
  t: Tx,
  scope: Scope,
  sides: Sides,
  type: EventType,
  data: EventData,
  options: RecordOptions,
): Promise<string> =>
  record(t, isApart(scope, sides) && scope.relaySide === 'caller' ? unplaced(scope, scope.actor) : scope, type, data, options)

/** The asking side, where it is another tenant: both in one have one record. */
export async function tellOther(
  t: Tx,
  scope: Scope,
  sides: Sides,
  type: EventType,
  data: EventData,
  options: RecordOptions,
): Promise<void> {
  if (!isApart(scope, sides)) return
  const seen: Scope['actor'] =
    scope.relaySide === 'caller' || scope.actor.type === 'system' ? atHome(scope) : { type: 'agent', id: sides.card_id }
  const there: Scope = { ...unplaced(scope, seen), tenantId: sides.asker_tenant as string }
  const bodies = composeEvents(t, [{ scope: there, type, data, options: { ...options, decision: undefined, onBehalfOf: [] } }])
  await tellAsker(
    t,
    sides.id,
    bodies.map(({ body }) => body),
  )
  t.wake(eventTopic(there))
  t.wake(SEAL_TOPIC)
}

const unplaced = (scope: Scope, { type, id }: Scope['actor']): Scope => ({
  ...scope,
  actor: { type, id },
  userId: null,
  origin: undefined,
  traceId: null,
})
