// Sends a judged request and brings its answer back: decoded where it must be read, masked, counted, as fast as both ends are. After a 401 once more, where
// that was agreed (V48). Never tells an agent more of a fault than its code.
import type { Secret } from '../crypto/secret.ts'
import { randomBytes } from '../crypto/token.ts'
import { authorityText } from './authority.ts'
import type { ExchangeHouse } from './exchange.ts'
import { answerFields } from './fields.ts'
import { type Field, type Flow, parked, type Sink, step, watched } from './flow.ts'
import type { OpenRun, Send, Settled } from './gatekeeper.ts'
import { elementsOf, valuesOf } from './http1/head.ts'
import type { Length } from './http1/writer.ts'
import type { Outbound } from './inject/outbound.ts'
import { type Answering, isNarrowed, narrowed } from './mcp/answer.ts'
import { withSession } from './mcp/session.ts'
import type { AnswerHead, Incoming, Outgoing } from './message.ts'
import { denied, type Said, say } from './problems.ts'
import { codingOf, decodedFields, decoding, mayHoldText } from './redact/coding.ts'
import { takeCookies } from './redact/cookies.ts'
import { frameSink } from './redact/frames.ts'
import type { Mask } from './redact/mask.ts'
import type { Call, Fault, Reply } from './upstream.ts'

export type Attempt = { verdict: Send; out: Outbound; body: Flow | null; length: Length }
export type Passage = { abort(): void }

export type Journey = {
  run: OpenRun
  incoming: Incoming
  outgoing: Outgoing
  settled: Settled
  requestId: string
  /** The end, told once; a fault where the answer is not whole. */
  over(fault: string | null): void
  refuse(said: Said): void
  attempt: Attempt
  again: (() => Promise<Attempt | null>) | null
}

export function sendOn(house: ExchangeHouse, journey: Journey): Passage {
  const { incoming, outgoing, settled, requestId } = journey
  const began = performance.now()
  let running: { abort(): void } | null = null
  let isGone = false
  let mayRepeat = journey.again !== null
  let mask: Mask | null = null
  let added: readonly Buffer[] = []

  const redacted = (hits: number) => {
    settled.redactions += hits
  }

  /** The last step before the client: what goes through here has gone. */
  const counted = (to: Sink): Sink => {
    const sink = step(to, {
      write(chunk) {
        settled.bytesDown += chunk.length
        return to.write(chunk)
      },
      end(trailers) {
        to.end(trailers)
        journey.over(null)
      },
    })
    sink.abort = () => {
      journey.over('unreachable')
      to.abort()
    }
    return sink
  }

  function passOn({ verdict }: Attempt, head: AnswerHead): Sink {
    settled.status = head.status
    const challenge = head.status === 403 && head.fields.find(([name]) => name.toLowerCase() === 'www-authenticate')?.[1]
    if (challenge) settled.challenge = challenge
    const lists = verdict.mcp?.lists && isNarrowed(verdict.mcp.lists, head) ? verdict.mcp.lists : null
    const coding = (mask || lists) && !head.bodyless ? codingOf(head.fields) : 'plain'
    if (coding === 'unknown') {
      running?.abort()
      journey.refuse(say('coding_unsupported', requestId, {}, journey.run))
      return parked().sink
    }
    const isDecoded = coding !== 'plain' && (lists !== null || (head.status !== 206 && mayHoldText(head.fields)))
    const plain = withheld(verdict, answerFields(head.fields))
    const fields = [...covered(isDecoded || lists ? decodedFields(plain) : plain), ...ownFields(verdict)]
    const reason = mask && head.reason !== '' ? mask.text(head.reason) : head.reason
    const begin = (length: Length): Sink => {
      const sink = counted(outgoing.begin({ status: head.status, reason, fields, length, bodyless: head.bodyless }))
      return mask && !head.bodyless ? mask.sink(sink, redacted) : sink
    }
    const sink = lists ? narrowed(head, lists, answering(begin)) : begin(isDecoded ? null : head.length)
    return isDecoded ? decoding(coding.name, sink) : sink
  }

  /** A list of tools that cannot be narrowed is not passed on. */
  function answering(begin: (length: Length) => Sink): Answering {
    let begun: Sink | null = null
    const unread = (why: unknown): void => {
      house.log.warn({ err: why, request_id: requestId }, 'a list of tools could not be narrowed')
      running?.abort()
    }
    return {
      begin(length) {
        begun = isGone ? parked().sink : begin(length)
        return begun
      },
      refuse(why) {
        unread(why)
        journey.refuse(say('coding_unsupported', requestId, { detail: LIST_UNREAD }, journey.run))
      },
      lost() {
        settled.fault = 'unreachable'
        journey.refuse(faultSaid('unreachable', journey))
      },
      cut(why) {
        unread(why)
        journey.over('coding_unsupported')
        begun?.abort()
      },
    }
  }

  /** What the site renews of a session stays on our side (V45), and is masked in the rest of the answer; the id of an MCP session becomes this run's alone (V99). */
  function withheld({ capture, scan, mask: known, mcp }: Send, said: readonly Field[]): readonly Field[] {
    const fields = mcp ? withSession(said, mcp.bind) : said
    if (!capture) return fields
    const { fields: kept, renewed } = takeCookies(fields, capture.names)
    const values = Object.values(renewed)
    if (values.length === 0) return kept
    if (scan)
      mask = house.masks.of([...known.map((secret) => secret.bytes()), ...added, ...values.map((value) => Buffer.from(value))])
    capture.keep(renewed)
    return kept
  }

  function covered(fields: readonly Field[]): readonly Field[] {
    if (!mask) return fields
    const { fields: safe, hits } = mask.fields(fields)
    settled.redactions += hits
    return safe
  }

  function repeat(first: Attempt, head: AnswerHead): Sink {
    mayRepeat = false
    const waiting = parked()
    const pass = () => waiting.flow.into(passOn(first, head))
    const again = journey.again as NonNullable<Journey['again']>
    again().then((next) => {
      if (!next) return pass()
      running?.abort()
      settled.retried = true
      start(next)
    }, pass)
    return waiting.sink
  }

  function upgraded({ verdict }: Attempt, head: AnswerHead, ends: { from: Flow; to: Sink }): void {
    settled.status = head.status
    settled.ttfbMs = performance.now() - began
    const fields = [...covered(withheld(verdict, answerFields(head.fields))), ...ownFields(verdict)]
    const client = outgoing.upgrade({ ...head, fields })
    running = {
      abort() {
        ends.to.abort()
        client.to.abort()
      },
    }
    const back = counted(client.to)
    ends.from.into(mask ? frameSink(mask, back, redacted) : back)
    watched(client.from, up).into(ends.to)
  }

  const up = (bytes: number) => {
    settled.bytesUp += bytes
  }

  function start(attempt: Attempt): void {
    const { verdict, out } = attempt
    settled.replaced ||= out.replaced
    added = out.added
    mask = verdict.scan ? maskFor(house, verdict.mask, out.added) : null
    const reply: Reply = {
      wentBy(lane) {
        settled.address = lane.address
        settled.protocolUpstream = lane.protocol
      },
      inform: (status, fields) => outgoing.inform(status, covered(withheld(verdict, answerFields(fields)))),
      head(head) {
        settled.ttfbMs = performance.now() - began
        settled.upstreamMs = settled.ttfbMs
        return head.status === 401 && mayRepeat ? repeat(attempt, head) : passOn(attempt, head)
      },
      upgraded: (head, ends) => upgraded(attempt, head, ends),
      failed(fault) {
        settled.fault = fault === 'url_not_allowed' ? 'proxy_denied' : fault
        journey.refuse(faultSaid(fault, journey))
      },
    }
    const owner = { tenant: journey.run.tenant, connectionId: verdict.connectionId }
    const body = attempt.body ? watched(attempt.body, up) : null
    running = house.upstreams.call(owner, incoming, { ...callOf(incoming, attempt, mask !== null), body }, reply)
  }

  start(journey.attempt)
  return {
    abort() {
      isGone = true
      running?.abort()
    },
  }
}

