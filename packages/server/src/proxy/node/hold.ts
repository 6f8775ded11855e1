// A request that waits for people (V100–V106), from the node's side: its body whole, its digest, the question at the gate, and one send for one approval.
// Sends nothing itself, and spends an approval only in the statement that nobody else can win.
import { Problem } from '@countersign/sdk'
import { bodyDigest, boundHeaders, requestDigest } from '../decide/digest.ts'
import type { Judged } from '../decide/judge.ts'
import type { View } from '../decide/view.ts'
import type { AskParams, AskResult } from '../gate/wire.ts'
import type { AskedRequest } from '../gatekeeper.ts'

export type HoldPort = {
  ask(params: AskParams): Promise<AskResult>
  spend(hold: { holdId: string; digest: Buffer; judgedUnder: number; requestId: string }): Promise<boolean>
}
export type HoldLimits = { body: number; defaultWaitMs: number }

/** What a person agreed to: sent now, and settled by whoever sent it. */
export type Agreed = { holdId: string; taskId: string; edited: Buffer | null }

const LONGEST_WAIT_MS = 600_000
/** One call of the gate waits this long; a longer wait asks again. */
const SLICE_MS = 25_000

type AskedFor = Extract<Judged, { outcome: 'ask' | 'allow' }>

export async function holdRequest(
  port: HoldPort,
  limits: HoldLimits,
  { view, request, judged, now }: { view: View; request: AskedRequest; judged: AskedFor; now: () => number },
): Promise<Agreed | Problem> {
  const body = await request.body(limits.body)
  if (body === 'too_large') return new Problem('body_too_large_to_ask', { limit: limits.body })
  const params = paramsOf(view, request, judged, body)
  const digest = requestDigest(params.request)
  const until = now() + waitOf(request, limits.defaultWaitMs)
  for (;;) {
    const answer = await port.ask({ ...params, wait_ms: Math.max(0, Math.min(SLICE_MS, until - now())) })
    if (answer.state === 'agreed') return spend(port, answer, { digest, judged, request })
    if (answer.state === 'spent') return new Problem('hold_spent', { task_id: answer.task_id, sent: answer.sent })
    if (answer.state === 'refused')
      return new Problem('human_denied', {
        task_id: answer.task_id,
        task_url: answer.task_url,
        ...(answer.comment ? { comment: answer.comment } : {}),
      })
    if (answer.state === 'expired') return new Problem('approval_expired', { task_id: answer.task_id })
    if (now() >= until || request.signal.aborted) return pending(answer)
  }
}

async function spend(
  port: HoldPort,
  answer: AskResult,
  { digest, judged, request }: { digest: Buffer; judged: AskedFor; request: AskedRequest },
): Promise<Agreed | Problem> {
  const { hold_id: holdId, task_id: taskId, edited_body: edited } = answer
  const isSpent = await port.spend({ holdId, digest, judgedUnder: judged.policy.policy_version, requestId: request.id })
  if (!isSpent) return new Problem('hold_spent', { task_id: taskId })
  return { holdId, taskId, edited: edited === undefined ? null : Buffer.from(edited, 'base64') }
}

const pending = ({ task_id, task_url, digest, expires_at }: AskResult): Problem =>
  new Problem('approval_pending', { task_id, task_url, digest, expires_at, retry_after: 5 })

/** `Countersign-Wait`, in seconds from 0 to 600. */
function waitOf({ headers }: AskedRequest, otherwise: number): number {
  const text = headers.find(([name]) => name === 'countersign-wait')?.[1] ?? ''
  return /^\d{1,3}$/.test(text) ? Math.min(Number(text) * 1_000, LONGEST_WAIT_MS) : otherwise
}

function paramsOf(view: View, request: AskedRequest, { use, facts, rpc, policy }: AskedFor, body: Buffer): AskParams {
  const { connection, grant } = use
  const { quorum = 1, expires_seconds = 600, on_timeout = 'deny', texts = [] } = policy.ask ?? {}
  return {
    run_id: view.run.id,
    connection_id: connection.id,
    grant_id: grant.id,
    grant_generation: grant.generation,
    request: {
      tenant_id: view.run.tenant,
      agent_id: view.agent.id,
      run_id: view.run.id,
      connection_id: connection.id,
      scheme: request.scheme,
      host: request.host,
      port: request.port,
      method: request.method,
      path: request.path,
      query: request.query,
      bound_headers: boundHeaders(request.headers),
      body_bytes: body.length,
      body_sha256: bodyDigest(body),
    },
    request_id: request.id,
    body: body.toString('base64'),
    facts: { ...facts.values },
    tools: rpc?.calls.flatMap(({ tool, arguments: given }) => (tool === null ? [] : [{ name: tool, arguments: given }])) ?? [],
    policy: { version: policy.policy_version, ids: policy.policy_ids, quorum, expires_seconds, on_timeout, texts },
    wait_ms: 0,
  }
}
