import { expect, test } from 'vitest'
import { type Client, type House, type Person, setup } from '#harness'
import { answer, elsewhere, errorsOf, NOTHING, REFUND, remains } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const people = (house: House, count: number): Promise<Person[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => house.given.user({ role: 'reviewer', displayName: `Voter ${i + 1}` })))
const mails = (all: readonly Person[]) => ({ emails: all.map(({ email }) => email) })
const yes = answer({ approved: true })
const no = answer({ approved: false })
const ask = (house: House, more: object) => house.given.task({ ...REFUND, ...more })
const decide = (who: Client, id: unknown, body: object = yes) => who.post(at(id, 'decide'), body)
const types = async (house: House) => (await house.eventTypes()).filter((type) => type.startsWith('task.'))

test('T38 T39 two of three settle it once; a third is told so, and who voted does not vote again', async () => {
  const house = await setup()
  const [one, two, three] = (await people(house, 3)) as [Person, Person, Person]
  const { id } = await ask(house, { assign_to: mails([one, two, three]), quorum: 2 })
  const first = await decide(one, id)
  expect(first.body).toMatchObject({ status: 'open', votes: 1, votes_needed: 2, version: 2, response: null, outcome: null })
  expect(first.body.decisions).toMatchObject([{ user_id: one.id, state: 'counted', group: null }])
  expect(first.body.may).toContain('withdraw_vote')
  expect(first.body.may).not.toContain('decide')
  expect((await decide(one, id)).body).toMatchObject({ status: 409, code: 'already_decided' })
  expect((await two.get(at(id))).body.decisions).toHaveLength(1)
  const last = await decide(two, id, answer({ approved: true, note: 'fine' }))
  expect(last.body).toMatchObject({
    status: 'completed',
    outcome: 'answered',
    votes: 2,
    response: { approved: true, note: 'fine' },
    completed_by_user_id: two.id,
  })
  expect((await decide(three, id)).body).toMatchObject({ code: 'task_not_open', state: 'completed' })
  const routed = ['task.created', 'task.routed', 'task.decision_recorded', 'task.viewed', 'task.completed']
  expect(await types(house)).toEqual(routed)
  expect((await house.agent.get(at(id, 'receipt'))).status).toBe(200)
})

test('T12 T38 votes of ten people at once over two servers: six settle it once, and none is lost', async () => {
  const house = await setup()
  const second = await house.second()
  const voters = await people(house, 10)
  const { id } = await ask(house, { assign_to: mails(voters), quorum: 6 })
  const answers = await Promise.all(
    voters.flatMap((voter, i) => {
      const there = i % 2 === 0 ? voter : elsewhere(voter, second)
      const other = i % 2 === 0 ? elsewhere(voter, second) : voter
      return [decide(there, id), decide(other, id)]
    }),
  )
  const counted = answers.filter(({ status }) => status === 200)
  expect(counted).toHaveLength(6)
  expect(counted.filter(({ body }) => body.status === 'completed')).toHaveLength(1)
  for (const { body } of answers.filter(({ status }) => status !== 200))
    expect(['already_decided', 'task_not_open']).toContain(body.code)
  const { body } = await house.alice.get(at(id))
  expect(body).toMatchObject({ status: 'completed', votes: 6 })
  expect(new Set(body.decisions.map((one: { user_id: string }) => one.user_id)).size).toBe(6)
  expect((await types(house)).filter((type) => type === 'task.completed')).toHaveLength(1)
  expect((await types(house)).filter((type) => type === 'task.decision_recorded')).toHaveLength(5)
})

test('T39 one denial settles it as denied; with impossible only once the rest can no longer agree', async () => {
  const house = await setup()
  const three = (await people(house, 3)) as [Person, Person, Person]
  const groups = [{ name: 'all', need: 2, assign_to: mails(three) }]
  const { id } = await ask(house, { quorum: { groups } })
  const denied = await decide(three[0], id, no)
  expect(denied.body).toMatchObject({ status: 'completed', outcome: 'denied', response: { approved: false } })

  const patient = await ask(house, { quorum: { groups, on_deny: 'impossible' } })
  expect((await decide(three[0], patient.id, no)).body).toMatchObject({ status: 'open', votes: 1 })
  expect((await decide(three[1], patient.id, no)).body).toMatchObject({ status: 'completed', outcome: 'denied' })
})

