// What a look at a listed agent found, written down (relay.md R23); a signed ping tells by its delivery.
import type { Scope, Tx } from '../../db/tx.ts'
import { findLooked, forgetHealth, type HealthState, insertHealth, type LookedCard } from './sql.ts'

/** Null: what the agent's messages go to is there. A paused agent answers nobody just now, and will. */
export async function noteLook(t: Tx, scope: Scope, card: LookedCard, fault: string | null, ms?: number): Promise<void> {
  const state: HealthState = fault !== null ? 'down' : card.state === 'paused' ? 'degraded' : 'ok'
  const reason = fault ?? (state === 'degraded' ? 'paused' : null)
  const took = ms ?? Math.max(0, t.now.getTime() - card.looked_at.getTime())
  await insertHealth(t, scope, card.id, { state, reason, ms: Math.round(took) })
  await forgetHealth(t, scope, card.id)
}

/** Of the one attempt of a ping. */
export async function notePing(t: Tx, scope: Scope, cardId: string, isAnswered: boolean): Promise<void> {
  const card = await findLooked(t, scope, cardId)
  if (card) await noteLook(t, scope, card, isAnswered ? null : 'unreachable')
}
