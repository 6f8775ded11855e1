import { expect, test } from 'vitest'
import { type Client, clientOf, setup } from '#harness'
import { ACTION, linksTo, pageOf, readerOf } from './links/links.fixture.ts'
import { answer, elsewhere, errorsOf, REFUND, remains } from './tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

test('T12 A6 of 30 decisions at once over two processes one wins, the others learn who, and there is one terminal event', async () => {
  const house = await setup()
  const second = await house.second()
  const { id } = await house.given.task(REFUND)
  const people = await Promise.all(Array.from({ length: 4 }, () => house.given.user({ role: 'operator' })))
  const callers = people.flatMap((person) => [person, elsewhere(person, second)])
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      (callers[i % callers.length] as Client).post(at(id, 'decide'), answer({ approved: i % 2 === 0 })),
    ),
  )
  const won = answers.filter((one) => one.status === 200)
  expect(won).toHaveLength(1)
  for (const { status, body } of answers.filter((one) => one !== won[0]))
    expect({ status, code: body.code, state: body.state, by: body.by }).toEqual({
      status: 409,
      code: 'task_not_open',
      state: 'completed',
      by: won[0]?.body.completed_by_display_name,
    })
  expect(await remains(house)).toMatchObject({ tasks: 1, decisions: 1, events: 2 })
})

test('T13 a decision on another revision than the present one is 409 task_revised, and one without is 422', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const old = await house.alice.post(at(id, 'decide'), answer({ approved: true }, { seen_revision: 2 }))
  expect([old.status, old.body.code, old.body.revision]).toEqual([409, 'task_revised', 1])
  const blind = await house.alice.post(at(id, 'decide'), { type: 'respond', response: { approved: true } })
  expect(errorsOf(blind.body)).toEqual(['/seen_revision required'])
  expect((await house.alice.get(at(id))).body.status).toBe('open')
})

test('T75 T166 an invalid answer is 422 response_invalid with every error, and leaves the task as it was', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const before = await remains(house)
  const wrong = await house.alice.post(at(id, 'decide'), answer({ note: 'x'.repeat(501), extra: 1 }))
  expect([wrong.status, wrong.body.code, errorsOf(wrong.body).sort()]).toEqual([
    422,
    'response_invalid',
    ['/response/approved required', '/response/extra unknown_member', '/response/note max_length'],
  ])
  expect(wrong.body.errors.find((error: { path: string }) => error.path === '/response/note').field).toBe('note')
  expect(await remains(house)).toEqual(before)
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', version: 1, decisions: [] })
})

test('T21 who decided is taken from the request alone; claims about it are refused', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  for (const claim of ['completed_by_email', 'completed_via_channel', 'user_id', 'attested_by', 'decided_at']) {
    const { status, body } = await house.alice.post(at(id, 'decide'), answer({ approved: true }, { [claim]: 'x' }))
    expect([status, errorsOf(body)]).toEqual([422, [`/${claim} unknown`]])
  }
  const done = await house.alice.post(
    at(id, 'decide'),
    answer({ approved: true }, { reason: 'lost parcel', comment: 'call them' }),
  )
  expect(done.body.decisions).toMatchObject([
    {
      user_id: house.alice.id,
      display_name: 'Alice',
      channel: 'dashboard',
      reason: 'lost parcel',
      comment: 'call them',
      state: 'counted',
      stepped_in: false,
      response: { approved: true },
    },
  ])
  expect((await house.agent.get(at(id, 'decisions'))).body.data).toEqual(done.body.decisions)
  const [event] = (await house.alice.get(`/api/v1/events?type=task.completed`)).body.data
  expect(event.actor).toMatchObject({ type: 'user', id: house.alice.id })
  expect(event.data).toMatchObject({
    from: 'open',
    to: 'completed',
    outcome: 'answered',
    channel: 'dashboard',
    decision_sha256: done.body.decisions[0].decision_sha256,
  })
  expect(JSON.stringify(event)).not.toContain('lost parcel')
})

test('T19 A15 an agent decides, claims and releases nothing, by any route and dialect, its own task or another’s', async () => {
  const house = await setup()
  const other = await house.given.agent()
  const wide = await house.given.agent({ scopes: ['tasks:*'] })
  const tenantKey = await house.given.key({ kind: 'adm', name: 'ops', scopes: ['tasks:*'] }).catch(() => null)
  const { id } = await house.given.task(REFUND, wide)
  for (const caller of [wide, other, house.agent])
    for (const [path, body] of [
      [at(id, 'decide'), answer()],
      [`/api/tasks/${id}/decide`, answer()],
      [`/api/tasks/${id}/complete`, { response: { approved: true } }],
      [at(id, 'claim'), {}],
      [`/api/tasks/${id}/claim`, {}],
      [at(id, 'release'), {}],
    ] as const)
      expect((await caller.post(path, body)).body).toMatchObject({ status: 403, code: 'agent_may_not_decide' })
  expect(tenantKey === null || typeof tenantKey.id === 'string').toBe(true)
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'open', assigned_to_user_id: null, version: 1 })
})

