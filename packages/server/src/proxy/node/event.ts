// The event of a judged request (V120): ids, outcome, where it went. Never a value of the query, a body, a header or material.
import { canonical } from '../../crypto/canonical.ts'
import type { EventType } from '../../events/types.ts'
import { EVENT_TYPES } from '../../events/types.ts'
import { newId } from '../../std/id.ts'
import type { Judged } from '../decide/judge.ts'
import type { View } from '../decide/view.ts'
import type { AskedRequest, Settled } from '../gatekeeper.ts'
import type { ProxyEvent } from './sql.ts'

const TYPE_OF = {
  allow: 'proxy.allowed',
  deny: 'proxy.denied',
  ask: 'proxy.asked',
  pass: 'proxy.passed',
  learn: 'proxy.learned',
} as const satisfies Record<Judged['outcome'], EventType>

type Asked = Pick<AskedRequest, 'id' | 'scheme' | 'host' | 'port' | 'method' | 'path' | 'clientAddress'>

function eventOf(
  view: View,
  request: Pick<AskedRequest, 'id'>,
  at: Date,
  said: { type: EventType; connectionId: string | null; data: Record<string, unknown>; decision?: Record<string, unknown> },
): ProxyEvent {
  const id = newId('evt', at.getTime())
  const { type, connectionId, data, decision } = said
  const { class: eventClass } = EVENT_TYPES[type]
  const resource = connectionId === null ? null : { type: 'connection', id: connectionId }
  const body = canonical({
    id,
    type,
    class: eventClass,
    occurred_at: at,
    tenant_id: view.run.tenant,
    actor: { type: 'agent', id: view.agent.id },
    on_behalf_of: view.agent.owner === null ? [] : [{ type: 'user', id: view.agent.owner }],
    resource,
    data: { run_id: view.run.id, ...data },
    decision,
    request_id: request.id,
  })
  return {
    id,
    run_id: view.run.id,
    type,
    class: eventClass,
    resource_type: resource?.type ?? null,
    resource_id: connectionId,
    decision: typeof decision?.outcome === 'string' ? decision.outcome : null,
    action: 'proxy.request',
    body,
  }
}

/** `more`: what a hold adds. */
export function judgedEvent(
  view: View,
  request: Asked,
  judged: Judged,
  at: Date,
  more: Record<string, unknown> = {},
): ProxyEvent {
  const use = 'use' in judged ? judged.use : null
  const connection = use?.connection ?? ('connection' in judged ? judged.connection : undefined)
  const grant = use?.grant ?? ('grant' in judged ? judged.grant : undefined)
  const rpc = 'rpc' in judged && judged.rpc && judged.rpc !== 'invalid' ? judged.rpc : null
  const tools = rpc?.calls.flatMap(({ tool }) => tool ?? []) ?? []
  const facts = 'facts' in judged ? Object.keys(judged.facts.values) : []
  const outcome = judged.outcome === 'pass' || judged.outcome === 'learn' ? 'allow' : judged.outcome
  return eventOf(view, request, at, {
    type: TYPE_OF[judged.outcome],
    connectionId: connection?.id ?? null,
    data: {
      action: 'proxy.request',
      connection_id: connection?.id,
      grant_id: grant?.id,
      reason: 'reason' in judged ? judged.reason : undefined,
      scheme: request.scheme,
      host: request.host,
      port: request.port,
      method: request.method,
      path: request.path,
      tools: tools.length > 0 ? tools : undefined,
      facts: facts.length > 0 ? facts : undefined,
      proof: view.run.proof,
      client_address: request.clientAddress,
      ...more,
    },
    decision: {
      outcome,
      ...(judged.policy ? { policy_ids: judged.policy.policy_ids, policy_version: judged.policy.policy_version } : {}),
    },
  })
}

export const settledEvent = (
  view: View,
  request: Pick<AskedRequest, 'id'>,
  connectionId: string | null,
  settled: Settled,
  at: Date,
): ProxyEvent =>
  eventOf(view, request, at, {
    type: 'proxy.settled',
    connectionId,
    data: {
      connection_id: connectionId ?? undefined,
      status: settled.status,
      fault: settled.fault,
      bytes_up: settled.bytesUp,
      bytes_down: settled.bytesDown,
      total_ms: Math.round(settled.totalMs),
      redactions: settled.redactions,
      replaced: settled.replaced,
      retried: settled.retried,
    },
  })

/** An approval was used: written in the transaction of its use. */
export const spentEvent = (
  view: View,
  request: Pick<AskedRequest, 'id'>,
  hold: { holdId: string; taskId: string; digest: Buffer; connectionId: string },
  at: Date,
): ProxyEvent =>
  eventOf(view, request, at, {
    type: 'proxy.hold_spent',
    connectionId: hold.connectionId,
    data: { hold_id: hold.holdId, task_id: hold.taskId, connection_id: hold.connectionId, digest: hold.digest.toString('hex') },
  })
