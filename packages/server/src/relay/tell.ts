// What happened between two tenants, told to both: in the record of the owner's, and of the asking side's where it has an account here (relay.md R7, R27), in one transaction. Of
// who acted the other side learns no session, no key and no place that the request came from; who of the owner's people it was is the owner's to know.
import type { Scope, Tx } from '../db/tx.ts'
import { composeEvents, type EventData, eventTopic, type RecordOptions, record, SEAL_TOPIC } from '../events/event.ts'
import type { EventType } from '../events/types.ts'
import { tellAsker } from './sql.ts'

/** Of a relay grant or a connection request. */
export type Sides = { id: string; card_id: string; asker_tenant: string | null }

export async function tellSides(
  t: Tx,
  scope: Scope,
  { id: party, card_id: cardId, asker_tenant: asker }: Sides,
  type: EventType,
  data: EventData,
  options: RecordOptions,
): Promise<void> {
  const isOfAsker = scope.relaySide === 'caller'
  const isApart = asker !== null && asker !== scope.tenantId
  await record(t, isApart && isOfAsker ? unplaced(scope, scope.actor) : scope, type, data, options)
  if (!isApart) return
  const seen: Scope['actor'] = isOfAsker || scope.actor.type === 'system' ? scope.actor : { type: 'agent', id: cardId }
  const there: Scope = { ...unplaced(scope, seen), tenantId: asker }
  const bodies = composeEvents(t, [{ scope: there, type, data, options: { ...options, decision: undefined, onBehalfOf: [] } }])
  await tellAsker(
    t,
    party,
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
