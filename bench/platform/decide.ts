// A decision (platform.md P64, vault.md V20): 100 policies, 1,000 distinct requests mixed, with the outcomes kept under what the policies read, and by the
// engine alone beside it. The peer parses the policies for each decision, as one does who has no place for parsed sets.
import cedar from '@cedar-policy/cedar-wasm/nodejs'
import { policySchema } from '../../packages/server/src/identity/policies/judge.ts'
import { decide, judge, type Outcome, openMemory, openSets, type Request } from '../../packages/server/src/policy/decide.ts'
import { contextOf } from '../../packages/server/src/policy/request.ts'
import { checkPolicies } from '../../packages/server/src/policy/set.ts'
import { type Figure, percentile } from '../figure.ts'

const POLICIES = 100
const REQUESTS = 1_000
const KINDS = 50
const AT = new Date('2026-11-22T10:00:00.000Z')

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const schema = policySchema()
  const text = Array.from({ length: POLICIES }, (_, i) => policy(i)).join('\n')
  const [fault] = checkPolicies(text, schema).errors
  if (fault) throw new Error(`line ${fault.line}: ${fault.message}`)
  const sets = openSets({ version: 1, text, guardrails: '', schema })
  const requests = shuffled(Array.from({ length: REQUESTS }, (_, i) => request(i)))
  const memory = openMemory()

  const cold = timed(requests.slice(0, quick ? 300 : REQUESTS), (one) => judge(one, sets))
  for (const one of requests) decide(one, sets, memory)
  const warm = Array.from({ length: quick ? 20 : 200 }).flatMap(() => timed(requests, (one) => decide(one, sets, memory)))
  const peer = timed(requests.slice(0, quick ? 60 : 400), (one) => parsedAnew(one, text, schema.text))
  agree(
    requests.slice(0, 100),
    (one) => decide(one, sets, memory).outcome !== 'deny',
    (one) => parsedAnew(one, text, schema.text),
  )

  const figure = { bench: 'decide', unit: 'µs', peer_name: 'parse per decision' }
  const p50 = percentile(warm, 0.5)
  const p99 = percentile(warm, 0.99)
  return [
    { ...figure, metric: 'decision, outcome known, p50', ours: p50, peer: percentile(peer, 0.5), goal: '<= 60', met: p50 <= 60 },
    {
      ...figure,
      metric: 'decision, outcome known, p99',
      ours: p99,
      peer: percentile(peer, 0.99),
      goal: '<= 1000',
      met: p99 <= 1_000,
    },
    {
      ...figure,
      metric: 'decision by the engine, set parsed before, p50',
      ours: percentile(cold, 0.5),
      peer: percentile(peer, 0.5),
      goal: null,
      met: null,
    },
    {
      ...figure,
      metric: 'decision by the engine, set parsed before, p99',
      ours: percentile(cold, 0.99),
      peer: percentile(peer, 0.99),
      goal: null,
      met: null,
    },
  ]
}

/** What tenants write: a kind, a queue, a size, an hour, who asks; some ask people, some forbid. */
function policy(i: number): string {
  const effect = i % 10 === 9 ? 'forbid' : 'permit'
  const ask = effect === 'permit' && i % 3 === 0 ? '@ask("May {agent} run this job?") ' : ''
  const where = [
    `context.queue == "q${i % 7}"`,
    `context.payload_bytes < ${1_000 + i * 10}`,
    `context.tags.contains("t${i % 5}")`,
    'principal.environment == "live" && context.priority > 1',
  ][i % 4]
  return `@id("p${i}") ${ask}${effect} (principal is Agent, action == Action::"job.enqueue", resource == Kind::"kind.${i % KINDS}") when { ${where} };`
}

function request(i: number): Request {
  const tenant = { type: 'Tenant', id: 'ten_1' }
  const principal = { type: 'Agent', id: `agt_${i % 20}` }
  const resource = { type: 'Kind', id: `kind.${i % KINDS}` }
  return {
    principal,
    action: 'job.enqueue',
    resource,
    context: {
      queue: `q${i % 11}`,
      priority: 1 + (i % 4),
      tags: [`t${i % 6}`],
      delayed: i % 2 === 0,
      payload_bytes: 500 + i,
      body_sha256: String(i).padStart(64, '0'),
    },
    entities: [
      { uid: principal, attrs: { handle: 'bot', environment: i % 8 ? 'live' : 'test', labels: [] }, parents: [tenant] },
      { uid: resource, attrs: {}, parents: [tenant] },
    ],
    at: AT,
  }
}

function parsedAnew(one: Request, text: string, schema: string): boolean {
  const answer = cedar.isAuthorized({
    principal: one.principal,
    action: { type: 'Action', id: one.action },
    resource: one.resource,
    context: contextOf(one),
    entities: [...one.entities],
    policies: { staticPolicies: text },
    schema,
    validateRequest: true,
  })
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message)
  return answer.response.decision === 'allow'
}

function agree(requests: Request[], ours: (one: Request) => boolean, theirs: (one: Request) => boolean): void {
  const differs = requests.find((one) => ours(one) !== theirs(one))
  if (differs) throw new Error(`The outcomes differ for ${JSON.stringify(differs)}`)
}

/** Microseconds of each. */
function timed(requests: readonly Request[], act: (one: Request) => Outcome | boolean): number[] {
  return requests.map((one) => {
    const start = performance.now()
    act(one)
    return (performance.now() - start) * 1_000
  })
}

/** In one mixed order that is the same in every run. */
const shuffled = <T>(all: T[]): T[] =>
  all
    .map((one, i) => ({ one, at: (i * 7_919) % all.length }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)