const LIST_UNREAD = 'The list of tools could not be read, so what may not be called could not be left out.'

const masked = new WeakMap<readonly Secret[], { added: readonly Buffer[]; mask: Mask | null }>()

/** The same secrets, added in the same way, make the same mask: found without a digest of them as long as their lease lasts. */
function maskFor({ masks }: ExchangeHouse, secrets: readonly Secret[], added: readonly Buffer[]): Mask | null {
  const known = masked.get(secrets)
  if (known && known.added.length === added.length && known.added.every((one, i) => one.equals(added[i] as Buffer)))
    return known.mask
  const mask = masks.of([...secrets.map((secret) => secret.bytes()), ...added])
  masked.set(secrets, { added, mask })
  return mask
}

function callOf(incoming: Incoming, { out, length }: Attempt, isMasked: boolean): Omit<Call, 'body'> {
  const { scheme, host, port, upgrade } = incoming
  const target = out.query === null ? out.path : `${out.path}?${out.query}`
  const call = { target, length, authority: authorityText(host, port, scheme) }
  if (!upgrade) {
    const trailers = elementsOf(valuesOf(incoming.fields, 'te')).includes('trailers')
    return { ...call, method: incoming.method, fields: out.fields, trailers }
  }
  return { ...call, method: 'GET', fields: upgradeFields(out.fields, isMasked), trailers: false, upgrade }
}

/** Compressed frames could not be read; over HTTP/2 there is no key, so the upstream gets one of ours. */
function upgradeFields(fields: readonly Field[], isMasked: boolean): Field[] {
  const kept = fields.filter(([name]) => !(isMasked && name.toLowerCase() === 'sec-websocket-extensions'))
  if (valuesOf(kept, 'sec-websocket-key').length === 0) kept.push(['Sec-WebSocket-Key', randomBytes(16).toString('base64')])
  if (valuesOf(kept, 'sec-websocket-version').length === 0) kept.push(['Sec-WebSocket-Version', '13'])
  return kept
}

const ownFields = (verdict: Send): Field[] => [
  ...Object.entries(verdict.answerHeaders),
  ...(verdict.edited ? [['Countersign-Edited', '1'] as const] : []),
]

function faultSaid(fault: Fault, { incoming, requestId, run }: Journey): Said {
  if (fault !== 'url_not_allowed') return say(fault, requestId, {}, run)
  const usual = incoming.port === (incoming.scheme === 'https' ? 443 : 80)
  return denied(usual ? 'address_denied' : 'port_denied', requestId, run)
}
