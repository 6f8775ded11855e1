// Calls that leave: on sessions that are kept per tenant, connection and origin and shared by nobody else (V86), opened through egress with its judgement per
// dial (V108). Repeats only what cannot have been acted upon: a call without effect on a kept connection that closed before it said a word.

import type { Door } from '../egress/fetch.ts'
import type { Lane } from '../egress/lane.ts'
import type { Clock } from '../std/clock.ts'
import { originText } from './authority.ts'
import type { Field, Flow, Sink } from './flow.ts'
import type { Target } from './gatekeeper.ts'
import { type Http1Session, openHttp1Session } from './http1/call.ts'
import type { Length } from './http1/writer.ts'
import { type Http2Session, openHttp2Session } from './http2/call.ts'
import type { AnswerHead } from './message.ts'

export type Fault = 'url_not_allowed' | 'unreachable' | 'timeout' | 'too_large' | 'tls'

export type Call = {
  method: string
  /** Path and query, as they go out. */
  target: string
  authority: string
  fields: readonly Field[]
  body: Flow | null
  length: Length
  upgrade?: 'websocket'
  /** `TE: trailers` was said: HTTP/2 carries it on. */
  trailers: boolean
}

export type Reply = {
  inform(status: number, fields: readonly Field[]): void
  /** Where the body goes; after this a break is told to the sink. */
  head(head: AnswerHead): Sink
  upgraded?(head: AnswerHead, ends: { from: Flow; to: Sink }): void
  failed(fault: Fault): void
  /** The connection on which it goes. */
  wentBy(lane: { address: string | null; protocol: 'h2' | 'http/1.1' }): void
}

/** Whose session it is: never another tenant's, never another credential's. */
export type Owner = { tenant: string; connectionId: string | null }

export type Trust = { ca?: string; cert?: string; key?: string }

export type UpstreamOptions = {
  door: Door
  clock: Clock
  connectMs: number
  headersMs: number
  idleMs: number
  /** Private roots and client certificates that an operator has set for a host (V109). */
  trust(target: Target): Trust | undefined
}

export type Upstreams = {
  call(owner: Owner, target: Target, call: Call, reply: Reply): { abort(): void }
  /** A bare connection, for a tunnel that nobody looks into. */
  lane(owner: Owner, target: Target): Promise<Lane | { failed: Fault }>
  /** Closes what carries this connection's credential, or any. */
  cut(connectionId: string | null): void
  close(): void
}

type Kept = { session: Http1Session; lane: Lane; stop: (() => void) | null }
type Pool = {
  owner: Owner
  idle: Kept[]
  busy: Set<Kept>
  h2: { session: Http2Session; lane: Lane } | null
  dialling: Promise<unknown> | null
  speaks: 'h2' | 'http/1.1' | null
}

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])