test('T38 T41 A11 finance two of four and legal both: the owner is refused, nobody counts twice, the last needed vote settles once', async () => {
  const house = await setup()
  const [a, b, c, lawyer, other] = (await people(house, 5)) as [Person, Person, Person, Person, Person]
  // Alice owns the agent.
  const finance = [a, b, c, house.alice, lawyer]
  const quorum = {
    groups: [
      { name: 'finance', need: 2, assign_to: mails(finance) },
      { name: 'legal', need: 'all', assign_to: mails([lawyer, other]) },
    ],
  }
  const { id, ...made } = await ask(house, { quorum })
  expect(made).toMatchObject({ votes_needed: 4, separate: true, assigned_to_user_id: null })
  expect((await house.alice.get(at(id))).body.may).not.toContain('decide')
  expect((await decide(house.alice, id)).body).toMatchObject({ status: 403, code: 'separation_of_duties' })
  // Nobody steps in where several have to agree (T20).
  expect((await decide(house.bob, id, { ...yes, reason: 'I may' })).body.code).toBe('not_eligible')
  expect((await decide(a, id)).body.decisions).toMatchObject([{ group: 'finance' }])
  expect((await decide(other, id)).body.decisions).toMatchObject([{ group: 'finance' }, { group: 'legal' }])
  expect((await decide(a, id)).body.code).toBe('already_decided')
  expect((await decide(b, id)).body).toMatchObject({ status: 'open', votes: 3 })
  expect((await decide(lawyer, id)).body).toMatchObject({ status: 'completed', votes: 4, completed_by_user_id: lawyer.id })
  expect((await types(house)).filter((type) => type === 'task.completed')).toHaveLength(1)
})

test('T40 without a verdict equal answers count together; list gives every answer', async () => {
  const house = await setup()
  const three = (await people(house, 3)) as [Person, Person, Person]
  const colour = { type: 'object', properties: { colour: { type: 'string' } } }
  const base = { response_schema: colour, assign_to: mails(three) }
  const { id } = await ask(house, { ...base, quorum: 2 })
  expect((await decide(three[0], id, answer({ colour: 'red' }))).body.status).toBe('open')
  expect((await decide(three[1], id, answer({ colour: 'blue' }))).body.status).toBe('open')
  expect((await decide(three[2], id, answer({ colour: 'red' }))).body).toMatchObject({
    status: 'completed',
    response: { colour: 'red' },
  })
  const [one, two] = three
  const groups = [{ name: 'all', need: 2, assign_to: mails(three) }]
  const open = { response_schema: { type: 'object', properties: { approved: { type: 'boolean' } } } }
  const verdict = { pointer: '/approved', approve: [true], deny: [false] }
  const listed = await ask(house, { ...open, verdict, quorum: { groups, combine: 'list' } })
  await decide(one, listed.id)
  expect((await decide(two, listed.id, answer({ approved: true, note: 'x' }))).body.response).toEqual({
    decisions: [
      { by: one.id, response: { approved: true } },
      { by: two.id, response: { approved: true, note: 'x' } },
    ],
  })
  const agreeing = await ask(house, { ...open, verdict, quorum: { groups, combine: 'agree' } })
  await decide(one, agreeing.id)
  expect((await decide(two, agreeing.id, answer({ approved: true, note: 'x' }))).body.status).toBe('open')
})

test('T41 nobody of the requester’s side is counted: who asked, for whom, whose agent, and who stands in for them', async () => {
  const house = await setup()
  const [asker, behalf, deputy, plain, last] = (await Promise.all(
    ['member', 'member', 'member', 'member', 'member'].map((role) => house.given.user({ role: role as 'member' })),
  )) as [Person, Person, Person, Person, Person]
  await house.admin.run`insert into absences (id, tenant_id, user_id, starts_at, ends_at, delegate_user_id)
    values ('abs_1', ${house.tenantId}::uuid, ${behalf.id}, countersign.now() - interval '1 hour', countersign.now() + interval '1 hour', ${deputy.id})`
  const all = mails([asker, behalf, deputy, plain, last])
  const mine = await asker.post('/api/v1/tasks', { ...REFUND, assign_to: all, quorum: 2, on_behalf_of: behalf.id })
  expect(mine.status).toBe(201)
  for (const who of [asker, behalf, deputy]) expect((await decide(who, mine.body.id)).body.code).toBe('separation_of_duties')
  expect((await decide(plain, mine.body.id)).body.status).toBe('open')
  expect((await decide(last, mine.body.id)).body.status).toBe('completed')

  const groups = [{ name: 'any', need: 1, assign_to: all }]
  const together = await asker.post('/api/v1/tasks', { ...REFUND, quorum: { groups, separate: false } })
  expect((await decide(asker, together.body.id)).body.status).toBe('completed')
})

