// The matrix against the whole contract table: every route of every room, called by every kind of caller. It knows no route by name, so a new one
// is held to its row from its first day. What of an allowed reach is one's own is proved beside the verbs.
import { expect, test } from 'vitest'
import { setup } from '#harness'
import type { Role, Scope } from '../../packages/server/src/db/scope.ts'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { acceptedBy } from '../../packages/server/src/http/credential.ts'
import type { Route } from '../../packages/server/src/http/route.ts'
import { isAction, KEY_SCOPES, type KeyScope, needsStepUp, ROLES, reach } from '../../packages/server/src/identity/matrix.ts'
import { describeRoutes } from '../../packages/server/src/main/rooms.ts'
import { newId } from '../../packages/server/src/std/id.ts'

const { routes, rootRoutes } = describeRoutes()
const guarded = routes.filter((one) => one.spec.action !== undefined)
const headOf = (one: Route) => `${one.method} ${one.path} (${one.spec.dialect ?? 'native'})`

/** An id that nobody has, of the prefix that the schema of a path's part wants. */
const pathOf = ({ path, spec }: Route): string =>
  path.replace(/:([a-z_]+)/g, (_, name: string) => {
    const pattern = String(
      (spec.params?.[name] as { def?: { checks?: { _zod: { def: { pattern?: RegExp } } }[] } })?.def?.checks?.[0]?._zod.def
        .pattern ?? '',
    )
    const prefix = /\(\?:([a-z]+)/.exec(pattern)?.[1]
    return prefix ? newId(prefix as 'task') : 'nobody'
  })

const REFUSED = ['wrong_token_kind', 'forbidden', 'scope_missing', 'agent_may_not_decide', 'step_up_required']

/** Whether the matrix let this call through to its verb; what the verb then says of an empty body or an unknown id is not asked. */
async function verdict(one: Route, caller: { raw(path: string, init?: RequestInit): Promise<Response> }): Promise<string> {
  const prefix = one.spec.dialect === 'compatible' ? '/api' : '/api/v1'
  const abort = new AbortController()
  const answer = await caller.raw(prefix + pathOf(one), {
    method: one.method,
    body: one.method === 'GET' ? undefined : '{}',
    signal: abort.signal,
  })
  if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    abort.abort()
    return 'allowed'
  }
  const text = await answer.text()
  if (answer.status === 401 && text.includes('"wrong_token_kind"')) return 'wrong_token_kind'
  if (answer.status >= 500 || answer.status === 401 || answer.status === 429) return `${answer.status} ${text}`
  const code = answer.status === 403 ? (JSON.parse(text) as { code: string }).code : 'allowed'
  return REFUSED.includes(code) ? code : 'allowed'
}

test('P60 every route has an action with a row, concerns only its caller, or is open; what the row asks a step-up for, the route asks too', () => {
  for (const one of routes) {
    const { action, self, auth, stepUp = false } = one.spec
    expect([headOf(one), auth === 'none' || self === true || (action !== undefined && isAction(action))]).toEqual([
      headOf(one),
      true,
    ])
    if (action && one.method !== 'GET') expect([headOf(one), stepUp]).toEqual([headOf(one), needsStepUp(action)])
  }
  for (const one of rootRoutes.filter((root) => root.spec.auth !== 'none' && !root.spec.self))
    expect([headOf(one), isAction(one.spec.action ?? '')]).toEqual([headOf(one), true])
})

/** Every role calls in turn, as often as there are routes. */
const LIMITS = [
  ...['api.key', 'api.user', 'api.tenant', 'policy.dry_run'].map((name) => `${name}=1000000/1m+100000`),
  'export=100/1d',
  'erasure=100/1d',
].join()
/** Whoever may ask other owners may call it, and then has to be a person, for an agent does not try itself in (relay.md R3). */
const OF_PEOPLE = 'POST /relay/sandbox (native)'

test('P60 T17 every cell: each role calls each route, and the matrix lets through exactly what its row says', {
  timeout: 180_000,
}, async () => {
  const house = await setup({ settings: { LIMITS }, strict: true })
  for (const role of ROLES) {
    const person = await house.given.user({ role })
    const scope: Scope = { ...systemScope('x'), actor: { type: 'user', id: person.id }, role }
    const cells = await Promise.all(guarded.map(async (one) => [role, headOf(one), await verdict(one, person)]))
    expect(cells).toEqual(
      guarded.map((one) => {
        if (!acceptedBy(one.spec).includes('session'))
          return [role, headOf(one), one.spec.credentials ? 'wrong_token_kind' : 'forbidden']
        return [role, headOf(one), reach(scope, one.spec.action as string) === 'none' ? 'forbidden' : 'allowed']
      }),
    )
  }
})

test('P60 P63 T19 every cell of an agent key and of a tenant-wide key, with the widest scopes they can be given', {
  timeout: 180_000,
}, async () => {
  const house = await setup({ settings: { LIMITS }, strict: true })
  const wildcards = KEY_SCOPES.filter((scope) => scope.endsWith(':*'))
  for (const kind of ['agt', 'adm'] as const) {
    const scopes: string[] = []
    for (const scope of wildcards) {
      const made = await house.alice.post('/api/v1/keys', {
        kind,
        scopes: [scope],
        ...(kind === 'agt' ? { agent_id: house.agent.id } : {}),
      })
      if (made.status === 201) scopes.push(scope)
    }
    const { secret } = await house.given.key({ kind, scopes, ...(kind === 'agt' ? { agent_id: house.agent.id } : {}) })
    const scope = {
      ...systemScope('x'),
      actor: { type: kind === 'agt' ? 'agent' : 'key', id: 'x', key_id: 'key_x' },
      scopes,
      keyKind: kind,
      makerRole: 'owner' as Role,
    } as KeyScope
    const caller = {
      raw: (path: string, init: RequestInit = {}) =>
        house.nobody.raw(path, { ...init, headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' } }),
    }
    for (const one of guarded) {
      const allowed = acceptedBy(one.spec).includes('key') && reach(scope, one.spec.action as string) !== 'none'
      const answer = await verdict(one, caller)
      if (kind === 'agt' && headOf(one) === OF_PEOPLE) {
        expect(answer).toBe('forbidden')
        continue
      }
      expect([kind, headOf(one), allowed ? answer : REFUSED.includes(answer)]).toEqual([
        kind,
        headOf(one),
        allowed ? 'allowed' : true,
      ])
      if (/^task\.(claim|release|decide)$/.test(one.spec.action as string) && one.spec.auth !== 'session')
        expect([kind, headOf(one), answer]).toEqual([kind, headOf(one), 'agent_may_not_decide'])
    }
  }
})
