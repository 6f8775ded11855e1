import { expect, test } from 'vitest'
import type { Role, Scope } from '../db/scope.ts'
import { systemScope } from '../db/scope.ts'
import {
  ACTIONS,
  type Action,
  authorise,
  KEY_SCOPES,
  type KeyScope,
  MATRIX,
  needsStepUp,
  ROLES,
  reach,
  scopeOf,
  sentenceOf,
} from './matrix.ts'
import { identityRoutes } from './routes.ts'
import { identityHouse, type TestHouse } from './testing/house.ts'

const session = (role: Role | null, more: Partial<Scope> = {}): Scope => ({
  ...systemScope('test'),
  principal: 'usr_x',
  actor: { type: 'user', id: 'usr_x', session_id: 'ses_x' },
  userId: 'usr_x',
  role,
  ...more,
})
const key = (keyKind: 'agt' | 'usr' | 'adm', makerRole: Role | null, scopes: string[]): KeyScope => ({
  ...session(keyKind === 'usr' ? makerRole : null),
  actor: { type: keyKind === 'agt' ? 'agent' : 'key', id: 'x', key_id: 'key_x' },
  scopes,
  keyKind,
  makerRole,
})

test('P60 every line has its seven roles, host and agent, and every scope of it can be written down', () => {
  for (const [action, line] of Object.entries(MATRIX)) {
    expect([action, line]).toEqual([action, expect.stringMatching(/^([●○–] ){7}│ [●○–] [●○–]( †)?$/u)])
    expect(scopeOf(action)).toMatch(/^[a-z_]+:[a-z_]+$/)
  }
  expect(KEY_SCOPES).toContain('tasks:create')
  expect(KEY_SCOPES).toContain('tasks:*')
  expect(KEY_SCOPES).toContain('policies:dry_run')
  expect(KEY_SCOPES).not.toContain('keyrings:rotate')
})

test('P60 §5 nobody reads a stored credential, and no role but owner transfers or confirms an erasure', () => {
  for (const role of ROLES) expect(reach(session(role), 'connection.reveal')).toBe('none')
  expect(sentenceOf('connection.reveal')).toBe('connection.reveal is open to nobody.')
  for (const action of ['tenant.transfer', 'erasure.confirm', 'hold.set'])
    expect(ROLES.filter((role) => reach(session(role), action) !== 'none')).toEqual(['owner'])
})

test('P60 a host has installation acts and no tenant’s; without the role in the tenant nothing else opens', () => {
  const host = session(null, { isHost: true })
  expect(reach(host, 'tenant.create')).toBe('any')
  expect(reach(host, 'task.read')).toBe('none')
  expect(reach(session('owner'), 'tenant.create')).toBe('none')
})

test('P56 a key reaches what its scopes, its kind and its maker all allow', () => {
  expect(reach(key('agt', 'owner', ['tasks:*']), 'task.create')).toBe('own')
  expect(reach(key('agt', 'viewer', ['tasks:*']), 'task.create')).toBe('none')
  expect(reach(key('agt', null, ['tasks:*']), 'task.report_outcome')).toBe('none')
  expect(reach(key('agt', 'member', ['tasks:*']), 'task.report_outcome')).toBe('own')
  expect(reach(key('adm', 'owner', ['tenants:*', 'tasks:*']), 'tenant.close')).toBe('none')
  expect(reach(key('adm', 'owner', ['tasks:read']), 'task.read')).toBe('any')
  expect(reach(key('adm', 'owner', ['tasks:read']), 'task.create')).toBe('none')
  expect(reach(key('usr', 'member', ['tasks:*']), 'task.read')).toBe('own')
})

test('P63 T19 no agent key and no tenant-wide key decides, claims or overrides, whatever its scopes say', () => {
  for (const action of ['task.claim', 'task.release', 'task.decide', 'task.withdraw_vote', 'task.send_back', 'task.override'])
    for (const kind of ['agt', 'adm'] as const)
      expect(() => authorise(key(kind, 'owner', ['tasks:*', scopeOf(action)]), action)).toThrow(
        expect.objectContaining({ code: 'agent_may_not_decide' }),
      )
  expect(() => authorise(key('agt', 'owner', ['agents:read']), 'task.create')).toThrow(
    expect.objectContaining({ code: 'scope_missing', members: { needed: 'tasks:create' } }),
  )
})

