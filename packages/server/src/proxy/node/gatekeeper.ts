// The decision path of a proxy process (V91): target, connection, grant, facts, policy, hold, use, record, material, injection, in this order. A failure at a step
// opens nothing further. Holds no root key and reads no table; what needs a key or a human is asked at the gate.
import { Problem, type ProblemMembers } from '@countersign/sdk'
import { Secret } from '../../crypto/secret.ts'
import { parseKey, sha256Hex } from '../../crypto/token.ts'
import { dispatch } from '../../db/dispatch.ts'
import { NO_TENANT, systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import { policySchema } from '../../identity/policies/judge.ts'
import { openSets, type Sets } from '../../policy/decide.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { reauthorizePage } from '../../vault/connections/reauthorize.ts'
import type { Definition, Injection, Material } from '../../vault/providers/definition.ts'
import { appliesTo, type Filled, fillInjection, InjectionInvalid } from '../../vault/providers/fill.ts'
import { defaultsOf } from '../../vault/providers/params.ts'
import { scopesAskedIn } from '../../vault/refresh/step-up.ts'
import { placeIn } from '../decide/choose.ts'
import { type About, answerOf, denial, isGrpc } from '../decide/deny.ts'
import { type Judged, judgeRequest, passOr } from '../decide/judge.ts'
import type { Use } from '../decide/policy-request.ts'
import { invalidRpc, rpcAnswer } from '../decide/tools.ts'
import type { View } from '../decide/view.ts'
import type { GateClient } from '../gate/channel.ts'
import type { AskParams, AskResult, MaterialParams, MaterialResult, OpenParams, OpenResult } from '../gate/wire.ts'
import type { Answer, AskedRequest, FilledInjection, Gatekeeper, OpenRun, Send, Settled, Verdict } from '../gatekeeper.ts'
import { captureOf } from './capture.ts'
import { judgedEvent, settledEvent, spentEvent } from './event.ts'
import { type Agreed, holdRequest, type Spending } from './hold.ts'
import { type Lease, openLeases } from './leases.ts'
import { type Line, logLine } from './line.ts'
import { type Passing, passing } from './mcp.ts'
import { openRecorder } from './recorder.ts'
import { openRuns } from './runs.ts'
import { type Became, type ProxyEvent, recordEvents, recordingOf, reserveUse, settleHold, spendHold } from './sql.ts'

export type NodeOptions = {
  /** The id under which this process is enrolled. */
  node: string
  db: Db
  gate: GateClient
  clock: Clock
  log: Log
  bundled: ReadonlyMap<string, Definition>
  /** The installation's forbids over every tenant. */
  guardrails: string
  limits?: Partial<NodeLimits>
}
export type NodeLimits = { inspectBody: number; holdBody: number; holdMs: number; pollMs: number; staleAfterMs: number }
const LIMITS: NodeLimits = { inspectBody: 65_536, holdBody: 1_048_576, holdMs: 50_000, pollMs: 200, staleAfterMs: 1_000 }

export type Node = {
  gatekeeper: Gatekeeper
  /** One look at what changed, as the timer does: when somebody said that something did. */
  look(): Promise<void>
  /** How far behind, and what it holds: what a beat tells (V81). */
  state(): { lagMs: number; leases: number; runs: number; canRecord: boolean }
  /** Where a host lets this tenant dial besides public addresses. */
  exceptionsOf(tenant: string): readonly string[]
  close(): Promise<void>
}

const scope = systemScope('proxy', NO_TENANT)
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const RESENT_BODY = 65_536
const CLOSE_MS = 5_000
/** Batches of events on their way before one waits for company: fewer than the connections to the database, which others need too. */
const AT_ONCE = 6
/** Half of what a line of the gate takes at once: the other half is for runs and material. */
const MOST_LONG_ASKS = 128

export function openNode(options: NodeOptions): Node {
  const { node, db, gate, clock, log, bundled } = options
  const limits = { ...LIMITS, ...options.limits }
  const now = (): number => clock.now().getTime()
  const runs = openRuns({ node, db, clock, log, bundled, pollMs: limits.pollMs, staleAfterMs: limits.staleAfterMs })
  const leases = openLeases()
  const recorder = openRecorder<ProxyEvent>({
    write: (events) => dispatch(db, recordingOf(node, events)),
    clock,
    log,
    atOnce: AT_ONCE,
  })
  const opened = new Map<string, OpenRun>()
  /** Where people reach the server, as the gate said last. */
  let serverOrigin = ''
  let longAsks = 0
  const parsed = new WeakMap<View['policy'], Sets>()
  const judgedRequests = new Map<string, Recorded>()
  const lines = new Map<string, Line>()
  /** Under judgement; what ended meanwhile is told when that is over, so that line and event say the same. */
  const judging = new Map<string, Settled | null>()

  runs.onCut(({ runId, connectionId, everythingInjected }) => {
    if (everythingInjected) leases.clear()
    else leases.drop({ ...(runId ? { runId } : {}), ...(connectionId ? { connectionId } : {}) })
    if (runId && !connectionId) for (const [hash, run] of opened) if (run.id === runId) opened.delete(hash)
  })

  function setsOf({ policy }: View): Sets {
    const known = parsed.get(policy)
    if (known) return known
    const sets = openSets({ version: policy.version, text: policy.text, guardrails: options.guardrails, schema: policySchema() })
    parsed.set(policy, sets)
    return sets
  }

  async function open(token: string, clientAddress: string): Promise<OpenRun | null> {
    if (parseKey(token)?.kind !== 'prx') return null
    const token_hash = sha256Hex(token)
    const known = opened.get(token_hash)
    if (known && known.expiresAt.getTime() > now()) return known
    const params: OpenParams = { token_hash, client_address: clientAddress }
    const found = (await gate.call('open', params)) as OpenResult
    if (found === null) return null
    const { run, authority } = found
    serverOrigin = found.origin
    const { id, certificate, key } = authority
    const one: OpenRun = {
      id: run.id,
      tenant: run.tenant,
      agentId: run.agent_id,
      expiresAt: new Date(run.expires_at),
      authority: { id, certificate, key: new Secret(key) },
    }
    opened.set(token_hash, one)
    runs.follow(run.id)
    return one
  }

  const noteLine = (request: AskedRequest, more: Partial<Line>): void => {
    const line = lines.get(request.id)
    if (line) Object.assign(line, more)
  }

  /** What the gate refuses, the agent hears. */
  async function judge(run: OpenRun, request: AskedRequest): Promise<Verdict> {
    lines.set(request.id, { run, request, judged: null, taskId: null, leased: false })
    judging.set(request.id, null)
    try {
      return await decide(run, request)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return answerOf(error, 'deny', { requestId: request.id, grpc: isGrpc(request.headers) })
    } finally {
      const ended = judging.get(request.id)
      judging.delete(request.id)
      if (ended) conclude(request.id, ended)
    }
  }

  async function decide(run: OpenRun, request: AskedRequest): Promise<Verdict> {
    const grpc = isGrpc(request.headers)
    const refuse = (problem: Problem): Answer => answerOf(problem, 'deny', { requestId: request.id, grpc })
    if (!runs.isFresh()) return refuse(new Problem('control_unreachable', { retry_after: 1 }))
    if (!recorder.isAvailable()) return refuse(new Problem('record_unavailable', { retry_after: 1 }))
    const view = await runs.viewOf(run.id)
    if (view === null) return refuse(denial('run_ended', { requestId: request.id, runId: run.id }).problem)
    const judged = await judgeRequest({ view, sets: setsOf(view), limits, at: clock.now() }, request)
    noteLine(request, { judged })
    if (judged.outcome === 'deny') return denied(view, request, judged)
    if (!('use' in judged)) {
      await recorder.add(judgedEvent(view, request, judged, clock.now())).sent
      judgedRequests.set(request.id, { view, use: null, holdId: null, fault: null })
      return { ...NOTHING, answerHeaders: { 'countersign-outcome': 'pass' } }
    }
    const through = judged.mcp ? passing(run, request, judged, (call) => judgedNow(run, call)) : null
    if (through === 'foreign') {
      const { connection, grant } = judged.use
      const about = { policy: judged.policy, connection, grant, rpc: judged.rpc ?? undefined }
      return denied(view, request, { outcome: 'deny', reason: 'no_grant', ...about }, { detail: FOREIGN })
    }
    const allowed = through ? { ...judged, passing: through } : judged
    return judged.outcome === 'ask' ? held(view, request, allowed) : send(view, request, allowed, null)
  }

  /** What would be said of a request at this moment; nothing is written of it. */
  async function judgedNow(run: OpenRun, request: AskedRequest): Promise<Judged | null> {
    const view = await runs.viewOf(run.id)
    return view && judgeRequest({ view, sets: setsOf(view), limits, at: clock.now() }, request)
  }

  async function denied(view: View, request: AskedRequest, judged: Denied, more: ProblemMembers = {}): Promise<Answer> {
    await recorder.add(judgedEvent(view, request, judged, clock.now())).sent
    return refused(view, request, judged, more)
  }

  function refused(view: View, request: AskedRequest, judged: Denied, more: ProblemMembers = {}): Answer {
    const about: About = {
      requestId: request.id,
      runId: view.run.id,
      ...(judged.connection ? { connection: judged.connection.id } : {}),
      ...(judged.choices ? { choices: judged.choices } : {}),
      // For the owner, who is signed in there (V49).
      ...(judged.reason === 'needs_reauth' && judged.connection
        ? { connectUrl: reauthorizePage({ origin: () => serverOrigin }, judged.connection.id) }
        : {}),
    }
    const { problem } = denial(judged.reason, about, { ...more, ...(judged.provider ? { provider: judged.provider } : {}) })
    if (judged.rpc === 'invalid') return invalidRpc(request.id)
    if (judged.rpc) return rpcAnswer(judged.rpc, problem, request.id, 'deny')
    return answerOf(problem, 'deny', { requestId: request.id, grpc: isGrpc(request.headers) })
  }

  async function held(view: View, request: AskedRequest, judged: Allowed): Promise<Verdict> {
    await recorder.add(judgedEvent(view, request, judged, clock.now())).sent
    const port = {
      ask,
      spend: (hold: Spending) => spend(view, request, judged.use.connection.id, hold),
    }
    const answer = await holdRequest(
      port,
      { body: limits.holdBody, defaultWaitMs: limits.holdMs },
      { view, request, judged, clock },
    )
    if (!(answer instanceof Problem)) {
      noteLine(request, { judged: { ...judged, outcome: 'allow' }, taskId: answer.taskId })
      return send(view, request, judged, answer)
    }
    noteLine(request, { taskId: answer.members.task_id ?? null })
    const outcome = answer.code === 'approval_pending' ? 'ask' : 'deny'
    if (judged.rpc) return rpcAnswer(judged.rpc, answer, request.id, outcome)
    const task = answer.members.task_id
    const more: Record<string, string> = task === undefined ? {} : { 'countersign-task': task }
    return answerOf(answer, outcome, { requestId: request.id, grpc: isGrpc(request.headers) }, more)
  }

  /** Many sockets may wait for people; most of them at the gate, and the rest ask again and again. */
  async function ask(params: AskParams): Promise<AskResult> {
    const waits = params.wait_ms > 0 && longAsks < MOST_LONG_ASKS
    if (waits) longAsks++
    try {
      return (await gate.call('ask', waits ? params : { ...params, wait_ms: 0 })) as AskResult
    } finally {
      if (waits) longAsks--
    }
  }

  /** At most once, and told in the same transaction: what goes out under an approval is never without its event. */
  const spend = (view: View, request: AskedRequest, connectionId: string, { taskId, ...hold }: Spending): Promise<boolean> =>
    tx(db, scope, async (t) => {
      const { is_spent } = await spendHold(t, node, { runId: view.run.id, ...hold })
      if (is_spent) await recordEvents(t, node, [spentEvent(view, request, { ...hold, taskId, connectionId }, clock.now())])
      return is_spent
    })

  /** From the use of the grant to the filled injection. Nothing has been sent when it refuses. */
  async function send(view: View, request: AskedRequest, judged: Allowed, agreed: Agreed | null): Promise<Verdict> {
    const { connection, grant } = judged.use
    if (grant.maxUses !== null) {
      const { is_reserved } = await tx(db, scope, (t) => reserveUse(t, node, view.run.id, grant.id))
      if (!is_reserved) {
        if (agreed) settle(view, agreed.holdId, 'not_sent')
        return denied(view, request, { outcome: 'deny', reason: 'grant_expired', policy: judged.policy, connection, grant })
      }
    }
    const event = judgedEvent(
      view,
      request,
      { ...judged, outcome: 'allow' },
      clock.now(),
      agreed ? { task_id: agreed.taskId } : {},
    )
    const writing = recorder.add(event)
    const before = grant.record === 'before' || (grant.record === 'auto' && !SAFE.has(request.method))
    const recorded: Recorded = { view, use: judged.use, holdId: agreed?.holdId ?? null, fault: null }
    judgedRequests.set(request.id, recorded)
    try {
      await (before ? writing.kept : writing.sent)
      const lease = await leaseOf(view, judged)
      noteLine(request, { leased: lease.leased })
      if (lease.hosts && !lease.hosts.includes(request.host)) {
        recorded.fault = 'proxy_denied'
        return refused(view, request, { outcome: 'deny', reason: 'host', policy: judged.policy, connection, grant })
      }
      return filled(view, request, judged, lease, agreed)
    } catch (error) {
      // It was judged and is on the record once: that it came to nothing is told as its outcome.
      if (error instanceof Problem) recorded.fault = error.code
      if (!(error instanceof InjectionInvalid)) throw error
      recorded.fault = 'injection_invalid'
      return refused(view, request, { outcome: 'deny', reason: 'injection_invalid', policy: judged.policy, connection, grant })
    }
  }

  function leaseOf(view: View, { use: { connection, grant } }: Allowed, refresh?: MaterialParams['refresh']) {
    const key = { runId: view.run.id, connectionId: connection.id, grantId: grant.id, generation: connection.generation }
    if (refresh) leases.drop({ connectionId: connection.id })
    return leases.get(key, now(), async () => {
      const params: MaterialParams = {
        run_id: view.run.id,
        connection_id: connection.id,
        grant_id: grant.id,
        ...(refresh ? { refresh } : {}),
      }
      const { material, generation, lease_ms, hosts } = (await gate.call('material', params)) as MaterialResult
      const until = Math.min(now() + lease_ms, grant.expiresAt.getTime(), view.run.expiresAt.getTime())
      return { material, generation, until, ...(hosts ? { hosts } : {}) }
    })
  }

  /** A provider that wants more than was granted has its owner sign in again (V38); the agent reads the answer meanwhile. */
  function lacks(view: View, { connection, grant }: Use, challenge: string): void {
    const scopes = scopesAskedIn(403, challenge)
    if (!scopes || scopes.length === 0) return
    const params: MaterialParams = {
      ...{ run_id: view.run.id, connection_id: connection.id, grant_id: grant.id },
      lacks: { generation: connection.generation, scopes },
    }
    gate.call('material', params).catch((error: unknown) => log.debug({ err: error }, 'nobody was told that a scope is missing'))
  }

  /**
   * What the site renewed of a session is handed to who may seal it (V45); the next request asks for it. Whoever answers at the gate by now may not have handed out
   * what was used, so it is asked for once more.
   */
  async function keep(view: View, judged: Allowed, generation: number, cookies: Readonly<Record<string, string>>): Promise<void> {
    const { connection, grant } = judged.use
    const renewed = { generation, cookies: { ...cookies } }
    const params: MaterialParams = { run_id: view.run.id, connection_id: connection.id, grant_id: grant.id, renewed }
    const told = () => gate.call('material', params)
    const drop = () => leases.drop({ connectionId: connection.id })
    try {
      await told().catch(async (error: unknown) => {
        if (!(error instanceof Problem) || error.code !== 'forbidden') throw error
        drop()
        return (await leaseOf(view, judged)).generation === generation ? told() : null
      })
    } catch (error) {
      log.debug({ err: error }, 'renewed cookies were not kept')
    } finally {
      drop()
    }
  }

  function filled(view: View, request: AskedRequest, judged: Allowed, lease: Omit<Lease, 'until'>, agreed: Agreed | null): Send {
    const { material, generation } = lease
    const { connection, grant } = judged.use
    const { definition, params } = connection
    const { injections, mask } = injectedFrom(definition, material, (rule) => appliesTo(rule, request, params))
    return {
      kind: 'send',
      connectionId: connection.id,
      grantId: grant.id,
      injections,
      placeholder: connection.placeholder,
      mask,
      ...(agreed?.edited ? { edited: { body: agreed.edited } } : {}),
      scan: grant.scan,
      ...(judged.passing ? { mcp: judged.passing(agreed?.edited ?? null) } : {}),
      ...captureOf(definition, material, (renewed) => void keep(view, judged, generation, renewed)),
      ...(definition.allow_plaintext ? { plaintext: true as const } : {}),
      again: mayGoAgain(definition, request) ? (status) => again(status, view, request, judged, agreed) : null,
      answerHeaders: { 'countersign-outcome': 'allow', ...(agreed ? { 'countersign-task': agreed.taskId } : {}) },
    }
  }

  /** One refresh, then one resend (V48); null where the body is not at hand whole, or nothing newer is to be had. */
  async function again(
    status: number,
    view: View,
    request: AskedRequest,
    judged: Allowed,
    agreed: Agreed | null,
  ): Promise<Send | null> {
    if (status !== 401 || (await request.body(RESENT_BODY)) === 'too_large') return null
    try {
      const lease = await leaseOf(view, judged, { generation: judged.use.connection.generation })
      return { ...filled(view, request, judged, lease, agreed), again: null }
    } catch (error) {
      if (error instanceof Problem) return null
      throw error
    }
  }

  function conclude(requestId: string, how: Settled): void {
    const line = lines.get(requestId)
    const one = judgedRequests.get(requestId)
    lines.delete(requestId)
    judgedRequests.delete(requestId)
    const outcome = one?.fault ? { ...how, fault: one.fault } : how
    if (line) logLine(log, line, outcome)
    if (!one) return
    const { view, use, holdId } = one
    recorder.note(settledEvent(view, { id: requestId }, use?.connection.id ?? null, outcome, clock.now()))
    if (use && outcome.challenge !== undefined) lacks(view, use, outcome.challenge)
    if (holdId !== null) settle(view, holdId, becameOf(outcome))
  }

  const settle = (view: View, holdId: string, became: Became): void => {
    tx(db, scope, (t) => settleHold(t, node, { runId: view.run.id, holdId, became })).catch((error: unknown) =>
      log.warn({ err: error, hold_id: holdId }, 'what became of an approved request could not be written'),
    )
  }

  return {
    gatekeeper: {
      open,
      judge,
      async connect(run, target, { id, clientAddress }) {
        const view = await runs.viewOf(run.id)
        // Whoever may not be let out just now is told so inside.
        if (view === null || knows(view, target) || !runs.isFresh() || !recorder.isAvailable()) return 'intercept'
        const request = { ...target, id, method: 'CONNECT', path: '/', clientAddress, protocol: 'http/1.1' as const }
        const seen = { ...target, method: 'CONNECT', path: '/', query: '', headers: [], clientAddress }
        const asking = {
          view,
          seen: { ...seen, bodyBytes: null, inspected: false, content: null, partial: false },
          at: clock.now(),
        }
        const judged = passOr('no_grant', asking, setsOf(view), false)
        if (judged.outcome !== 'pass') return 'intercept'
        lines.set(id, { run, request, judged, taskId: null, leased: false })
        judgedRequests.set(id, { view, use: null, holdId: null, fault: null })
        await recorder.add(judgedEvent(view, request, judged, clock.now())).sent
        return 'tunnel'
      },
      tunnelled: (id, { up, down, totalMs, fault }) => conclude(id, { ...UNSEEN, bytesUp: up, bytesDown: down, totalMs, fault }),
      settled(requestId, outcome) {
        if (judging.has(requestId)) judging.set(requestId, outcome)
        else conclude(requestId, outcome)
      },
      isFresh: runs.isFresh,
      onCut: runs.onCut,
    },
    look: runs.look,
    state: () => ({
      lagMs: runs.lagMs(),
      leases: leases.size(),
      runs: runs.open().length,
      canRecord: recorder.isAvailable(),
    }),
    exceptionsOf: runs.exceptionsOf,
    async close() {
      runs.close()
      leases.clear()
      const left = await recorder.close(CLOSE_MS)
      if (left > 0) log.error({ events: left }, 'events of the proxy were not acknowledged before it ended')
    },
  }
}

/** On the record as let out; `fault`: it came to nothing before it was. */
type Recorded = { view: View; use: Use | null; holdId: string | null; fault: string | null }
type Denied = Extract<Judged, { outcome: 'deny' }>
type Allowed = Extract<Judged, { outcome: 'allow' | 'ask' }> & { passing?: Passing }
const FOREIGN = 'This session of the MCP server was not received by this run.'

/** Of a tunnel that nobody looks into. */
const UNSEEN: Settled = {
  ...{ status: null, fault: null, bytesUp: 0, bytesDown: 0, upstreamMs: null, ttfbMs: null, totalMs: 0 },
  ...{ redactions: 0, replaced: false, retried: false, address: null, protocolUpstream: null },
}

/** A connection to upstream was had, or nothing was let out; how it went on from there is told by an answer alone. */
const becameOf = ({ protocolUpstream, status }: Settled): Became =>
  protocolUpstream === null ? 'not_sent' : status === null ? 'unknown' : 'sent'

const NOTHING: Send = {
  kind: 'send',
  connectionId: null,
  grantId: null,
  injections: [],
  placeholder: null,
  mask: [],
  scan: false,
  again: null,
  answerHeaders: {},
}

/** Whether a definition that this run meets names the host at all, whatever the path. */
const knows = (view: View, target: { host: string; port: number }): boolean => {
  const anywhere = (definition: Definition): Definition => ({
    ...definition,
    hosts: definition.hosts.map(({ path: _, ...host }) => host),
  })
  const asked = { ...target, path: '/', query: '', headers: [], read: { plain: [''], decoded: [''] } }
  return (
    view.connections.some(({ definition, params }) => placeIn(anywhere(definition), params, asked) !== null) ||
    view.known.some((definition) => placeIn(anywhere(definition), defaultsOf(definition), asked) !== null)
  )
}

function mayGoAgain({ retry_on_401: rule = 'safe' }: Definition, { method, headers }: AskedRequest): boolean {
  if (rule !== 'safe') return rule === 'always'
  return IDEMPOTENT.has(method) || headers.some(([name]) => name === 'idempotency-key')
}

type Injected = Pick<Send, 'injections' | 'mask'>
const injected = new WeakMap<Material, Injected & { definition: Definition }>()

/** What a lease makes of a definition, once for all its requests where no rule is for some of them alone; gone with the material. */
function injectedFrom(definition: Definition, material: Material, applies: (rule: Injection) => boolean): Injected {
  const known = injected.get(material)
  if (known?.definition === definition) return known
  const injections = definition.inject.filter(applies).flatMap((rule) => {
    const one = fillInjection(rule, material)
    return one ? [{ rule, ...secretsOf(one) }] : []
  })
  const mask = Object.values(material).flatMap((value) => (typeof value === 'string' ? [new Secret(value)] : []))
  const made = { injections, mask, definition }
  if (definition.inject.every(({ only }) => only === undefined)) injected.set(material, made)
  return made
}

function secretsOf(one: Filled): Omit<FilledInjection, 'rule'> {
  if (one.where === 'sigv4') throw new InjectionInvalid()
  if (one.where === 'basic')
    return { value: new Secret(one.value), user: new Secret(one.user), password: new Secret(one.password) }
  return { value: new Secret(one.value) }
}
