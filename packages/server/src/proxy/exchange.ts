// One request from its head to its last byte: judged, filled, sent, masked, settled (V91). What is not judged never leaves; what was judged is settled exactly
// once, however it ends. Holds of a body only what somebody has to see whole.
import type { Clock } from '../std/clock.ts'
import { newId } from '../std/id.ts'
import type { Log } from '../std/log.ts'
import type { Cuts } from './cuts.ts'
import { lowered, requestFields } from './fields.ts'
import { type Field, type Flow, flowOf, type Held, hold } from './flow.ts'
import type { Answer, AskedRequest, Gatekeeper, OpenRun, Send, Settled } from './gatekeeper.ts'
import { valuesOf } from './http1/head.ts'
import { inject, MOST_BODY, needsBody } from './inject/inject.ts'
import { InjectionFault, type Outbound } from './inject/outbound.ts'
import { withSession } from './mcp/session.ts'
import { answerWhole, type Incoming, type Outgoing } from './message.ts'
import { answerGrpc, answerSaid, denied, isGrpc, type Said, say } from './problems.ts'
import { narrowed } from './redact/coding.ts'
import type { Masks } from './redact/mask.ts'
import { type Attempt, type Passage, sendOn } from './send.ts'
import type { Upstreams } from './upstream.ts'

export type ExchangeHouse = {
  gatekeeper: Gatekeeper
  upstreams: Upstreams
  cuts: Cuts
  masks: Masks
  clock: Clock
  log: Log
  /** Our own mark in `Via` (P105). */
  via: string
  streamsPerRun: number
  /** Set as the process ends: what is under way goes on, and nothing begins. */
  isEnding: boolean
}

/** Bodies up to this may be sent a second time after a 401 (V48). */
const RESENT_BODY = 65_536

export async function exchange(house: ExchangeHouse, run: OpenRun, incoming: Incoming, outgoing: Outgoing): Promise<void> {
  const id = newId('req')
  const refusal = refusedAtOnce(house, run, incoming, id)
  if (refusal) return answerSaid(outgoing, refusal, incoming)

  const began = performance.now()
  // Made when somebody looks: most judgements never do, and it costs as much as reading a head.
  let aborts: AbortController | null = null
  const signal = (): AbortSignal => {
    aborts ??= new AbortController()
    if (isOver) aborts.abort()
    return aborts.signal
  }
  const settled: Settled = unsettled()
  let isOver = false
  let passage: Passage | null = null
  const over = (fault: string | null) => {
    if (isOver) return
    isOver = true
    done()
    settled.fault ??= fault
    settled.totalMs = performance.now() - began
    house.gatekeeper.settled(id, settled)
  }
  const live = {
    runId: run.id,
    connectionId: null as string | null,
    counted: true,
    cut() {
      passage?.abort()
      aborts?.abort()
      outgoing.cut()
      over('aborted')
    },
  }
  const done = house.cuts.add(live)
  incoming.onGone(() => {
    passage?.abort()
    aborts?.abort()
    over('aborted')
  })

  const held = incoming.body ? hold(incoming.body) : null
  const continued = () => {
    if (incoming.expectsContinue && !outgoing.began()) outgoing.inform(100, [])
    incoming.expectsContinue = false
  }
  const refuse = (said: Said) => {
    if (isOver) return
    settled.status = said.status
    answerSaid(outgoing, said, incoming)
    over(null)
  }
  try {
    const asked = askedOf(id, incoming, held, signal, continued)
    const verdict = await house.gatekeeper.judge(run, asked)
    if (isOver) return
    if (verdict.kind === 'answer') {
      settled.status = verdict.status
      answerVerdict(outgoing, verdict, incoming)
      return over(null)
    }
    live.connectionId = verdict.connectionId
    const out = await prepare(house, incoming, verdict, held)
    if (isOver) return
    if (out === 'plaintext') return refuse(denied('plaintext', id, run))
    continued()
    const resend = verdict.again && (held === null || (await isSmall(held, incoming))) ? verdict.again : null
    if (isOver) return
    const whole = resend && held ? held.whole() : null
    const again = async (): Promise<Attempt | null> => {
      const next = (await resend?.(401)) ?? null
      if (!next || isOver) return null
      live.connectionId = next.connectionId
      const prepared = await prepare(house, incoming, next, null, whole)
      if (prepared === 'plaintext' || isOver) return null
      return attemptOf(incoming, next, prepared, whole === null ? null : { flow: flowOf(whole) })
    }
    passage = sendOn(house, {
      run,
      incoming,
      outgoing,
      settled,
      requestId: id,
      over,
      refuse,
      attempt: attemptOf(incoming, verdict, out, held),
      again: resend && again,
    })
  } catch (error) {
    if (isOver) return
    if (error instanceof InjectionFault) return refuse(denied(error.reason, id, run))
    house.log.error({ err: error, request_id: id }, 'a request through the proxy broke')
    refuse(say('internal', id))
  }
}