test('R72 R124 no key of an agent or of a tenant decides requests or listings, gives a relay grant, blocks, exports or erases', () => {
  for (const action of ['connection_request.decide', 'card.review'])
    for (const kind of ['agt', 'adm'] as const)
      expect(() => authorise(key(kind, 'owner', [scopeOf(action)]), action)).toThrow(
        expect.objectContaining({ code: 'agent_may_not_decide' }),
      )
  const ofPeople = [
    'relay_grant.create',
    'relay_grant.update',
    'block.manage',
    'thread.export',
    'thread.erase',
    'card_key.rotate',
  ]
  for (const action of ofPeople) expect([action, reach(key('agt', 'owner', [scopeOf(action)]), action)]).toEqual([action, 'none'])
  for (const action of ['thread.start', 'thread.serve', 'thread.mint', 'relay_grant.rotate', 'connection_request.create'])
    expect([action, reach(key('agt', 'member', [scopeOf(action)]), action)]).toEqual([action, 'own'])
  for (const action of ['thread.export', 'thread.erase', 'card_key.rotate', 'relay_grant.create'])
    expect([action, needsStepUp(action)]).toEqual([action, true])
})

const OF_TOKENS = ['thread.start', 'thread.send', 'thread.read', 'thread.close', 'thread.subscribe'] as const
const party = (more: Partial<Scope>): Scope => ({
  ...session(null),
  userId: null,
  relayParty: 'rgr_x',
  relaySide: 'caller',
  ...more,
})
const reached = (scope: Scope) => ACTIONS.filter((action) => reach(scope, action) !== 'none').toSorted()

test('R26 R114 a relay token does what its scopes name, one by one, and nothing else whatever they say', () => {
  for (const action of OF_TOKENS) {
    const also = action === 'thread.read' ? ['thread.mint'] : []
    expect([action, reached(party({ relayScopes: [scopeOf(action)] }))]).toEqual([action, [...also, action].toSorted()])
  }
  const every = party({ relayScopes: OF_TOKENS.map(scopeOf) })
  expect(reached(every)).toEqual([...OF_TOKENS, 'thread.mint'].toSorted())
  expect(reach(every, 'thread.read')).toBe('own')
  expect(() => authorise(party({ relayScopes: ['threads:start'] }), 'thread.send')).toThrow(
    expect.objectContaining({ code: 'scope_missing', members: { needed: 'threads:send' } }),
  )
  expect(() => authorise(party({ relayScopes: ['threads:start'] }), 'thread.mint')).toThrow(
    expect.objectContaining({ code: 'scope_missing', members: { needed: 'threads:read' } }),
  )
  expect(() => authorise(every, 'relay_grant.revoke')).toThrow(expect.objectContaining({ code: 'forbidden' }))
  // What somebody is in a tenant of their own does not widen what the token says.
  expect(reached(party({ role: 'owner', isHost: true, relayScopes: [] }))).toEqual([])
})

test('R7 whoever was let in with other scopes than those of tokens reaches a party’s acts by them, and never the owner’s', () => {
  expect(reached(party({ relayScopes: ['relay_grants:revoke'] }))).toEqual(['relay_grant.revoke'])
  const every = reached(party({ relayScopes: KEY_SCOPES }))
  expect(every).toContain('relay_grant.rotate')
  for (const action of ['thread.respond', 'thread.serve', 'thread.erase', 'card.publish', 'relay_grant.update', 'task.read'])
    expect(every).not.toContain(action)
})

test('R38 §12.9 a thread token opens its own side, and the other side’s act is no part of it', () => {
  const caller = party({ relayThread: 'thr_x' })
  const owner = party({ relayThread: 'thr_x', relaySide: 'owner' })
  const both = ['thread.close', 'thread.mint', 'thread.read']
  expect(reached(caller)).toEqual([...both, 'thread.send', 'thread.subscribe'])
  expect(reached(owner)).toEqual([...both, 'thread.respond'])
  expect(() => authorise(caller, 'thread.respond')).toThrow(expect.objectContaining({ code: 'not_participant' }))
  expect(() => authorise(owner, 'thread.send')).toThrow(expect.objectContaining({ code: 'not_participant' }))
  expect(() => authorise(owner, 'thread.start')).toThrow(expect.objectContaining({ code: 'forbidden' }))
})

test('R7 whoever came as a party of another tenant reaches there what is a party’s, as far as their own key or role goes, and never all', () => {
  const asParty = (scope: Scope) => ({ ...scope, relayParty: 'rgr_x', relaySide: 'caller' as const })
  expect(reach(asParty(key('agt', 'member', ['threads:*'])), 'thread.start')).toBe('own')
  expect(reach(asParty(key('agt', 'member', ['threads:read'])), 'thread.start')).toBe('none')
  expect(reach(asParty(key('agt', 'member', ['tasks:*', 'threads:*'])), 'thread.respond')).toBe('none')
  const owner = asParty(session('owner', { isHost: true }))
  expect(reach(owner, 'relay_grant.revoke')).toBe('own')
  for (const action of ['task.read', 'card.publish', 'card.review', 'thread.serve', 'tenant.list', 'relay_grant.update'])
    expect([action, reach(owner, action)]).toEqual([action, 'none'])
})