test('T20 who was not asked may step in as operator, admin or owner with a reason, and the record says so', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, assign_to: { user_id: house.bob.id } })
  expect((await house.alice.get(at(id))).body.may).toEqual(['step_in', 'comment', 'send_back', 'cancel', 'update', 'erase'])
  const silent = await house.alice.post(at(id, 'decide'), answer())
  expect([silent.status, errorsOf(silent.body)]).toEqual([422, ['/reason reason_required']])
  const done = await house.alice.post(at(id, 'decide'), answer({ approved: true }, { reason: 'Bob is away' }))
  expect(done.body.decisions).toMatchObject([{ stepped_in: true, reason: 'Bob is away' }])
  expect((await house.alice.get('/api/v1/events?type=task.completed')).body.data[0].data.stepped_in).toBe(true)
})

test('T17 without a relation a task is 404 like an unknown one; with one but without the right it is 403', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, assign_to: { email: (await house.reviewer.person()).email } })
  const unknown = 'task_00000000000000000000000000'
  const bare = ({ status, body }: { status: number; body: Record<string, unknown> }) => ({
    status,
    body: { ...body, request_id: '' },
  })
  for (const caller of [house.stranger, house.member, await house.given.agent()]) {
    const [there, nowhere] = [await caller.get(at(id)), await caller.get(at(unknown))]
    expect(bare(there)).toEqual(bare(nowhere))
    expect(there.status).toBe(404)
    expect((await caller.get(at(id, 'poll?timeout=1'))).status).toBe(404)
    expect((await caller.get(at(id, 'record'))).status).toBe(404)
    expect((await caller.raw(at(id, 'stream'))).status).toBe(404)
  }
  expect((await house.member.post(at(id, 'decide'), answer())).status).toBe(404)
  expect((await house.reviewer.get(at(id))).body).toMatchObject({
    payload: REFUND.payload,
    may: ['decide', 'comment', 'send_back'],
  })
  expect((await house.reviewer.post(at(id, 'cancel'), {})).status).toBe(403)
  expect((await house.viewer.post(at(id, 'decide'), answer())).status).toBe(403)
  // Asked as one of several, held by another: a relation, and not eligible.
  const both = await house.given.task({
    ...REFUND,
    assign_to: { emails: [(await house.reviewer.person()).email, house.bob.email] },
  })
  await house.bob.post(at(both.id, 'claim'))
  expect((await house.reviewer.post(at(both.id, 'decide'), answer())).body.code).toBe('not_eligible')
  expect((await house.reviewer.post(at(id, 'decide'), answer())).status).toBe(200)
})

