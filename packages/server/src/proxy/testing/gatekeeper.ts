// A decision path of a test's own: one run whose token it knows, verdicts that the test writes, and a record of what was asked and settled. Judges nothing.
import { Secret } from '../../crypto/secret.ts'
import { mintKey } from '../../crypto/token.ts'
import type { Injection } from '../../vault/providers/definition.ts'
import type { AskedRequest, FilledInjection, Gatekeeper, OpenRun, Send, Settled, Target, Verdict } from '../gatekeeper.ts'
import type { TestAuthority } from './authority.ts'

type Cut = Parameters<Parameters<Gatekeeper['onCut']>[0]>[0]

export type TestGatekeeper = Gatekeeper & {
  token: string
  run: OpenRun
  opened: string[]
  asked: AskedRequest[]
  outcomes: { id: string; outcome: Settled }[]
  tunnels: { up: number; down: number }[]
  /** What the next requests are answered with; everything is sent unless a test says otherwise. */
  verdict: (asked: AskedRequest, run: OpenRun) => Verdict | Promise<Verdict>
  how: (target: Target) => 'intercept' | 'tunnel'
  fresh: boolean
  ended: boolean
  cut(cut: Cut): void
  /** Another run of another tenant or the same, with a token of its own. */
  another(run: Partial<OpenRun>): { token: string; run: OpenRun }
}

export const send = (more: Partial<Send> = {}): Send => ({
  kind: 'send',
  connectionId: null,
  grantId: null,
  injections: [],
  placeholder: null,
  mask: [],
  scan: true,
  again: null,
  answerHeaders: {},
  ...more,
})

export const filled = (rule: Injection, value: string, more: { user?: string; password?: string } = {}): FilledInjection => ({
  rule,
  value: new Secret(value),
  ...(more.user === undefined ? {} : { user: new Secret(more.user) }),
  ...(more.password === undefined ? {} : { password: new Secret(more.password) }),
})

/** A bearer token in `Authorization`, masked in what comes back. */
export const bearer = (secret: string, more: Partial<Send> = {}): Send =>
  send({
    connectionId: 'conn_1',
    injections: [filled({ where: 'header', name: 'Authorization', template: 'Bearer {{token}}' }, `Bearer ${secret}`)],
    mask: [new Secret(secret)],
    ...more,
  })

export function testGatekeeper(authority: TestAuthority): TestGatekeeper {
  const listeners = new Set<(cut: Cut) => void>()
  const runs = new Map<string, OpenRun>()
  const runOf = (more: Partial<OpenRun>): { token: string; run: OpenRun } => {
    const token = mintKey('test', 'prx')
    const expiresAt = new Date(performance.timeOrigin + 8 * 3_600_000)
    const run = { id: `run_${runs.size + 1}`, tenant: 'tenant-1', agentId: 'agt_1', expiresAt, authority, ...more }
    runs.set(token, run)
    return { token, run }
  }
  const first = runOf({})
  const keeper: TestGatekeeper = {
    ...first,
    opened: [],
    asked: [],
    outcomes: [],
    tunnels: [],
    verdict: () => send(),
    how: () => 'intercept',
    fresh: true,
    ended: false,
    async open(token) {
      keeper.opened.push(token)
      return keeper.ended ? null : (runs.get(token) ?? null)
    },
    connect: async (_run, target) => keeper.how(target),
    async judge(run, asked) {
      keeper.asked.push(asked)
      return keeper.verdict(asked, run)
    },
    settled: (id, outcome) => void keeper.outcomes.push({ id, outcome }),
    tunnelled: (_id, { up, down }) => void keeper.tunnels.push({ up, down }),
    isFresh: () => keeper.fresh,
    onCut(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    cut(cut) {
      for (const listener of listeners) listener(cut)
    },
    another: runOf,
  }
  return keeper
}