test('T42 more than there are is refused at creation and leaves nothing', async () => {
  const house = await setup()
  const two = await people(house, 2)
  const before = await remains(house)
  const create = (quorum: unknown, more: object = {}) =>
    house.agent.post('/api/v1/tasks', { ...REFUND, assign_to: mails(two), quorum, ...more })
  expect((await create(3)).body).toMatchObject({ status: 422, code: 'quorum_unreachable', eligible: 2, need: 3 })
  // Alice is of the asking side.
  const withOwner = await create(3, { assign_to: mails([...two, house.alice]) })
  expect(withOwner.body).toMatchObject({ code: 'quorum_unreachable', eligible: 2, need: 3 })
  const both = [
    { name: 'a', need: 2, assign_to: mails(two) },
    { name: 'b', need: 1, assign_to: mails(two) },
  ]
  expect((await create({ groups: both }, { assign_to: undefined })).body).toMatchObject({ eligible: 2, need: 3 })
  expect(await remains(house)).toEqual(before)
  expect(before).toEqual(NOTHING)
})

test('T42 A11 when one of all leaves, the need stays, the event fires once and the escalation begins', async () => {
  const house = await setup()
  const [one, two, extra] = (await people(house, 3)) as [Person, Person, Person]
  const { id } = await ask(house, {
    quorum: { groups: [{ name: 'both', need: 'all', assign_to: mails([one, two]) }] },
    escalation: [{ after_seconds: 1_800, assign_to: { email: extra.email }, mode: 'add' }],
  })
  await decide(one, id)
  expect((await house.bob.patch(`/api/v1/users/${two.id}`, { state: 'deactivated' })).status).toBe(200)
  await house.runJobs()
  await house.clock.advance('2s')
  await house.runJobs()
  const lonely = (await house.alice.get(at(id))).body
  expect(lonely).toMatchObject({ status: 'open', votes: 1, votes_needed: 2, escalation_level: 1 })
  expect(lonely.unreachable_at).toMatch(/Z$/)
  expect((await types(house)).filter((type) => type === 'task.quorum_unreachable')).toHaveLength(1)
  expect((await types(house)).filter((type) => type === 'task.escalated')).toHaveLength(1)
  // The next look finds that it can be reached again; those after it change nothing.
  const look = async () => {
    const { id: other } = await house.given.user({ role: 'member' })
    await house.bob.patch(`/api/v1/users/${other}`, { state: 'deactivated' })
    await house.runJobs()
    const { version, unreachable_at } = (await house.alice.get(at(id))).body
    return { version, unreachable_at }
  }
  const found = await look()
  expect(found.unreachable_at).toBeNull()
  expect(await look()).toEqual(found)
  expect((await types(house)).filter((type) => type === 'task.quorum_unreachable')).toHaveLength(1)
  // Who was added by the escalation is counted where somebody is missing.
  expect((await decide(extra, id)).body).toMatchObject({ status: 'completed', votes: 2 })
})

test('T42 all freezes who is there: who joins later is not one of them', async () => {
  const house = await setup()
  const operators = await Promise.all([house.given.user({ role: 'operator' }), house.given.user({ role: 'operator' })])
  const { id, ...made } = await ask(house, { quorum: 'all' })
  // Bob and the two; Alice is of the asking side.
  expect(made).toMatchObject({ votes_needed: 3 })
  const late = await house.given.user({ role: 'operator' })
  for (const who of [house.bob, operators[0] as Person]) await decide(who, id)
  expect((await decide(late, id)).body.code).toBe('not_eligible')
  expect((await decide(operators[1] as Person, id)).body.status).toBe('completed')
})

test('T43 a vote can be taken back by its voter while the task is open, and given again', async () => {
  const house = await setup()
  const [one, two] = (await people(house, 2)) as [Person, Person]
  const { id } = await ask(house, { assign_to: mails([one, two]), quorum: 2 })
  const mine = (await decide(one, id)).body.decisions[0].id
  expect((await two.delete(at(id, `decisions/${mine}`))).status).toBe(403)
  expect((await house.agent.delete(at(id, `decisions/${mine}`))).body.code).toBe('agent_may_not_decide')
  expect((await one.delete(at(id, 'decisions/dec_00000000000000000000000000'))).status).toBe(404)
  expect((await one.delete(at(id, `decisions/${mine}`))).status).toBe(204)
  expect((await one.delete(at(id, `decisions/${mine}`))).status).toBe(404)
  expect((await one.get(at(id))).body).toMatchObject({ votes: 0, decisions: [{ state: 'withdrawn' }] })
  expect((await decide(two, id)).body).toMatchObject({ status: 'open', votes: 1 })
  const done = await decide(one, id)
  expect(done.body).toMatchObject({ status: 'completed', votes: 2 })
  expect(done.body.decisions.map((decision: { state: string }) => decision.state)).toEqual(['withdrawn', 'counted', 'counted'])
  expect((await one.delete(at(id, `decisions/${done.body.decisions[2].id}`))).body.code).toBe('task_not_open')
  expect(await types(house)).toContain('task.vote_withdrawn')
})

