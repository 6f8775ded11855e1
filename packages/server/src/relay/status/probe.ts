// How the relay stands, part by part (relay.md R111): what rows tell is measured every minute by whoever keeps the house; what only a process sees of itself, it counts. Looks and
// never mends; holds numbers alone.
import type { Tx } from '../../db/tx.ts'
import { relayFigures } from './sql.ts'

const WINDOW_MS = 5 * 60_000
const FEW = 3

export const MEASURED_PARTS = ['inbox', 'push', 'upstream', 'approvals'] as const
export const OWN_PARTS = ['api', 'a2a', 'streams'] as const
type Part = (typeof MEASURED_PARTS)[number] | (typeof OWN_PARTS)[number]
/** 0 ok, 1 degraded, 2 down: what is measured are numbers. */
type Level = 0 | 1 | 2

const late = (seconds: number | null, degraded: number, down: number): Level =>
  seconds === null || seconds <= degraded ? 0 : seconds > down ? 2 : 1
/** Of what was tried lately: none of a few succeeded, or not nearly all. */
const failing = (good: number, bad: number): Level =>
  bad === 0 ? 0 : good === 0 && bad >= FEW ? 2 : bad / (good + bad) > 0.1 ? 1 : 0
const worst = (...levels: Level[]): Level => Math.max(...levels) as Level

export const relayProbe = {
  name: 'relay',
  title: 'Relay',
  says: 'Whether messages between agents of different owners arrive, and how soon.',
  async measure(t: Tx): Promise<{ state: 'ok' | 'warn' | 'outage'; measured: Record<string, number | null> }> {
    const seen = await relayFigures(t, new Date(t.now.getTime() - WINDOW_MS))
    const { push_taken: taken, push_refused: refused } = seen
    const parts: Record<(typeof MEASURED_PARTS)[number], Level> = {
      inbox: worst(late(seen.leases_late_s, 60, 900), late(seen.expiry_late_s, 7_200, 86_400)),
      push: failing(taken, refused),
      upstream: failing(seen.calls_done, seen.calls_lost),
      approvals: late(seen.asks_late_s, 60, 900),
    }
    const rounded = (value: number | null) => (value === null ? null : Math.round(value * 10) / 10)
    return {
      // An owner's own server that is down is the owner's: what is ours is that work is late.
      state: (['ok', 'warn', 'outage'] as const)[worst(parts.inbox, parts.approvals)],
      measured: {
        ...Object.fromEntries(Object.entries(parts).map(([name, level]) => [`${name}_level`, level])),
        queue_depth: seen.queued,
        oldest_queued_s: rounded(seen.oldest_queued_s),
        deliver_p50_ms: rounded(seen.deliver_p50_ms),
        deliver_p99_ms: rounded(seen.deliver_p99_ms),
        first_attempt_share: taken + refused === 0 ? null : Math.round((taken / (taken + refused)) * 1_000) / 1_000,
        exhausted: seen.exhausted,
        expiry_late_s: rounded(seen.expiry_late_s),
      },
    }
  },
}

/** What http/ tells of each answer. */
export type Seen = { method: string; route: string | null; status: number; ms: number }
type Sample = { at: number; part: (typeof OWN_PARTS)[number]; isAccept: boolean; bad: boolean; ms: number }

const ACCEPTS = /^(?:\/api(?:\/v1)?)?\/(?:agents\/:slug\/(?:threads|invoke)|threads\/:id\/messages)$/
const STREAMS = /^(?:\/api(?:\/v1)?)?\/threads\/:id\/events$/
const NATIVE = /^(?:\/api(?:\/v1)?)?\/(?:agents\/:slug|threads|relay-|connection-requests|cards)/
const A2A = /^\/agents\/:slug\/a2a\//
const MOST = 20_000

/** Five minutes of this process, in memory. */
export function openRelayCounts(now: () => number) {
  let samples: Sample[] = []
  const recent = () => {
    const from = now() - WINDOW_MS
    if (samples[0] && samples[0].at < from) samples = samples.filter((one) => one.at >= from)
    return samples
  }
  return {
    observe({ method, route, status, ms }: Seen): void {
      if (route === null) return
      const part = A2A.test(route) ? 'a2a' : STREAMS.test(route) ? 'streams' : NATIVE.test(route) ? 'api' : null
      if (part === null) return
      if (samples.length >= MOST) samples = samples.slice(MOST / 2)
      // Who waits for an answer waits as long as they said: that is no measure of us.
      const isAccept = method === 'POST' && ACCEPTS.test(route) && status === 202
      samples.push({ at: now(), part, isAccept, bad: status >= 500 && status !== 503, ms })
    },
    own(): { levels: Record<(typeof OWN_PARTS)[number], Level>; accept_p50_ms: number | null; accept_p99_ms: number | null } {
      const seen = recent()
      const levelOf = (part: Sample['part']): Level => {
        const of = seen.filter((one) => one.part === part)
        const bad = of.filter((one) => one.bad).length
        return failing(of.length - bad, bad)
      }
      const took = seen
        .filter((one) => one.isAccept)
        .map((one) => one.ms)
        .sort((a, b) => a - b)
      const at = (share: number) =>
        took.length === 0
          ? null
          : Math.round((took[Math.min(took.length - 1, Math.floor(took.length * share))] as number) * 10) / 10
      return {
        levels: { api: levelOf('api'), a2a: levelOf('a2a'), streams: levelOf('streams') },
        accept_p50_ms: at(0.5),
        accept_p99_ms: at(0.99),
      }
    },
  }
}
export type RelayCounts = ReturnType<typeof openRelayCounts>

const WORDS = ['ok', 'degraded', 'down'] as const
export type RelayState = (typeof WORDS)[number]
export type RelayBoard = Record<Part, RelayState> & {
  queue_depth?: number | null
  oldest_queued_seconds?: number | null
  accept_p50_ms?: number | null
  accept_p99_ms?: number | null
  deliver_p50_ms?: number | null
  deliver_p99_ms?: number | null
  first_attempt_ratio?: number | null
  exhausted_count?: number | null
  open_streams?: number
  build?: string
}
type Reading = { state: string; measured: Readonly<Record<string, number | null>> }

/** What of it is shown: states to everybody, figures where `full`. Without the database all of it is down; while nobody measures, what rows would tell is degraded. */
export function relayBoard(
  reading: Reading | undefined,
  here: { counts: RelayCounts; openStreams: number; build: string; away: boolean },
  full: boolean,
): RelayBoard {
  const { levels, ...accept } = here.counts.own()
  const { measured = {}, state = 'unknown' } = reading ?? {}
  const isKnown = state !== 'unknown' && !here.away
  const word = (level: number | null | undefined): RelayState => WORDS[level ?? 2] as RelayState
  const states = {
    ...Object.fromEntries(OWN_PARTS.map((part) => [part, here.away ? 'down' : word(levels[part])])),
    ...Object.fromEntries(
      MEASURED_PARTS.map((part) => [part, here.away ? 'down' : isKnown ? word(measured[`${part}_level`]) : 'degraded']),
    ),
  } as Record<Part, RelayState>
  if (!full) return states
  return {
    ...states,
    queue_depth: measured.queue_depth ?? null,
    oldest_queued_seconds: measured.oldest_queued_s ?? null,
    ...accept,
    deliver_p50_ms: measured.deliver_p50_ms ?? null,
    deliver_p99_ms: measured.deliver_p99_ms ?? null,
    first_attempt_ratio: measured.first_attempt_share ?? null,
    exhausted_count: measured.exhausted ?? null,
    open_streams: here.openStreams,
    build: here.build,
  }
}
