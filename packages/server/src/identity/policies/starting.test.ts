import { expect, test } from 'vitest'
import { contributionsWith, factsText } from '../../policy/contributions.ts'
import { judge, openSets, type Request } from '../../policy/decide.ts'
import { faultIn } from '../../policy/schema.ts'
import { checkPolicies } from '../../policy/set.ts'
import { ACTIONS, type Action, MATRIX, ROLES } from '../matrix.ts'
import { policySchema } from './judge.ts'
import { guardrailsText, startingText } from './starting.ts'

const schema = policySchema()

test('P67 V19 the schema of the matrix and of what the rooms add holds together; a type that nobody declared does not', () => {
  expect(faultIn(schema)).toBeNull()
  expect(faultIn({ ...schema, text: schema.text.replace('entity Agent', 'entity Agnt') })).toContain('Agent')
})
const starting = openSets({ version: 1, text: startingText(), guardrails: guardrailsText(), schema })

test('P64 the schema of policies has every action of the matrix, and beside them only what rooms contributed', () => {
  const contributed = contributionsWith(factsText({})).flatMap(({ actions }) => Object.keys(actions))
  expect(ACTIONS.filter((action) => !schema.actions.includes(action))).toEqual([])
  expect(schema.actions.filter((action) => !Object.hasOwn(MATRIX, action) && !contributed.includes(action))).toEqual([])
})

test('P70 the shipped set and the guardrails pass their own rules without an error or a warning', () => {
  const { errors, warnings, policies } = checkPolicies(startingText(), schema)
  expect([errors, warnings]).toEqual([[], []])
  expect(policies.every(({ notes }) => notes.id !== null && notes.note !== null)).toBe(true)
  expect(checkPolicies(guardrailsText(), schema, 'host').errors).toEqual([])
})

/** Acts whose context is not that of every act; they have tests of their own. */
const special = new Set(contributionsWith(factsText({})).flatMap(({ actions }) => Object.keys(actions)))
const AT = new Date('2026-11-22T10:00:00.000Z')
const resourceOf = (action: string): string =>
  new RegExp(`action "${action}"[^;]*resource: \\[(\\w+)`).exec(schema.text)?.[1] ?? 'Tenant'

const ATTRIBUTES: Record<string, Request['entities'][number]['attrs']> = {
  Agent: { handle: 'bot', environment: 'live', labels: [] },
  Key: { kind: 'agt' },
  Connection: { name: 'stripe', labels: [], shared: true, status: 'active' },
  Provider: { name: 'stripe', kind: 'oauth', bundled: true },
}

function outcome(action: Action, principal: Request['entities'][number]): string {
  const resource = { type: resourceOf(action), id: 'x' }
  const entities = [principal, { uid: resource, attrs: ATTRIBUTES[resource.type] ?? {}, parents: [] }]
  return judge({ principal: principal.uid, action, resource, context: {}, entities, at: AT }, starting).outcome
}

const user = (role: string) => ({ uid: { type: 'User', id: 'usr_1' }, attrs: {}, parents: [{ type: 'Role', id: role }] })
const AGENT = { uid: { type: 'Agent', id: 'agt_1' }, attrs: { handle: 'bot', environment: 'live', labels: [] }, parents: [] }

test('P70 people are permitted what the matrix gives their role, action by action, and nothing else', () => {
  const wrong = ACTIONS.filter((action) => !special.has(action)).flatMap((action) =>
    ROLES.flatMap((role, i) => {
      const given = MATRIX[action].split(' ')[i] !== '–' && action !== 'connection.reveal'
      const found = outcome(action, user(role))
      return found === (given ? 'allow' : 'deny') ? [] : [`${role} ${action}: ${found}`]
    }),
  )
  expect(wrong).toEqual([])
})

test('P63 P70 no agent decides, approves or changes policies, and what the matrix does not give an agent is denied', () => {
  const allowed = ACTIONS.filter((action) => !special.has(action) && outcome(action, AGENT) === 'allow')
  const notGiven = allowed.filter((action) => MATRIX[action].split(' ')[9] === '–')
  expect(notGiven).toEqual([])
  expect(allowed).not.toContain('task.decide')
  expect(allowed).toContain('task.poll')
})

