import { expect, test } from 'vitest'
import { contributionsWith, factsText } from './contributions.ts'
import { decide, judge, type Outcome, openSets, type Request } from './decide.ts'
import { faultIn, openSchema } from './schema.ts'
import { checkPolicies, type Fault } from './set.ts'

const MATRIX = {
  'task.create': ['role.owner', 'role.member', 'role.agent'],
  'job.enqueue': ['role.owner', 'role.agent'],
  'policy.activate': ['role.owner'],
}
const schema = openSchema(MATRIX, contributionsWith(factsText({})))
const sets = (text: string, guardrails = '', version = 7) => openSets({ version, text, guardrails, schema })
const check = (text: string) => checkPolicies(text, schema)
const GUARDRAILS = '@id("quiet") forbid (principal is Agent, action == Action::"policy.activate", resource);'
const STARTING = `permit (principal in Role::"owner", action in Action::"role.owner", resource);
  @ask("May {agent} run this job?") permit (principal is Agent, action == Action::"job.enqueue", resource);
  permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };`

const AT = new Date('2026-11-22T10:00:00.000Z')
const enqueue = (own: Partial<Request> & { said?: Record<string, unknown> } = {}): Request => ({
  principal: { type: 'Agent', id: 'agt_1' },
  action: 'job.enqueue',
  resource: { type: 'Kind', id: 'refund.send' },
  entities: [
    {
      uid: { type: 'Agent', id: 'agt_1' },
      attrs: { handle: 'refund-bot', environment: 'live', labels: ['money'] },
      parents: [{ type: 'Tenant', id: 't' }],
    },
    { uid: { type: 'Kind', id: 'refund.send' }, attrs: {}, parents: [{ type: 'Tenant', id: 't' }] },
  ],
  at: AT,
  ...own,
  context: {
    queue: 'default',
    priority: 2,
    tags: [],
    delayed: false,
    payload_bytes: 10,
    body_sha256: 'aa',
    ...(own.said as object),
  },
})
const codes = (faults: readonly Fault[]) => faults.map(({ code, line, column }) => `${code} ${line}:${column}`)

const ALL = 'permit (principal, action, resource);'

test('P67 the schema of a smaller matrix holds together', () => expect(faultIn(schema)).toBeNull())

test('P64 without a permit that decides the answer is deny, and the decision names policies and version', () => {
  expect(decide(enqueue(), sets(''))).toEqual({ outcome: 'deny', policy_ids: [], policy_version: 7, reason: 'no_permit' })
  expect(decide(enqueue(), sets('@id("yes") permit (principal is Agent, action == Action::"job.enqueue", resource);'))).toEqual({
    outcome: 'allow',
    policy_ids: ['yes'],
    policy_version: 7,
    reason: 'permitted',
  })
})

test('P64 the guardrails of the host forbid over the tenant’s set, and may only forbid', () => {
  const guardrails =
    '@id("never") forbid (principal, action == Action::"job.enqueue", resource) when { context.queue == "payroll" };'
  expect(decide(enqueue({ said: { queue: 'payroll' } }), sets(ALL, guardrails))).toMatchObject({
    outcome: 'deny',
    policy_ids: ['host:never'],
    reason: 'forbidden',
  })
  expect(decide(enqueue(), sets(ALL, guardrails)).outcome).toBe('allow')
  expect(codes(checkPolicies(ALL, schema, 'host').errors)).toEqual(['permit_in_guardrails 1:1'])
})

test('P65 any forbid denies; of two permits one without @ask allows; both with @ask ask', () => {
  const asking = '@id("a") @ask("Really?") permit (principal, action, resource);'
  expect(decide(enqueue(), sets(asking))).toMatchObject({ outcome: 'ask', policy_ids: ['a'], reason: 'asked' })
  expect(decide(enqueue(), sets(`${asking} @id("b") ${ALL}`))).toMatchObject({ outcome: 'allow', policy_ids: ['a', 'b'] })
  expect(decide(enqueue(), sets(`${asking} @id("b") ${ALL} @id("c") forbid (principal, action, resource);`))).toMatchObject({
    outcome: 'deny',
    policy_ids: ['c'],
    reason: 'forbidden',
  })
})

