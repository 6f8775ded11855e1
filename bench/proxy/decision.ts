// What a judgement costs, from the target to the policy: 50 policies, 20 grants, 1,000 distinct requests in turn. The first round is the engine's own, the others find the
// outcome for the same values in the cache (V20).
import { policySchema } from '../../packages/server/src/identity/policies/judge.ts'
import { openSets } from '../../packages/server/src/policy/decide.ts'
import { judgeRequest } from '../../packages/server/src/proxy/decide/judge.ts'
import { connection, definition, GRANT, view } from '../../packages/server/src/proxy/decide/testing/view.fixture.ts'
import type { AskedRequest } from '../../packages/server/src/proxy/gatekeeper.ts'
import { percentile } from '../figure.ts'
import type { Options } from './rows.ts'

const POLICIES = 50
const GRANTS = 20
const REQUESTS = 1_000
const AT = new Date('2026-03-02T10:00:00Z')
const METHODS = ['GET', 'GET', 'GET', 'POST', 'DELETE']

/** What tenants write: a path, a method, an environment, a provider; some ask people, some forbid. */
function policy(i: number): string {
  const effect = i % 10 === 9 ? 'forbid' : 'permit'
  const ask = effect === 'permit' && i % 3 === 0 ? '@ask("May {agent} {method} {path}?") ' : ''
  const where = [
    `context.target.path like "/v${i % 7}/*"`,
    `context.target.method == "${METHODS[i % 5]}" && context.grant.mode == "allow"`,
    `context.target.host == "api${i % GRANTS}.example"`,
    'principal.environment == "live" && context.target.port == 443',
  ][i % 4]
  return `@id("p${i}") ${ask}${effect} (principal is Agent, action == Action::"proxy.request", resource) when { ${where} };`
}

function request(i: number): AskedRequest {
  return {
    ...{ id: 'req_bench', scheme: 'https', host: `api${i % GRANTS}.example`, port: 443, protocol: 'http/1.1' },
    ...{ method: METHODS[i % 5] as string, path: `/v${i % 9}/things/${i}`, query: 'page=2', clientAddress: '127.0.0.1' },
    headers: [
      ['accept', 'application/json'],
      ['user-agent', 'bench/1'],
    ],
    body: async () => Buffer.alloc(0),
    signal: new AbortController().signal,
  }
}

export async function decision({ quick, say }: Options): Promise<void> {
  const text = Array.from({ length: POLICIES }, (_, i) => policy(i)).join('\n')
  const sets = openSets({ version: 1, text, guardrails: '', schema: policySchema() })
  const connections = Array.from({ length: GRANTS }, (_, i) =>
    connection(`c${i}`, definition(`p${i}`, [{ host: `api${i}.example` }]), {
      grants: [{ ...GRANT, id: `grt_${i}`, rules: [{ effect: 'allow' }] }],
    }),
  )
  const given = { view: view(connections), sets, limits: { inspectBody: 65_536 }, at: AT }
  const requests = Array.from({ length: REQUESTS }, (_, i) => request(i))
  const round = async (): Promise<number[]> => {
    const took: number[] = []
    for (const one of requests) {
      const began = performance.now()
      await judgeRequest(given, one)
      took.push((performance.now() - began) * 1_000)
    }
    return took
  }
  // The engine's code is compiled by others first: a cold call is not a first call of the process.
  await judgeRequest(given, { ...request(1), path: '/elsewhere' })
  const cold = await round()
  for (let i = 0; i < 3; i++) await round()
  const warm: number[] = []
  for (let i = 0; i < (quick ? 3 : 20); i++) warm.push(...(await round()))
  const said = { bench: 'policy-decision', unit: 'µs', peer_name: 'the same without the cache' }
  const mixed = `${POLICIES} policies, ${GRANTS} grants, ${REQUESTS} requests mixed`
  const [p50, p99] = [percentile(warm, 0.5), percentile(warm, 0.99)]
  say({ ...said, metric: `${mixed}, p50`, ours: p50, peer: percentile(cold, 0.5), goal: '<= 60', met: p50 <= 60 })
  say({ ...said, metric: `${mixed}, p99`, ours: p99, peer: percentile(cold, 0.99), goal: '<= 1000', met: p99 <= 1_000 })
}
