// A request that waits for people (V100–V106), from the node's side: its body whole, its digest, the question at the gate, and one send for one approval.
// Sends nothing itself, and spends an approval only in the statement that nobody else can win.
import { Problem } from '@countersign/sdk'
import type { Clock } from '../../std/clock.ts'
import { carries } from '../decide/choose.ts'
import { bodyDigest, boundHeaders, requestDigest } from '../decide/digest.ts'
import type { Judged } from '../decide/judge.ts'
import type { View } from '../decide/view.ts'
import type { AskParams, AskResult } from '../gate/wire.ts'
import type { AskedRequest } from '../gatekeeper.ts'

export type HoldPort = {
  ask(params: AskParams): Promise<AskResult>
  spend(hold: Spending): Promise<boolean>
}
export type Spending = { holdId: string; taskId: string; digest: Buffer; judgedUnder: number; requestId: string }
export type HoldLimits = { body: number; defaultWaitMs: number }

/** What a person agreed to: sent now, and settled by whoever sent it. */
export type Agreed = { holdId: string; taskId: string; edited: Buffer | null }

const LONGEST_WAIT_MS = 600_000
/** One call of the gate waits this long; a longer wait asks again. */
const SLICE_MS = 25_000
/** An answer that came sooner did not wait. */
const SOON_MS = 500
const PAUSE_MS = 1_000

type AskedFor = Extract<Judged, { outcome: 'ask' | 'allow' }>

export async function holdRequest(
  port: HoldPort,
  limits: HoldLimits,
  { view, request, judged, clock }: { view: View; request: AskedRequest; judged: AskedFor; clock: Pick<Clock, 'now' | 'timer'> },
): Promise<Agreed | Problem> {
  const body = await request.body(limits.body)
  if (body === 'too_large') return new Problem('body_too_large_to_ask', { limit: limits.body })
  const params = paramsOf(view, request, judged, body)
  const digest = requestDigest(params.request)
  const now = (): number => clock.now().getTime()
  const since = now()
  const until = since + waitOf(request, view.run.waitMs ?? limits.defaultWaitMs)
  const ask = (waitMs: number) => port.ask({ ...params, waited_ms: Math.max(0, now() - since), wait_ms: waitMs })
  const isOver = (): boolean => now() >= until || request.signal.aborted
  for (;;) {
    const began = now()
    const answer = await ask(Math.max(0, Math.min(SLICE_MS, until - began))).catch((error: unknown) => {
      // What waits is a row: another replica of the gate knows it as well.
      if (!(error instanceof Problem) || error.code !== 'control_unreachable' || isOver()) throw error
      return null
    })
    // Whoever asked has gone: what was agreed to is left to the same request, sent again.
    if (answer && request.signal.aborted) return pending(answer)
    if (answer?.state === 'agreed') {
      const agreed = await spend(port, answer, { digest, judged, request })
      if (agreed) return agreed
      // Another was first and went out, or what it was judged by has just changed: then it waits for another look.
      const after = await ask(0)
      return settledAs(after) ?? pending(after)
    }
    const settled = answer && settledAs(answer)
    if (settled) return settled
    if (answer && isOver()) return pending(answer)
    // The gate waits for people itself, unless too many wait there already, or nobody is there.
    if (now() - began < SOON_MS) await pause(clock, Math.min(PAUSE_MS, Math.max(0, until - now())))
  }
}

const pause = (clock: Pick<Clock, 'timer'>, ms: number): Promise<void> => new Promise((resolve) => void clock.timer(ms, resolve))

/** null: people have not answered, or have said yes. */
function settledAs({ state, task_id, task_url, comment, sent }: AskResult): Problem | null {
  if (state === 'spent') return new Problem('hold_spent', { task_id, ...(sent ? { sent } : {}) })
  if (state === 'refused') return new Problem('human_denied', { task_id, task_url, ...(comment ? { comment } : {}) })
  return state === 'expired' ? new Problem('approval_expired', { task_id }) : null
}

async function spend(
  port: HoldPort,
  answer: AskResult,
  { digest, judged, request }: { digest: Buffer; judged: AskedFor; request: AskedRequest },
): Promise<Agreed | null> {
  const { hold_id: holdId, task_id: taskId, edited_body: edited } = answer
  const isSpent = await port.spend({ holdId, taskId, digest, judgedUnder: judged.policy.policy_version, requestId: request.id })
  if (!isSpent) return null
  return { holdId, taskId, edited: edited === undefined ? null : Buffer.from(edited, 'base64') }
}

const pending = ({ task_id, task_url, digest, expires_at }: AskResult): Problem =>
  new Problem('approval_pending', { task_id, task_url, digest, expires_at, retry_after: 5 })

/** `Countersign-Wait`, in seconds from 0 to 600; else what its run was told (`--wait`), or the proxy is set to. */
function waitOf({ headers }: AskedRequest, otherwise: number): number {
  const text = headers.find(([name]) => name === 'countersign-wait')?.[1] ?? ''
  return /^\d{1,3}$/.test(text) ? Math.min(Number(text) * 1_000, LONGEST_WAIT_MS) : otherwise
}

function paramsOf(view: View, request: AskedRequest, { use }: AskedFor, body: Buffer): Omit<AskParams, 'waited_ms' | 'wait_ms'> {
  const { connection } = use
  return {
    run_id: view.run.id,
    connection_id: connection.id,
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
    seen: {
      client_address: request.clientAddress,
      protocol: request.protocol,
      ...(request.upgrade ? { upgrade: request.upgrade } : {}),
      carries_placeholder: carries(request, connection.placeholder),
    },
  }
}