test('T17 A14 each role’s cell of the matrix through the real routes, and those of agents, of an embedded page and of a one-use link', async () => {
  const house = await setup()
  const acts = async (who: Client, about: () => Promise<string>) => {
    const id = await about()
    const asked = [
      await who.get(at(id)),
      await who.get(at(id, 'poll?timeout=1')),
      await who.get(at(id, 'record')),
      await who.post(at(id, 'claim')),
      await who.post(at(id, 'release')),
      await who.patch(at(id), { priority: 'high' }),
      await who.post('/api/v1/tasks', REFUND),
      await who.post(at(id, 'decide'), answer()),
      await who.post(at(await about(), 'cancel'), {}),
    ]
    return asked.map((one) => String(one.status))
  }
  const fresh = async () => (await house.given.task(REFUND)).id
  const all = ['200', '200', '200', '200', '200', '200', '201', '200', '200']
  const roles: [string, Client, string[]][] = [
    ['owner', house.alice, all],
    ['admin', house.bob, all],
    ['operator', house.operator, all],
    ['member', house.member, ['404', '404', '404', '404', '404', '404', '201', '404', '404']],
    ['reviewer', house.reviewer, ['404', '404', '404', '404', '404', '403', '403', '404', '403']],
    ['auditor', house.auditor, ['200', '403', '200', '403', '403', '403', '403', '403', '403']],
    ['viewer', house.viewer, ['200', '403', '200', '403', '403', '403', '403', '403', '403']],
    // Its own; another's is one that nobody knows, but that no agent decides is said before anything is looked for.
    ['its agent', house.agent, ['200', '200', '200', '403', '403', '200', '201', '403', '200']],
    ['another agent', await house.given.agent(), ['404', '404', '404', '403', '403', '404', '201', '403', '404']],
    // Another tenant's, and like one that nobody has made.
    ['a stranger', house.stranger, ['404', '404', '404', '404', '404', '404', '201', '404', '404']],
    ['nobody', house.nobody, all.map(() => '401')],
  ]
  for (const [role, who, cells] of roles) expect([role, await acts(who, fresh)]).toEqual([role, cells])
  const unknown = async () => 'task_00000000000000000000000000'
  expect(await acts(house.stranger, unknown)).toEqual(await acts(house.stranger, fresh))

  // The token of an embed: its task, to read and to answer. Of another task it is none, and whatever else there is it does not open.
  await house.alice.post('/api/v1/embed/origins', { origin: 'https://app.example.com' })
  const [own, other] = [await fresh(), await fresh()]
  const minted = await house.agent.post('/api/v1/embed/tokens', { task_id: own, parent_origin: 'https://app.example.com' })
  const visitor = clientOf(house.url, { bearer: minted.body.embed_token })
  const closed = ['403', '403', '403', '403', '403', '403', '403', '403', '403']
  expect(await acts(visitor, async () => other)).toEqual(closed)
  expect(await acts(visitor, async () => own)).toEqual(['200', '200', '403', '403', '403', '403', '403', '200', '403'])

  // A link: its token is no key to any route, and at its own door it opens its task alone, for what its person may.
  const reviewer = await house.reviewer.person()
  const asked = async () => (await house.given.task({ ...REFUND, assign_to: { emails: [reviewer.email, house.bob.email] } })).id
  const linked = await asked()
  const [link] = await linksTo(house, linked, readerOf(reviewer), [{ purpose: 'review' }])
  const token = link?.token as string
  expect(await acts(clientOf(house.url, { bearer: token }), async () => linked)).toEqual(all.map(() => '401'))
  const page = pageOf(house, token)
  const seen = (await page.look()).body
  const door = pageOf(house, seen.session)
  const does = (act: object) => house.nobody.post(ACTION, { token: seen.session, nonce: seen.nonce, act })
  const cells = [
    seen.task.id === linked ? 200 : seen.task.id,
    (await does({ type: 'claim' })).status,
    (await does({ type: 'release' })).status,
    (await does({ type: 'comment', body: 'Which order?' })).status,
    (await does({ type: 'cancel' })).status,
    (await door.send(seen.nonce, { type: 'respond', response: { approved: true } })).status,
    (await does({ type: 'claim' })).status,
  ]
  expect(cells).toEqual([200, 200, 200, 200, 422, 200, 410])
})

test('T153 auditor and viewer read a task without its content, at every level', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, description: 'context', on_timeout: { default: { approved: false } } })
  await house.alice.post(at(id, 'decide'), answer({ approved: true }, { reason: 'fine' }))
  const hidden = { _redacted: true }
  for (const who of [house.auditor, house.viewer]) {
    const { body } = await who.get(at(id))
    expect(body).toMatchObject({
      task: REFUND.task,
      status: 'completed',
      description: hidden,
      payload: hidden,
      response: hidden,
      on_timeout: { default: hidden },
    })
    expect(body.decisions[0]).toMatchObject({ response: hidden, reason: hidden, display_name: 'Alice' })
    expect((await who.get('/api/v1/tasks?include=payload,response')).body.data[0]).toMatchObject({
      payload: hidden,
      response: hidden,
    })
  }
})

test('T153 at level notify lists are masked and singles are not; at none a list shows up to 8 KiB', async () => {
  const house = await setup()
  await house.given.task({ ...REFUND, redact_payload: true })
  await house.given.task({ ...REFUND, payload: { long: 'x'.repeat(9_000) } })
  await house.given.task(REFUND)
  const { data } = (await house.alice.get('/api/v1/tasks?include=payload')).body
  expect(data.map((row: { payload: unknown }) => row.payload)).toEqual([
    REFUND.payload,
    { _truncated: true },
    { _redacted: true },
  ])
  expect(data[2]).toMatchObject({ redact: 'notify', redact_payload: true })
  expect((await house.alice.get(at(data[2].id))).body.payload).toEqual(REFUND.payload)
  expect((await house.agent.get(at(data[2].id))).body.payload).toEqual(REFUND.payload)
  expect(Object.keys((await house.alice.get('/api/v1/tasks')).body.data[0])).not.toContain('payload')
})