test('P65 A19 a policy that cannot be evaluated denies with policy_error, and that is not remembered', () => {
  const risky = sets(
    `@id("big") forbid (principal, action == Action::"job.enqueue", resource) when { context.priority + 9223372036854775807 > 1 }; ${ALL}`,
  )
  // The sum overflows: Cedar alone would skip the forbid and allow.
  expect(decide(enqueue(), risky)).toMatchObject({
    outcome: 'deny',
    policy_ids: ['big'],
    policy_version: 7,
    reason: 'policy_error',
  })
  expect(decide(enqueue({ said: { priority: -9 } }), risky)).toMatchObject({ outcome: 'deny', reason: 'forbidden' })
  expect(decide(enqueue(), risky)).toMatchObject({ outcome: 'deny', reason: 'policy_error' })
})

test('P65 a request that is not what the schema says is denied with policy_error', () => {
  expect(decide(enqueue({ said: { queue: 3 } }), sets(ALL))).toMatchObject({ outcome: 'deny', reason: 'policy_error' })
  expect(decide(enqueue({ action: 'job.unheard' }), sets(ALL))).toMatchObject({ outcome: 'deny', reason: 'policy_error' })
})

test('P66 A19 an ask merges its permits: the largest quorum, the shortest expiry, deny if any says so, texts in order of ids', () => {
  const text = `
@id("b") @ask("Second?") @quorum("3") @expires("2h") @on_timeout("escalate") permit (principal, action == Action::"job.enqueue", resource);
@id("a") @ask("First?") @quorum("2") @expires("90s") @on_timeout("escalate") permit (principal is Agent, action, resource);`
  expect(decide(enqueue(), sets(text))).toEqual({
    outcome: 'ask',
    policy_ids: ['a', 'b'],
    policy_version: 7,
    reason: 'asked',
    ask: { quorum: 3, expires_seconds: 90, on_timeout: 'escalate', texts: ['First?', 'Second?'] },
  })
  const plain = decide(enqueue(), sets(`${text} @id("c") @ask("Third?") ${ALL}`))
  expect(plain.ask).toEqual({ quorum: 3, expires_seconds: 90, on_timeout: 'deny', texts: ['First?', 'Second?', 'Third?'] })
  expect(decide(enqueue(), sets(`@ask("Only?") ${ALL}`)).ask).toEqual({
    quorum: 1,
    expires_seconds: 86_400,
    on_timeout: 'deny',
    texts: ['Only?'],
  })
})

test('P67 an annotation that is not known is refused with its place, for a misspelt @ask would turn into an allow', () => {
  const { errors, policies } = check(`${ALL}\n  @aks("x") @id("b") ${ALL}`)
  expect(errors).toEqual([
    {
      path: '/text',
      line: 2,
      column: 3,
      code: 'annotation_unknown',
      message: 'There is no annotation @aks; did you mean @ask.',
      policy_id: null,
    },
  ])
  expect(policies).toEqual([])
})