test('T43 blind votes are seen by their voter alone until it settles', async () => {
  const house = await setup()
  const [one, two] = (await people(house, 2)) as [Person, Person]
  const groups = [{ name: 'both', need: 2, assign_to: mails([one, two]) }]
  const { id } = await ask(house, { quorum: { groups, blind: true } })
  await decide(one, id)
  expect((await one.get(at(id))).body.decisions).toHaveLength(1)
  for (const who of [two, house.alice, house.agent]) {
    expect((await who.get(at(id))).body).toMatchObject({ decisions: [], votes: 1 })
    expect((await who.get(at(id, 'decisions'))).body.data).toEqual([])
  }
  expect((await decide(two, id)).body.decisions).toHaveLength(2)
})

test('T16 a task that needs several stays open while single answers are verified: a vote counts once it passed, and one that was refused is given again', async () => {
  const house = await setup()
  const [one, two] = (await people(house, 2)) as [Person, Person]
  const { id } = await ask(house, { assign_to: mails([one, two]), quorum: 2, verifier_config: { provider: 'agent' } })
  const word = (passed: boolean) => house.agent.post(at(id, 'verification'), { passed, reason: passed ? null : 'Say why.' })
  expect((await decide(one, id)).body).toMatchObject({ status: 'open', votes: 0, decisions: [{ state: 'pending' }] })
  expect((await decide(one, id)).body.code).toBe('already_decided')
  expect((await word(false)).status).toBe(200)
  expect((await one.get(at(id))).body).toMatchObject({ status: 'open', votes: 0, decisions: [{ state: 'returned' }] })
  await decide(one, id)
  expect((await word(true)).body).toMatchObject({ status: 'open', votes: 1 })
  await decide(two, id)
  expect((await word(true)).body).toMatchObject({ status: 'completed', votes: 2 })
})

test('T166 a quorum that is none is 422 and leaves nothing', async () => {
  const house = await setup()
  const group = { name: 'a', need: 1, assign_to: { email: house.bob.email } }
  const wrong: [unknown, string][] = [
    [0, '/quorum'],
    [-1, '/quorum'],
    [1.5, '/quorum'],
    ['most', '/quorum'],
    [{ groups: [] }, '/quorum'],
    [{ groups: [{ ...group, need: 0 }] }, '/quorum'],
    [{ groups: [{ name: 'a', need: 1 }] }, '/quorum'],
    [{ groups: [{ ...group, assign_to: null }] }, '/quorum/groups/0/assign_to'],
    [{ groups: [{ ...group, assign_to: { mail: 'x' } }] }, '/quorum/groups/0/assign_to'],
    [{ groups: [group, group] }, '/quorum/groups/1/name'],
    [{ groups: [group], combine: 'list' }, '/quorum/combine'],
    [{ groups: [group], combine: 'most' }, '/quorum'],
  ]
  for (const [quorum, path] of wrong) {
    const { status, body } = await house.agent.post('/api/v1/tasks', { ...REFUND, quorum })
    expect([quorum, status, errorsOf(body).every((error) => error.startsWith(path))]).toEqual([quorum, 422, true])
  }
  expect(await remains(house)).toEqual(NOTHING)
})

test('T23 the same question with another quorum is another question', async () => {
  const house = await setup()
  const voters = mails(await people(house, 3))
  const asked = { ...REFUND, assign_to: voters, quorum: 2, idempotency_key: 'one' }
  expect((await house.agent.post('/api/v1/tasks', asked)).status).toBe(201)
  expect((await house.agent.post('/api/v1/tasks', asked)).status).toBe(200)
  const other = await house.agent.post('/api/v1/tasks', { ...asked, quorum: 3 })
  expect(other.body).toMatchObject({ code: 'idempotency_mismatch', differs: ['quorum'] })
})