test('T15 an answer after the end is refused with who and when, and changes nothing', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  await house.agent.post(at(id, 'cancel'), { reason: 'no longer needed' })
  const late = await house.alice.post(at(id, 'decide'), answer())
  expect(late.body).toMatchObject({ status: 409, code: 'task_not_open', state: 'cancelled' })
  expect(late.body.settled_at).toMatch(/Z$/)
  expect((await house.alice.get(at(id))).body).toMatchObject({
    status: 'cancelled',
    cancel_reason: 'no longer needed',
    response: null,
    decisions: [],
  })
  expect((await house.agent.get(at(id, 'poll'))).body).toMatchObject({ status: 'cancelled', cancel_reason: 'no longer needed' })
  expect((await house.agent.post(at(id, 'cancel'), {})).body.code).toBe('task_not_open')
})

test('T15 between a passed deadline and its job an answer is too late', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, timeout_seconds: 60 })
  await house.clock.advance('61s')
  expect((await house.alice.post(at(id, 'decide'), answer())).body).toMatchObject({ code: 'task_not_open', state: 'open' })
})

test('T34 T151 a task of high risk asks for a fresh proof of presence', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, risk: 'high' })
  await house.clock.advance('11m')
  const refused = await house.alice.post(at(id, 'decide'), answer())
  expect(refused.body).toMatchObject({ status: 403, code: 'step_up_required', need: 'step_up', have: 'session' })
  await house.admin.run`update sessions set step_up_at = countersign.now() where user_id = ${house.alice.id}`
  const done = await house.alice.post(at(id, 'decide'), answer())
  expect(done.body.decisions[0].assurance).toBe('step_up')
  await house.clock.advance('11m')
  const later = await house.given.task({ ...REFUND, risk: 'high' })
  expect((await house.alice.post(at(later.id, 'decide'), answer())).body.code).toBe('step_up_required')
})

test('T94 the first to claim holds the task, others learn who, release gives it back to all who were asked', async () => {
  const house = await setup()
  const second = await house.second()
  const [one, two] = [
    await house.given.user({ role: 'reviewer', displayName: 'One' }),
    await house.given.user({ role: 'reviewer', displayName: 'Two' }),
  ]
  const { id } = await house.given.task({ ...REFUND, assign_to: { emails: [one.email, two.email] } })
  const claims = await Promise.all([one.post(at(id, 'claim')), elsewhere(two, second).post(at(id, 'claim'))])
  expect(claims.map((claim) => claim.status).sort()).toEqual([200, 409])
  const [holder, other] = claims[0]?.status === 200 ? [one, two] : [two, one]
  const lost = claims.find((claim) => claim.status === 409)
  expect(lost?.body).toMatchObject({ code: 'task_already_claimed', by: holder.displayName })
  expect((await other.post(at(id, 'release'))).body.code).toBe('not_eligible')
  expect((await other.post(at(id, 'decide'), answer())).body.code).toBe('not_eligible')
  const released = await holder.post(at(id, 'release'))
  expect(released.body).toMatchObject({ assigned_to_user_id: null, claimed_at: null, version: 3 })
  expect((await holder.post(at(id, 'release'))).body.code).toBe('state_conflict')
  expect((await other.post(at(id, 'claim'))).body).toMatchObject({ assigned_to_display_name: other.displayName })
  expect((await other.post(at(id, 'decide'), answer())).status).toBe(200)
  expect((await house.eventTypes()).filter((type) => type.startsWith('task'))).toEqual([
    'task.created',
    'task.routed',
    'task.claimed',
    'task.released',
    'task.claimed',
    'task.completed',
  ])
})

test('T10 each state that can be reached now has its time', async () => {
  const house = await setup()
  const ids = await Promise.all([1, 2, 3, 4].map(async () => (await house.given.task({ ...REFUND, timeout_seconds: 60 })).id))
  await house.alice.post(at(ids[0], 'decide'), answer())
  await house.agent.post(at(ids[1], 'cancel'), {})
  await house.agent.patch(at(ids[2]), { deadline_at: new Date(house.clock.now().getTime() + 86_400_000).toISOString() })
  await house.clock.advance('61s')
  await house.runJobs()
  const states = await Promise.all(ids.map(async (id) => (await house.alice.get(at(id))).body))
  expect(
    states.map((one) => [
      one.status,
      one.completed_at !== null,
      one.cancelled_at !== null,
      one.timed_out_at !== null,
      one.opened_at !== null,
    ]),
  ).toEqual([
    ['completed', true, false, false, true],
    ['cancelled', false, true, false, true],
    ['open', false, false, false, true],
    ['timed_out', false, false, true, true],
  ])
})