test.each([
  ['two @ask', `@ask("a")\n@ask("b") ${ALL}`, ['annotation_twice 2:1']],
  ['a quorum of 0', `@ask("a") @quorum("0") ${ALL}`, ['quorum_invalid 1:11']],
  ['a quorum of 11', `@ask("a") @quorum("11") ${ALL}`, ['quorum_invalid 1:11']],
  ['a quorum in words', `@ask("a") @quorum("two") ${ALL}`, ['quorum_invalid 1:11']],
  ['an expiry of 9 s', `@ask("a") @expires("9s") ${ALL}`, ['expires_invalid 1:11']],
  ['an expiry of 31 days', `@ask("a") @expires("31d") ${ALL}`, ['expires_invalid 1:11']],
  ['an expiry without a unit', `@ask("a") @expires("60") ${ALL}`, ['expires_invalid 1:11']],
  ['silence that allows', `@ask("a") @on_timeout("allow") ${ALL}`, ['on_timeout_invalid 1:11']],
  ['@quorum without @ask', `@quorum("2") ${ALL}`, ['annotation_misplaced 1:1']],
  ['@expires without @ask', `@expires("1h") ${ALL}`, ['annotation_misplaced 1:1']],
  ['@on_timeout without @ask', `@on_timeout("deny") ${ALL}`, ['annotation_misplaced 1:1']],
  ['@ask on a forbid', '@ask("a") forbid (principal, action, resource);', ['annotation_misplaced 1:1']],
  ['@until on a forbid', '@until("2027-01-01T00:00:00Z") forbid (principal, action, resource);', ['annotation_misplaced 1:1']],
  ['@until that is no time', `@until("tomorrow") ${ALL}`, ['until_invalid 1:1']],
  ['@until on a day that is none', `@until("2026-02-30T25:00:00Z") ${ALL}`, ['until_invalid 1:1']],
  ['an empty @ask', `@ask("") ${ALL}`, ['ask_invalid 1:1']],
  ['@ask without a text', `@ask ${ALL}`, ['annotation_empty 1:1']],
  ['an @id with spaces', `@id("my policy") ${ALL}`, ['id_invalid 1:1']],
  ['two policies of one id', `@id("a") ${ALL}\n@id("a") ${ALL}`, ['id_taken 2:1']],
  ['a template', 'permit (principal == ?principal, action, resource);', ['syntax 1:1']],
  ['a misspelt word', '// é\npermit (principal, action, resuorce);', ['syntax 2:28']],
  [
    'an attribute that is none',
    `permit (principal, action == Action::"job.enqueue", resource) when {\n  context.amount > 3\n};`,
    ['invalid 2:3'],
  ],
  [
    'a clash of types',
    'permit (principal, action == Action::"job.enqueue", resource)\nwhen { context.queue > 3 };',
    ['invalid 2:8'],
  ],
  ['an action that is none', 'permit (principal, action == Action::"job.explode", resource);', ['invalid 1:30']],
  [
    'a text with a policy too long',
    `permit (principal, action, resource) when { "${'a'.repeat(1_000_000)}" == "b" };`,
    ['policy_too_large 1:1'],
  ],
  ['501 policies', `${ALL}\n`.repeat(501), ['too_many_policies 501:1']],
])('P67 §21 refused with line and column: %s', (_name, text, expected) => {
  expect(codes(check(text).errors)).toEqual(expected)
})

test('P67 500 policies of a set and every annotation with a right value pass', () => {
  expect(check(`${ALL}\n`.repeat(500)).errors).toEqual([])
  const text = `@id("all.of-it_1") @note("Why") @ask("May {agent} send {method} {host}{path} via {connection}, {tool}, {facts.amount}?")
    @quorum("10") @expires("30d") @on_timeout("deny") @until("2030-01-01T00:00:00+01:00") ${ALL}`
  expect(check(text).errors).toEqual([])
  expect(check(`@ask("a") @expires("10s") ${ALL}`).errors).toEqual([])
})

test.each([
  [
    'by name',
    'permit (principal, action == Action::"job.enqueue", resource) when { context has content && context.content like "*ok*" };',
    true,
  ],
  ['by its presence', 'permit (principal, action == Action::"job.enqueue", resource) when { context has content };', true],
  [
    'with @ask',
    '@ask("a") permit (principal, action == Action::"job.enqueue", resource) when { context has content && context.content like "*" };',
    false,
  ],
  [
    'in a forbid',
    'forbid (principal, action == Action::"job.enqueue", resource) when { context has content && context.content like "*x*" };',
    false,
  ],
])('P67 a permit without @ask may not read context.content: %s', (_name, text, refused) => {
  expect(check(text).errors.map(({ code }) => code)).toEqual(refused ? ['content_read'] : [])
})

test('P67 a permit past its @until is left out from that moment, and a forbid that covers it is not', () => {
  const until = sets('@id("once") @until("2026-11-22T10:00:00.500Z") permit (principal, action, resource);')
  const at = (ms: number) => decide(enqueue({ at: new Date(AT.getTime() + ms) }), until).outcome
  expect([at(0), at(499), at(500), at(86_400_000), at(499)]).toEqual(['allow', 'allow', 'deny', 'deny', 'allow'])
})

