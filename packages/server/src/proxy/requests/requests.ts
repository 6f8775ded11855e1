// Requests of the proxy (V120, V140): one for each judgement, with how it ended once that is known. From the record alone; holds no value of a query, no body.

import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { type Event, readEvent } from '../../events/event.ts'
import type { Position } from '../../events/sql.ts'
import { followEvents } from '../../events/stream.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { ownOnly } from '../../identity/agent.ts'
import type { KeyHouse } from '../../identity/keys-at-rest/tenant-key.ts'
import { findAgent, type Only } from '../../identity/sql.ts'
import { findProxied, listProxied, type ProxiedRow, type RequestFilter, type RequestOutcome } from './sql.ts'

const OUTCOME_OF: Readonly<Record<string, RequestOutcome>> = {
  'proxy.allowed': 'allow',
  'proxy.denied': 'deny',
  'proxy.asked': 'ask',
  'proxy.passed': 'pass',
  'proxy.learned': 'learn',
}

type Told = {
  run_id: string
  connection_id?: string
  grant_id?: string
  reason?: string
  scheme: 'http' | 'https'
  host: string
  port: number
  method: string
  path: string
  tools?: string[]
  facts?: string[]
  proof?: string
  client_address?: string
  task_id?: string
}
type Ended = {
  status: number | null
  fault: string | null
  bytes_up: number
  bytes_down: number
  total_ms: number
  redactions: number
  replaced: boolean
  retried: boolean
}

export type ProxiedRequest = ReturnType<typeof showRequest>

function showRequest(event: Event, settled: Event | null) {
  const told = event.data as unknown as Told
  const ended = settled && (settled.data as unknown as Ended)
  return {
    event_id: event.id,
    request_id: event.request_id,
    at: event.occurred_at,
    agent_id: event.actor.id,
    run_id: told.run_id,
    connection_id: told.connection_id ?? null,
    grant_id: told.grant_id ?? null,
    task_id: told.task_id ?? null,
    outcome: OUTCOME_OF[event.type] as RequestOutcome,
    reason: told.reason ?? null,
    scheme: told.scheme,
    host: told.host,
    port: told.port,
    method: told.method,
    path: told.path,
    tools: told.tools ?? [],
    facts: told.facts ?? [],
    proof: told.proof ?? null,
    client_address: told.client_address ?? null,
    policy_ids: event.decision?.policy_ids ?? [],
    policy_version: event.decision?.policy_version ?? null,
    ended: ended && {
      status: ended.status,
      fault: ended.fault,
      bytes_up: ended.bytes_up,
      bytes_down: ended.bytes_down,
      total_ms: ended.total_ms,
      redactions: ended.redactions,
      replaced: ended.replaced,
      retried: ended.retried,
    },
  }
}

const showRow = ({ body, settled }: ProxiedRow) =>
  showRequest(readEvent({ body }), settled === null ? null : readEvent({ body: settled }))

export async function listRequests(house: KeyHouse, scope: Scope, query: RequestFilter & { limit: number; cursor?: string }) {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /proxy/requests', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<Position>(house.keyring, at, cursor, t.now)
      const rows = await listProxied(t, scope, { filter, only: ownOnly(scope, 'proxy.read'), before, limit: limit + 1 })
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: ({ xid, ord }) => ({ xid, ord }) })
      return { ...page, data: page.data.map(showRow) }
    },
    { readOnly: true },
  )
}

export const getRequest = (house: KeyHouse, scope: Scope, id: string): Promise<ProxiedRequest> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findProxied(t, scope, id, ownOnly(scope, 'proxy.read'))
      if (!row) throw new Problem('not_found')
      return showRow(row)
    },
    { readOnly: true },
  )

/** A judgement comes as `request`, how it ended as `ended` with the same `request_id`. */
export type Followed =
  | { kind: 'request'; id: string; request: ProxiedRequest }
  | { kind: 'ended'; id: string; ended: { request_id: string | null; run_id: string } & Ended }

export async function* followRequests(
  house: KeyHouse,
  scope: Scope,
  options: { filter: Omit<RequestFilter, 'from' | 'to'>; after: Position; signal: AbortSignal },
): AsyncGenerator<Followed, void, undefined> {
  const { filter, after, signal } = options
  const only = ownOnly(scope, 'proxy.read')
  const actor = only.agent ?? filter.agent_id
  const mine = openMine(house, scope, only)
  const wanted = { type: 'proxy.*', ...(actor === undefined ? {} : { actor }) }
  for await (const event of followEvents(house, scope, { filter: wanted, after, signal })) {
    if (filter.agent_id !== undefined && event.actor.id !== filter.agent_id) continue
    const settled = event.type === 'proxy.settled'
    if (!settled && OUTCOME_OF[event.type] === undefined) continue
    const told = event.data as unknown as Told
    if (filter.run_id !== undefined && told.run_id !== filter.run_id) continue
    if (filter.connection_id !== undefined && told.connection_id !== filter.connection_id) continue
    if (!settled && !fits(showRequest(event, null), filter)) continue
    if (!(await mine(event.actor.id))) continue
    if (settled) {
      const { status, fault, bytes_up, bytes_down, total_ms, redactions, replaced, retried } = event.data as unknown as Ended
      const ended = { request_id: event.request_id, run_id: told.run_id, status, fault, bytes_up, bytes_down, total_ms }
      yield { kind: 'ended', id: event.id, ended: { ...ended, redactions, replaced, retried } }
    } else yield { kind: 'request', id: event.id, request: showRequest(event, null) }
  }
}

const fits = (one: ProxiedRequest, { outcome, reason, host }: RequestFilter): boolean =>
  (outcome === undefined || one.outcome === outcome) &&
  (reason === undefined || one.reason === reason) &&
  (host === undefined || one.host === host)

/** Whose agents these are changes seldom; a stream asks once for each. */
function openMine({ db }: KeyHouse, scope: Scope, only: Only): (agentId: string) => Promise<boolean> {
  if (only.user === null && only.agent === null) return async () => true
  const known = new Map<string, boolean>()
  return async (agentId) => {
    const before = known.get(agentId)
    if (before !== undefined) return before
    const found = (await tx(db, scope, (t) => findAgent(t, scope, agentId, only), { readOnly: true })) !== null
    known.set(agentId, found)
    return found
  }
}