export function openUpstreams(options: UpstreamOptions): Upstreams {
  const { door, clock } = options
  const pools = new Map<string, Pool>()

  function poolOf(owner: Owner, target: Target, kind: string): { key: string; pool: Pool } {
    const key = `${owner.tenant} ${owner.connectionId ?? '-'} ${originText(target.scheme, target.host, target.port)} ${kind}`
    let pool = pools.get(key)
    if (!pool) {
      pool = { owner, idle: [], busy: new Set(), h2: null, dialling: null, speaks: null }
      pools.set(key, pool)
    }
    return { key, pool }
  }

  const dial = (owner: Owner, target: Target, offer: readonly ('h2' | 'http/1.1')[], bare = false) =>
    door.lane({
      tenantId: owner.tenant,
      origin: originText(target.scheme, target.host, target.port),
      offer,
      connectMs: options.connectMs,
      trust: options.trust(target),
      ...(bare ? { bare: true as const } : {}),
    })

  function keep(key: string, pool: Pool, lane: Lane): Kept {
    const kept: Kept = {
      lane,
      stop: null,
      session: openHttp1Session(lane.socket, options.idleMs, {
        free(ms) {
          pool.busy.delete(kept)
          pool.idle.push(kept)
          kept.stop = clock.timer(ms, () => kept.session.destroy())
        },
        closed() {
          kept.stop?.()
          pool.busy.delete(kept)
          const at = pool.idle.indexOf(kept)
          if (at >= 0) pool.idle.splice(at, 1)
          forget(key, pool)
        },
      }),
    }
    return kept
  }

  function forget(key: string, pool: Pool): void {
    if (pool.idle.length === 0 && pool.busy.size === 0 && !pool.h2 && !pool.dialling && pools.get(key) === pool) pools.delete(key)
  }

  function takeIdle(pool: Pool): Kept | null {
    for (let kept = pool.idle.pop(); kept; kept = pool.idle.pop()) {
      kept.stop?.()
      kept.stop = null
      if (kept.session.isFree()) {
        pool.busy.add(kept)
        return kept
      }
      kept.session.destroy()
    }
    return null
  }

  function begin(owner: Owner, target: Target, call: Call, reply: Reply): { abort(): void } {
    const { key, pool } = poolOf(owner, target, call.upgrade ?? '')
    let aborted = false
    let running: { abort(): void } | null = null
    let stopTimer: (() => void) | null = null
    const settled = () => {
      stopTimer?.()
      stopTimer = null
    }
    const fail = (fault: Fault) => {
      settled()
      if (!aborted) reply.failed(fault)
    }
    const run = (session: Http1Session | Http2Session, lane: Lane, reused: boolean) => {
      if (aborted) return
      let said = false
      stopTimer = clock.timer(options.headersMs, () => {
        stopTimer = null
        aborted = true
        running?.abort()
        reply.failed('timeout')
      })
      reply.wentBy(lane)
      running = session.call(call, {
        ...reply,
        inform(status, fields) {
          said = true
          reply.inform(status, fields)
        },
        head(head) {
          settled()
          return reply.head(head)
        },
        upgraded(head, ends) {
          settled()
          reply.upgraded?.(head, ends)
        },
        failed(fault) {
          settled()
          if (reused && !said && !aborted && !call.body && REPEATABLE.has(call.method)) return open()
          fail(fault)
        },
      })
    }
    const open = () => void connect(key, pool, owner, target, call, run, fail).catch(() => fail('unreachable'))
    const kept = takeIdle(pool)
    if (kept) run(kept.session, kept.lane, true)
    else if (pool.h2?.session.isOpen()) run(pool.h2.session, pool.h2.lane, true)
    else open()
    return {
      abort() {
        if (aborted) return
        aborted = true
        settled()
        running?.abort()
      },
    }
  }

  type Run = (session: Http1Session | Http2Session, lane: Lane, reused: boolean) => void

  async function connect(
    key: string,
    pool: Pool,
    owner: Owner,
    target: Target,
    call: Call,
    run: Run,
    fail: (fault: Fault) => void,
  ): Promise<void> {
    // Whether the origin speaks HTTP/2 is known after its first dial; until then, and where it does, one dial serves all who wait.
    while (pool.dialling && pool.speaks !== 'http/1.1') {
      await pool.dialling
      if (pool.h2?.session.isOpen()) return run(pool.h2.session, pool.h2.lane, false)
    }
    const dialled = dial(owner, target, call.upgrade ? ['http/1.1'] : ['h2', 'http/1.1'])
    const told = dialled.finally(() => {
      if (pool.dialling === told) pool.dialling = null
    })
    pool.dialling = told
    const lane = await told
    if ('failed' in lane) {
      forget(key, pool)
      return fail(lane.failed)
    }
    pools.set(key, pool)
    pool.speaks = lane.protocol
    if (lane.protocol === 'h2') {
      const session = openHttp2Session(lane.socket, originText(target.scheme, target.host, target.port), options.idleMs, () => {
        if (pool.h2?.session === session) pool.h2 = null
        forget(key, pool)
      })
      pool.h2 = { session, lane }
      return run(session, lane, false)
    }
    const kept = keep(key, pool, lane)
    pool.busy.add(kept)
    run(kept.session, lane, false)
  }

  function end(pool: Pool): void {
    for (const kept of [...pool.idle, ...pool.busy]) kept.session.destroy()
    pool.h2?.session.destroy()
  }

  return {
    call: begin,
    lane: (owner, target) => dial(owner, target, [], true),
    cut(connectionId) {
      for (const pool of [...pools.values()])
        if (pool.owner.connectionId !== null && (connectionId === null || pool.owner.connectionId === connectionId)) end(pool)
    },
    close() {
      for (const pool of [...pools.values()]) end(pool)
    },
  }
}
