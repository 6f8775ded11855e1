// An endpoint goes on and off (P82, P91): what is on its way is held meanwhile and released afterwards, in its order; nothing is lost.
import { enqueue } from '@countersign/queue'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { cancelHeldBefore, holdPendingOf } from '../deliveries/sql.ts'
import { type EndpointState, moveEndpointIf, resetHealth } from './sql.ts'

export const RELEASE = 'webhook.release'

/** By itself: 410, or failing for days. Answers whether it was on. */
export async function switchOff(t: Tx, scope: Scope, endpointId: string, reason: 'gone' | 'failing'): Promise<boolean> {
  if (!(await holdBack(t, scope, endpointId, reason))) return false
  await record(
    t,
    scope,
    'endpoint.disabled',
    { endpoint_id: endpointId, reason },
    { resource: { type: 'endpoint', id: endpointId } },
  )
  return true
}

/** Off, without a word in the record. */
export async function holdBack(t: Tx, scope: Scope, endpointId: string, reason: 'gone' | 'failing'): Promise<boolean> {
  if ((await moveEndpointIf(t, scope, endpointId, ['active', 'pending'], 'disabled', reason)) === 0) return false
  await holdPendingOf(t, scope, endpointId)
  return true
}

/** By a person. */
export async function pause(t: Tx, scope: Scope, endpointId: string): Promise<boolean> {
  if ((await moveEndpointIf(t, scope, endpointId, ['active', 'pending'], 'paused', 'paused')) === 0) return false
  await holdPendingOf(t, scope, endpointId)
  await record(t, scope, 'endpoint.paused', { endpoint_id: endpointId }, { resource: { type: 'endpoint', id: endpointId } })
  return true
}

/** On, and what was held is sent: all of it, or what came since then. Answers whether it was off. */
export async function releaseHeld(
  t: Tx,
  scope: Scope,
  endpointId: string,
  from: readonly EndpointState[],
  since: Date | null,
): Promise<boolean> {
  if (!(await letGo(t, scope, endpointId, from, since))) return false
  await record(t, scope, 'endpoint.activated', { endpoint_id: endpointId }, { resource: { type: 'endpoint', id: endpointId } })
  return true
}

/** The same without a word in the record. */
export async function letGo(
  t: Tx,
  scope: Scope,
  endpointId: string,
  from: readonly EndpointState[],
  since: Date | null,
): Promise<boolean> {
  if ((await moveEndpointIf(t, scope, endpointId, from, 'active', null)) === 0) return false
  await resetHealth(t, scope, endpointId)
  if (since) await cancelHeldBefore(t, scope, endpointId, since)
  await enqueue(t, { kind: RELEASE, tenantId: scope.tenantId, payload: { endpoint_id: endpointId } })
  return true
}
