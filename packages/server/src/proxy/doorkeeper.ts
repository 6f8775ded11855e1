// Who may use the listener at all (V84): whoever shows the token of an open run. Everybody else reads the same words after the same time, and after twenty
// failures in a minute from one address is not even looked up. Keeps no token; never says which part of one was wrong.
import { parseKey, sha256Hex } from '../crypto/token.ts'
import type { Clock } from '../std/clock.ts'
import type { Field } from './flow.ts'
import type { Gatekeeper, OpenRun } from './gatekeeper.ts'
import { valuesOf } from './http1/head.ts'

const FAILURES = 20
const WINDOW_MS = 60_000
const MOST_ADDRESSES = 10_000
const MOST_KNOWN = 10_000
/** A refusal takes at least so long, so that its time does not tell a malformed token from an unknown one. */
const REFUSAL_MS = 25

export type Admitted = { run: OpenRun } | { refused: 'run_token_required' } | { refused: 'rate_limited'; retryAfter: number }

export type Doorkeeper = { admit(fields: readonly Field[], address: string): Promise<Admitted> }

export function openDoorkeeper({ gatekeeper, clock }: { gatekeeper: Gatekeeper; clock: Clock }): Doorkeeper {
  const failures = new Map<string, number[]>()
  /** Hashes of tokens that opened a run lately: an address that others make fail does not lock these out. */
  const known = new Set<string>()

  const recent = (address: string, now: number): number[] => (failures.get(address) ?? []).filter((at) => at > now - WINDOW_MS)

  function failed(address: string, now: number): void {
    const all = [...recent(address, now), now].slice(-FAILURES)
    failures.delete(address)
    failures.set(address, all)
    const [oldest] = failures.size > MOST_ADDRESSES ? failures.keys() : []
    if (oldest !== undefined) failures.delete(oldest)
  }

  function remember(hash: string): void {
    known.delete(hash)
    known.add(hash)
    const [oldest] = known.size > MOST_KNOWN ? known : []
    if (oldest !== undefined) known.delete(oldest)
  }

  return {
    async admit(fields, address) {
      const now = clock.now().getTime()
      const began = performance.now()
      const token = tokenIn(fields)
      const hash = token === null ? null : sha256Hex(token)
      const before = recent(address, now)
      if (before.length >= FAILURES && (hash === null || !known.has(hash)))
        return { refused: 'rate_limited', retryAfter: Math.ceil(((before[0] as number) + WINDOW_MS - now) / 1_000) }
      const run = token === null ? null : await gatekeeper.open(token, address)
      if (run && hash !== null) {
        remember(hash)
        return { run }
      }
      if (hash !== null) known.delete(hash)
      failed(address, now)
      const left = REFUSAL_MS - (performance.now() - began)
      if (left > 0) await new Promise<void>((resolve) => void setTimeout(resolve, left))
      return { refused: 'run_token_required' }
    },
  }
}

/** The token of a run, where the one Proxy-Authorization holds what has the shape and checksum of one. */
export function tokenIn(fields: readonly Field[]): string | null {
  const values = valuesOf(fields, 'proxy-authorization')
  const [value = ''] = values
  if (values.length !== 1 || value.length > 512) return null
  const [, scheme, credentials] = /^(basic|bearer) +([A-Za-z0-9+/=._-]+)$/i.exec(value) ?? []
  if (scheme === undefined || credentials === undefined) return null
  const token = scheme.toLowerCase() === 'bearer' ? credentials : basicPassword(credentials)
  return token !== null && parseKey(token)?.kind === 'prx' ? token : null
}

function basicPassword(credentials: string): string | null {
  const text = Buffer.from(credentials, 'base64').toString('latin1')
  return text.startsWith('run:') ? text.slice(4) : null
}