test('V19 a permit that makes a question pointless is warned about, naming both', () => {
  const ask =
    '@id("asks") @ask("a") permit (principal is Agent, action == Action::"job.enqueue", resource) when { context.delayed && context.queue == "q" };'
  const covered = (by: string) =>
    check(`${ask}\n@id("wide") ${by}`)
      .warnings.filter(({ code }) => code === 'ask_covered')
      .map(({ message }) => message)
  const message = 'The question of asks is never asked: wide permits the same without @ask.'
  expect(covered(ALL)).toEqual([message])
  expect(
    covered(
      'permit (principal is Agent, action in [Action::"job.enqueue", Action::"job.read"], resource) when { context has queue };'
        .replace(', Action::"job.read"', '')
        .replace(' when { context has queue }', ''),
    ),
  ).toEqual([message])
  expect(covered('permit (principal, action in Action::"role.agent", resource);')).toEqual([message])
  expect(covered('permit (principal, action == Action::"job.enqueue", resource) when { context.queue == "q" };')).toEqual([
    message,
  ])
  expect(covered('permit (principal, action == Action::"job.enqueue", resource) when { context.queue == "other" };')).toEqual([])
  expect(covered('permit (principal is User, action == Action::"job.enqueue", resource);')).toEqual([])
  expect(codes(check(`@ask("{secret}") ${ALL}`).errors)).toEqual(['ask_invalid 1:1'])
})

test('V20 an outcome is kept under the values that the policies read, and under no others', () => {
  const by = sets(`@id("q") permit (principal, action == Action::"job.enqueue", resource) when { context.queue == "a" };
    @id("r") permit (principal in Role::"owner", action == Action::"job.enqueue", resource);`)
  const same: Outcome = decide(enqueue({ said: { queue: 'a', body_sha256: '01' } }), by)
  // The very object: the engine was not asked again.
  expect(decide(enqueue({ said: { queue: 'a', body_sha256: '02', priority: 4 } }), by)).toBe(same)
  expect(decide(enqueue({ said: { queue: 'b' } }), by).outcome).toBe('deny')
  const other = enqueue({ said: { queue: 'b' } })
  const user = (role: string) => ({
    ...other,
    principal: { type: 'User', id: 'usr_1' },
    entities: [...other.entities, { uid: { type: 'User', id: 'usr_1' }, attrs: {}, parents: [{ type: 'Role', id: role }] }],
  })
  expect(decide(user('owner'), by).outcome).toBe('allow')
  expect(decide(user('member'), by).outcome).toBe('deny')
  // Another version is another set, whatever the values.
  expect(decide(enqueue({ said: { queue: 'a' } }), sets('')).outcome).toBe('deny')
  // What could not be read whole is neither looked up nor kept.
  expect(decide(enqueue({ said: { queue: 'a' }, partial: true }), by)).not.toBe(same)
})

test('V20 where a policy asks only whether something is there, its value makes no new outcome', () => {
  const by = sets('@ask("a") permit (principal, action == Action::"job.enqueue", resource) when { context has content };')
  const first: Outcome = decide(enqueue({ said: { content: 'one' } }), by)
  expect([first.outcome, decide(enqueue({ said: { content: 'two' } }), by) === first]).toEqual(['ask', true])
  expect(decide(enqueue({ said: { content: undefined } }), by).outcome).toBe('deny')
})

test('V20 kept outcomes agree with the engine over many requests', () => {
  const by = sets(
    `${STARTING}
    forbid (principal, action == Action::"job.enqueue", resource) when { context.tags.contains("never") || (context has content && context.content like "*drop*") };
    forbid (principal is Agent, action, resource) when { principal.labels.contains("frozen") };
    forbid (principal is Agent, action, resource) when { principal has owner && context has content };
    forbid (principal, action == Action::"job.enqueue", resource == Kind::"off") unless { context.now.hour_utc < 12 };`,
    GUARDRAILS,
  )
  for (let i = 0; i < 400; i++) {
    const request = enqueue({
      principal: i % 3 === 0 ? { type: 'User', id: 'usr_1' } : { type: 'Agent', id: 'agt_1' },
      resource: { type: 'Kind', id: i % 5 === 0 ? 'off' : 'on' },
      at: new Date(AT.getTime() + (i % 4) * 3_600_000),
      entities: [
        {
          uid: { type: 'Agent', id: 'agt_1' },
          attrs: {
            ...{ handle: 'h', environment: 'live', labels: i % 7 === 0 ? ['frozen'] : [] },
            ...(i % 17 === 0 ? { owner: { __entity: { type: 'User', id: 'usr_1' } } } : {}),
          },
          parents: [],
        },
        { uid: { type: 'User', id: 'usr_1' }, attrs: {}, parents: [{ type: 'Role', id: i % 2 ? 'owner' : 'viewer' }] },
      ],
      said: { tags: i % 11 === 0 ? ['never'] : [], content: i % 13 === 0 ? 'drop it' : undefined },
    })
    expect(decide(request, by)).toEqual(judge(request, by))
  }
})