const call = (own: object, action = 'proxy.request'): Request => {
  const owner = { type: 'Connection', id: 'conn_1' }
  return {
    principal: AGENT.uid,
    action,
    resource: owner,
    entities: [AGENT, { uid: owner, attrs: { name: 'stripe', labels: [], shared: true, status: 'active' }, parents: [] }],
    at: AT,
    address: '10.0.0.1',
    context: {
      run: { id: 'run_1', labels: [], minutes: 1, proof: 'key' },
      target: {
        scheme: 'https',
        host: 'api.stripe.com',
        port: 443,
        method: 'GET',
        path: '/v1',
        query_names: [],
        body_inspected: true,
      },
      grant: { id: 'g', mode: 'allow', seconds_left: 60 },
      minting: false,
      facts: {},
      ...own,
    },
  }
}
const target = (method: string) => ({
  target: { scheme: 'https', host: 'h', port: 443, method, path: '/', query_names: [], body_inspected: true },
})

test.each([
  ['GET under an allowing grant', call({}), 'allow'],
  ['POST under an allowing grant', call(target('POST')), 'ask'],
  ['DELETE under an allowing grant', call(target('DELETE')), 'ask'],
  ['GET under an asking grant', call({ grant: { id: 'g', mode: 'ask', seconds_left: 60 } }), 'ask'],
  ['a tool', call({ rpc_method: 'tools/call', tool: 'refund', argument_bytes: 3, minting: undefined }, 'proxy.tool'), 'ask'],
])('P70 V18 through the proxy: %s', (_name, request, expected) => {
  const found = judge(request, starting)
  expect([found.outcome, found.faults]).toEqual([expected, undefined])
})

test('P70 V18 no host is passed without a connection', () => {
  const host = { type: 'Host', id: 'h' }
  const { minting: _, grant: __, facts: ___, ...context } = call({}).context
  const request = {
    ...call({}),
    action: 'proxy.pass',
    resource: host,
    entities: [AGENT, { uid: host, attrs: { name: 'h' }, parents: [] }],
  }
  expect(judge({ ...request, context: { ...context, intercepted: true, mode: 'enforce' } }, starting)).toMatchObject({
    outcome: 'deny',
    reason: 'no_permit',
  })
})

const message = (relay_grant?: object): Request => {
  const card = { type: 'Card', id: 'card_1' }
  return {
    principal: AGENT.uid,
    action: relay_grant ? 'thread.start' : 'connection_request.create',
    resource: card,
    entities: [AGENT, { uid: card, attrs: {}, parents: [] }],
    at: AT,
    context: {
      direction: 'in',
      face: 'native',
      first: true,
      skill: 'refund',
      part_kinds: ['data'],
      media_types: [],
      size_bytes: 10,
      sequence: 1,
      encrypted: false,
      payload_hash: '00',
      facts: {},
      ...(relay_grant
        ? {
            relay_grant: {
              id: 'rg',
              age_days: 1,
              scopes: [],
              open_threads: 0,
              messages_today: 0,
              sandbox: false,
              ...relay_grant,
            },
          }
        : {}),
    },
  }
}

test('P70 R71 a connection request asks; under an active relay grant agents write to each other, under no other', () => {
  expect(judge(message(), starting)).toMatchObject({ outcome: 'ask', policy_ids: ['relay-requests'] })
  const asking = { ...message(), context: { ...message().context, direction: 'out' } }
  expect(judge(asking, starting)).toMatchObject({ outcome: 'allow', policy_ids: ['relay-asks'] })
  expect(judge(message({ state: 'active' }), starting)).toMatchObject({ outcome: 'allow', policy_ids: ['relay-granted'] })
  expect(judge(message({ state: 'revoked' }), starting)).toMatchObject({ outcome: 'deny', reason: 'no_permit' })
})
