// The one line that is logged for a request (V122): where it went, what decided, how it ended. Holds no value of a query, no header, no body; the logger writes it as JSON
// on one line, control bytes escaped.
import type { Log } from '../../std/log.ts'
import type { Judged } from '../decide/judge.ts'
import type { AskedRequest, OpenRun, Settled } from '../gatekeeper.ts'

export type Line = {
  run: Pick<OpenRun, 'id' | 'tenant' | 'agentId'>
  request: Pick<AskedRequest, 'id' | 'scheme' | 'host' | 'port' | 'method' | 'path' | 'protocol' | 'clientAddress'>
  /** Null until it was judged: what cannot be judged is refused without one. */
  judged: Judged | null
  taskId: string | null
  /** The credential was at hand from an earlier request of the run. */
  leased: boolean
}

export function logLine(log: Log, { run, request, judged, taskId, leased }: Line, settled: Settled): void {
  const use = judged && 'use' in judged ? judged.use : null
  const connection = use?.connection ?? (judged && 'connection' in judged ? judged.connection : undefined)
  const grant = use?.grant ?? (judged && 'grant' in judged ? judged.grant : undefined)
  log.info(
    {
      request_id: request.id,
      tenant_id: run.tenant,
      agent_id: run.agentId,
      run_id: run.id,
      connection_id: connection?.id ?? null,
      grant_id: grant?.id ?? null,
      outcome: judged?.outcome ?? 'deny',
      reason: judged?.outcome === 'deny' ? judged.reason : settled.fault,
      policy_version: judged?.policy?.policy_version ?? null,
      scheme: request.scheme,
      host: request.host,
      port: request.port,
      method: request.method,
      path: request.path,
      status: settled.status,
      upstream_ms: settled.upstreamMs,
      total_ms: settled.totalMs,
      ttfb_ms: settled.ttfbMs,
      bytes_up: settled.bytesUp,
      bytes_down: settled.bytesDown,
      leased,
      cached: judged !== null && 'cached' in judged && judged.cached,
      redactions: settled.redactions,
      replaced: settled.replaced,
      retried: settled.retried,
      proto_client: request.protocol,
      proto_upstream: settled.protocolUpstream,
      address: settled.address,
      task_id: taskId,
    },
    'proxy',
  )
}