function refusedAtOnce(house: ExchangeHouse, run: OpenRun, { fields }: Incoming, id: string): Said | null {
  if (house.isEnding) return say('not_ready', id, { checks: ['proxy'], retry_after: 1 })
  if (!house.gatekeeper.isFresh()) return say('control_unreachable', id)
  if (valuesOf(fields, 'via').some((via) => via.includes(house.via))) return say('loop_detected', id)
  if (house.cuts.ofRun(run.id) >= house.streamsPerRun) return say('concurrency_limited', id, { bucket: 'proxy.run' })
  return null
}

const unsettled = (): Settled => ({
  status: null,
  fault: null,
  bytesUp: 0,
  bytesDown: 0,
  upstreamMs: null,
  ttfbMs: null,
  totalMs: 0,
  redactions: 0,
  replaced: false,
  retried: false,
  address: null,
  protocolUpstream: null,
})

function askedOf(
  id: string,
  incoming: Incoming,
  held: Held | null,
  signal: () => AbortSignal,
  continued: () => void,
): AskedRequest {
  const { scheme, host, port, method, path, query, protocol, clientAddress, upgrade } = incoming
  let headers: readonly (readonly [string, string])[] | null = null
  return {
    id,
    scheme,
    host,
    port,
    method,
    path,
    query: query ?? '',
    // `Countersign-*` of the client is for the judge alone; the rest is what goes on.
    get headers() {
      headers ??= lowered([...requestFields(incoming.fields), ...ownFields(incoming.fields)])
      return headers
    },
    ...(upgrade ? { upgrade } : {}),
    protocol,
    clientAddress,
    get signal() {
      return signal()
    },
    async body(limit) {
      if (!held) return Buffer.alloc(0)
      continued()
      return held.read(limit)
    },
  }
}

const OWN = 'countersign-'
const ownFields = (fields: readonly Field[]): Field[] =>
  fields.filter(([name]) => name.length > OWN.length && name.slice(0, OWN.length).toLowerCase() === OWN)

function answerVerdict(to: Outgoing, verdict: Answer, { method, fields }: Incoming): void {
  const said: Field[] = Object.entries(verdict.headers)
  if (verdict.grpcStatus !== undefined && isGrpc(fields)) return void answerGrpc(to, said, verdict.grpcStatus, 'Countersign')
  answerWhole(to, verdict.status, said, verdict.body, method)
}

/** The request as it leaves, or why it may not. */
async function prepare(
  house: ExchangeHouse,
  incoming: Incoming,
  verdict: Send,
  held: Held | null,
  whole: Buffer | null = null,
): Promise<Outbound | 'plaintext'> {
  if (incoming.scheme === 'http' && verdict.injections.length > 0 && !verdict.plaintext) return 'plaintext'
  let body = verdict.edited?.body ?? whole
  if (body === null && held && needsBody(verdict.injections)) {
    const read = await held.read(MOST_BODY)
    if (read === 'too_large') throw new InjectionFault('body_too_large_to_inspect')
    body = read
  }
  const { mcp } = verdict
  const sent = requestFields(incoming.fields)
  const kept = mcp ? [...withSession(sent, () => mcp.session)] : sent
  const isWatched = mcp?.lists || (verdict.scan && (verdict.mask.length > 0 || verdict.injections.length > 0))
  const fields = isWatched ? narrowed(kept) : kept
  const before = valuesOf(incoming.fields, 'via')
  const out: Outbound = { path: incoming.path, query: incoming.query, fields, body, added: [], replaced: false }
  inject(out, verdict.injections, verdict.placeholder)
  out.fields.push(['Via', [...before, house.via].join(', ')])
  return out
}

function attemptOf(incoming: Incoming, verdict: Send, out: Outbound, held: { flow: Flow } | null): Attempt {
  const isOurs = out.body !== null && (verdict.edited !== undefined || needsBody(verdict.injections))
  if (isOurs) return { verdict, out, body: flowOf(out.body as Buffer), length: (out.body as Buffer).length }
  return { verdict, out, body: held?.flow ?? null, length: held ? incoming.length : null }
}

/** Read whole now, so that it could be sent twice. */
async function isSmall(held: Held, incoming: Incoming): Promise<boolean> {
  if (held.whole() !== null) return (held.whole() as Buffer).length <= RESENT_BODY
  if (incoming.length === null || incoming.length > RESENT_BODY) return false
  return (await held.read(RESENT_BODY)) !== 'too_large'
}