test('P60 an action without a row is a bug, and a refusal says who could', () => {
  expect(() => reach(session('owner'), 'task.fly')).toThrow(TypeError)
  expect(() => authorise(session('viewer'), 'agent.create')).toThrow(
    expect.objectContaining({
      code: 'forbidden',
      members: expect.objectContaining({
        detail: 'agent.create is open to the roles owner, admin, operator; for what is their own, member.',
      }),
    }),
  )
})

test('P60 P29 each route of this room has an action with a row, and asks for a step-up where the row does', async () => {
  const t = await identityHouse()
  for (const { method, path, spec } of identityRoutes(t.house)) {
    if (spec.auth === 'none' || spec.self) continue
    expect([`${method} ${path}`, ACTIONS]).toEqual([`${method} ${path}`, expect.arrayContaining([spec.action])])
    const changes = method !== 'GET'
    expect([`${method} ${path}`, spec.stepUp ?? false]).toEqual([
      `${method} ${path}`,
      changes && needsStepUp(spec.action as Action),
    ])
  }
})

/** A request for each route that gets past the matrix to any answer but 403 when the cell allows it. */
const random = (prefix: string) => `${prefix}_01M80Q61T1E0FA9NT5E655XGT2`
const bodies: Record<string, object> = {
  'POST /agents': { name: 'x' },
  'POST /keys': { kind: 'agt', agent_id: random('agt') },
  'POST /invitations': { email: 'x@example.com', role: 'viewer' },
  'PUT /users/:id/role': { role: 'viewer' },
  'PATCH /users/:id': { state: 'active' },
}

async function cells(t: TestHouse) {
  const routes = identityRoutes(t.house).filter(({ spec }) => spec.action)
  return routes.map((one) => ({
    head: `${one.method} ${one.path}`,
    action: one.spec.action as Action,
    auth: one.spec.auth,
    call: async (who: { raw(path: string, init: RequestInit): Promise<Response> }) => {
      const prefix = { users: 'usr', agents: 'agt', keys: 'key', invitations: 'inv', me: 'ses' }[
        one.path.split('/')[1] as string
      ] as string
      const body =
        one.method === 'GET' || one.method === 'DELETE' ? undefined : JSON.stringify(bodies[`${one.method} ${one.path}`] ?? {})
      const answer = await who.raw(one.path.replace(':id', random(prefix)), { method: one.method, body })
      const text = await answer.text()
      return answer.status === 403 ? ((JSON.parse(text) as { code: string }).code as string) : 'allowed'
    },
  }))
}

test('P60 every cell of this room’s routes: each role through the real route is allowed or forbidden as the table says', async () => {
  const t = await identityHouse()
  const table = await cells(t)
  for (const role of ROLES) {
    const who = await t.as(role)
    for (const { head, action, call } of table) {
      const expected = reach(session(role), action) === 'none' ? 'forbidden' : 'allowed'
      expect([role, head, await call(who)]).toEqual([role, head, expected])
    }
  }
})

test('P60 P63 every cell for agent keys and tenant-wide keys, with all scopes that exist', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const agent = (await owner.post('/agents', { name: 'bot' })).body.id
  const every = KEY_SCOPES.filter((scope) => scope.endsWith(':*'))
  const secretOf = async (kind: 'agt' | 'adm', scopes: string[], agent_id?: string) => {
    const made = await owner.post('/keys', { kind, scopes, agent_id })
    return made.body.secret ?? made.body
  }
  // A kind may carry only scopes of which it can have something.
  const mayCarry = (kind: 'agt' | 'adm') =>
    every.filter((scope) =>
      ACTIONS.some(
        (action) =>
          scopeOf(action).split(':')[0] === scope.split(':')[0] && reach(key(kind, 'owner', [scope]), action) !== 'none',
      ),
    )
  for (const kind of ['agt', 'adm'] as const) {
    const scopes = mayCarry(kind)
    const who = t.client({ bearer: await secretOf(kind, scopes, kind === 'agt' ? agent : undefined) })
    for (const { head, action, auth, call } of await cells(t)) {
      const reached = reach(key(kind, 'owner', scopes), action)
      const answer = await call(who)
      const expected =
        auth === 'session'
          ? 'forbidden'
          : reached !== 'none'
            ? 'allowed'
            : scopes.includes(`${scopeOf(action).split(':')[0]}:*`)
              ? 'forbidden'
              : 'scope_missing'
      expect([kind, head, answer]).toEqual([kind, head, expected])
    }
  }
})
