// Links that open one task without a sign-in (T109–T111, T149, T150): looking changes nothing, one answer counts, and a link that was refused works again.
import { expect, test } from 'vitest'
import { clientOf, type House, setup } from '#harness'
import { errorsOf, remains } from '../tasks.fixture.ts'
import { ACTION, linksTo, NO, pageOf, readerOf, YES } from './links.fixture.ts'

const start = async (more: Record<string, unknown> = {}) => {
  const house = await setup()
  const member = await house.member.person()
  const task = await house.given.task({ assign_to: { user_id: member.id }, ...more })
  return { house, member, task }
}
// By the asking side: a person's look would leave its own trace.
const statusOf = async ({ agent }: House, id: string) => (await agent.get(`/api/v1/tasks/${id}`)).body

/** The row of a link, without what only its test wants to see change. */
const rowOf = ({ admin }: House, id: string) =>
  admin.one<Record<string, unknown>>`select used_at, decision_id, revoked_at, seen_at from task_links where id = ${id}::text`

test('T109 A23 fifty times GET and HEAD of the link’s page change nothing; a look tells the question; one POST with its nonce decides', async () => {
  const { house, member, task } = await start()
  const [yes, no] = await linksTo(house, task.id, readerOf(member))
  const before = await remains(house)
  const address = new URL(yes?.url as string)
  expect(address.pathname).toBe('/answer')
  expect(address.hash).toBe(`#${yes?.token}`)
  for (let i = 0; i < 50; i++) {
    const method = i % 2 === 0 ? 'GET' : 'HEAD'
    await clientOf(house.url).raw('/answer', { method, headers: { accept: 'text/html' } })
    const probe = await clientOf(house.url).raw(ACTION, { method })
    expect(probe.status).toBe(405)
    await probe.arrayBuffer()
  }
  expect(await remains(house)).toEqual(before)
  expect(await statusOf(house, task.id)).toMatchObject({ status: 'open', version: 1, first_viewed_at: null })

  const page = pageOf(house, yes?.token as string)
  const seen = await page.look()
  expect(seen.body).toMatchObject({
    state: 'open',
    purpose: 'answer',
    choice: { label: 'Yes', answer: { type: 'respond', response: { approve: true } } },
    reader: { user_id: member.id, display_name: member.displayName, email: member.email },
    session: null,
    task: { id: task.id, task: 'Approve the refund?', agent_name: 'refund-bot', may: expect.arrayContaining(['decide']) },
  })
  expect(await rowOf(house, yes?.id as string)).toEqual({ used_at: null, decision_id: null, revoked_at: null, seen_at: null })

  const answered = await page.send(seen.body.nonce)
  expect(answered.status, JSON.stringify(answered.body)).toBe(200)
  expect(answered.body).toMatchObject({ state: 'answered', task: { status: 'completed', completed_via_channel: 'email' } })
  const settled = await statusOf(house, task.id)
  expect(settled).toMatchObject({
    completed_by_user_id: member.id,
    completed_by_email: member.email,
    response: { approve: true },
  })
  expect(settled.decisions).toMatchObject([{ channel: 'email', assurance: 'link', state: 'counted', user_id: member.id }])

  // the link itself, and its sibling
  for (const token of [yes?.token, no?.token]) {
    const again = await pageOf(house, token as string).look()
    expect(again.status).toBe(410)
    expect(again.body).toMatchObject({
      code: 'link_used',
      by: member.displayName,
      settled_at: settled.completed_at,
      channel: 'email',
    })
  }
  expect((await page.send(seen.body.nonce)).body.code).toBe('link_used')
  expect((await house.eventTypes()).filter((type) => type === 'task.completed')).toEqual(['task.completed'])
})

test('T110 A23 an answer that does not fit, or one to older content, leaves the link as good as it was', async () => {
  const { house, member, task } = await start({
    response_schema: {
      type: 'object',
      properties: { approve: { type: 'boolean' }, note: { type: 'string', maxLength: 5 } },
      required: ['approve'],
    },
  })
  const [link] = await linksTo(house, task.id, readerOf(member), [YES])
  const page = pageOf(house, link?.token as string)
  const bad = await page.answer({ type: 'respond', response: { approve: 'perhaps', note: 'too long' } })
  expect(bad.status).toBe(422)
  expect(bad.body.code).toBe('response_invalid')
  expect(errorsOf(bad.body).map((one) => one.split(' ')[0])).toEqual(['/response/approve', '/response/note'])
  expect(await rowOf(house, link?.id as string)).toMatchObject({ used_at: null })
  expect((await page.answer({ type: 'respond', response: { approve: false, note: 'fine' } })).status).toBe(200)
  expect(await rowOf(house, link?.id as string)).toMatchObject({ used_at: expect.any(Date) })
})

test('T110 a crash between the decision and its commit leaves neither a decision nor a used link', async () => {
  const { house, member, task } = await start()
  const [link] = await linksTo(house, task.id, readerOf(member), [YES])
  // The last statement before the commit fails: what stood in the transaction is gone with it.
  await house.admin.run`create function fail_links() returns trigger language plpgsql as $$ begin raise exception 'crash'; end $$`
  await house.admin.run`create trigger fail after update on task_links for each row execute function fail_links()`
  const page = pageOf(house, link?.token as string)
  expect((await page.answer()).status).toBe(500)
  expect(await statusOf(house, task.id)).toMatchObject({ status: 'open', decisions: [] })
  await house.admin.run`drop trigger fail on task_links`
  expect((await page.answer()).status).toBe(200)
  expect(await statusOf(house, task.id)).toMatchObject({ status: 'completed' })
})

test('T12 T110 of thirty answers at once by the links of one task one counts, and one link is used', async () => {
  const { house, member, task } = await start()
  const links = await linksTo(
    house,
    task.id,
    readerOf(member),
    Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? YES : NO)),
  )
  const seen = await Promise.all(links.map(({ token }) => pageOf(house, token).look()))
  const answers = await Promise.all(links.map(({ token }, i) => pageOf(house, token).send(seen[i]?.body.nonce)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  for (const { status, body } of answers.filter((one) => one.status !== 200)) {
    expect([409, 410]).toContain(status)
    expect(['task_not_open', 'link_used']).toContain(body.code)
  }
  const { used } = await house.admin.one<{ used: number }>`select count(*)::int as used from task_links where used_at is not null`
  expect(used).toBe(1)
  expect((await house.eventTypes()).filter((type) => type === 'task.completed')).toHaveLength(1)
})

test('T166 a token that is cut, altered, unknown or of another kind, and a nonce that is missing, altered or of another page, change nothing', async () => {
  const { house, member, task } = await start()
  const other = await house.given.task({ assign_to: { user_id: member.id }, task: 'Another one?' })
  const [[link], [elsewhere], [reply]] = await Promise.all([
    linksTo(house, task.id, readerOf(member), [YES]),
    linksTo(house, other.id, readerOf(member), [YES]),
    linksTo(house, task.id, readerOf(member), [{ purpose: 'reply' }]),
  ])
  const token = link?.token as string
  const { nonce } = (await pageOf(house, token).look()).body
  const foreign = (await pageOf(house, elsewhere?.token as string).look()).body.nonce
  const before = await remains(house)
  const swapped = (text: string) => (text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`)
  const nobody = clientOf(house.url)
  for (const bad of [token.slice(0, -1), swapped(token), `${token}x`, 'x', 'ü'.repeat(43), reply?.token as string]) {
    const answer = await nobody.post(ACTION, { token: bad })
    expect([400, 422], `${bad}: ${JSON.stringify(answer.body)}`).toContain(answer.status)
  }
  for (const bad of [foreign, swapped(nonce), nonce.slice(0, -1), '']) {
    const answer = await nobody.post(ACTION, { token, nonce: bad })
    expect([400, 422]).toContain(answer.status)
  }
  const missing = await nobody.post(ACTION, { token, answer: { type: 'respond', response: { approve: true } } })
  expect([missing.status, missing.body.code]).toEqual([400, 'link_invalid'])
  expect(await remains(house)).toEqual(before)
  expect(await rowOf(house, link?.id as string)).toMatchObject({ used_at: null })
  // and the right one works on
  expect((await nobody.post(ACTION, { token, nonce })).status).toBe(200)
})

test('T109 a link is good for seven days at most, never beyond the deadline, and its nonce for two hours', async () => {
  const house = await setup()
  const member = await house.member.person()
  const [short, long] = [
    await house.given.task({ assign_to: { user_id: member.id }, timeout_seconds: 3_600 }),
    await house.given.task({ assign_to: { user_id: member.id }, timeout_seconds: 30 * 86_400 }),
  ]
  const [[hour], [week]] = [
    await linksTo(house, short.id, readerOf(member), [YES]),
    await linksTo(house, long.id, readerOf(member), [YES]),
  ]
  expect(hour?.expiresAt.toISOString()).toBe(short.deadline_at)
  const old = (await pageOf(house, week?.token as string).look()).body.nonce
  await house.clock.advance('3h')
  expect((await pageOf(house, hour?.token as string).look()).body.code).toBe('link_expired')
  expect((await pageOf(house, week?.token as string).send(old)).body.code).toBe('link_invalid')
  expect((await pageOf(house, week?.token as string).look()).status).toBe(200)
  await house.clock.advance('7d')
  const late = await pageOf(house, week?.token as string).look()
  expect([late.status, late.body.code]).toEqual([410, 'link_expired'])
  expect((await statusOf(house, long.id)).status).toBe('open')
})

test('T111 a review link opens a session for its task alone, which ends after an hour of silence; the link opens another', async () => {
  const { house, member, task } = await start({ timeout_seconds: 86_400 })
  const other = await house.given.task({ assign_to: { user_id: member.id }, task: 'Another one?' })
  const [review] = await linksTo(house, task.id, readerOf(member), [{ purpose: 'review' }])
  const token = review?.token as string
  const seen = await pageOf(house, token).look()
  const { session } = seen.body
  expect(seen.body).toMatchObject({ purpose: 'review', choice: null, session: expect.stringMatching(/^[\w-]{43}$/) })
  for (let i = 0; i < 3; i++) {
    await house.clock.advance('50m')
    expect((await pageOf(house, session).look()).body).toMatchObject({ purpose: 'session', session: null })
  }
  // no door but this one
  for (const path of ['/api/v1/tasks', `/api/v1/tasks/${task.id}`, `/api/v1/tasks/${other.id}`, '/api/v1/me']) {
    expect((await clientOf(house.url, { bearer: session }).get(path)).status, path).toBe(401)
    expect((await clientOf(house.url, { bearer: token }).get(path)).status, path).toBe(401)
  }
  await house.clock.advance('61m')
  expect((await pageOf(house, session).look()).body.code).toBe('link_expired')
  const next = await pageOf(house, token).look()
  const answered = await pageOf(house, next.body.session).send(next.body.nonce, { type: 'respond', response: { approve: false } })
  expect(answered.status, JSON.stringify(answered.body)).toBe(200)
  expect((await pageOf(house, token).look()).body).toMatchObject({ code: 'link_used', by: member.displayName })
})

test('T111 T151 a question that needs more than a link is shown by it and answered elsewhere; the link stays good', async () => {
  const { house, member, task } = await start({ risk: 'high' })
  const [review] = await linksTo(house, task.id, readerOf(member), [{ purpose: 'review' }])
  const seen = await pageOf(house, review?.token as string).look()
  const refused = await pageOf(house, seen.body.session).send(seen.body.nonce, { type: 'respond', response: { approve: true } })
  expect([refused.status, refused.body.code]).toEqual([403, 'step_up_required'])
  expect(await statusOf(house, task.id)).toMatchObject({ status: 'open', decisions: [] })
  expect((await pageOf(house, review?.token as string).look()).status).toBe(200)
})

test('T149 links are listed on the task without what opens them, can be taken back, and end with the person’s access', async () => {
  const { house, member, task } = await start()
  const [yes, no] = await linksTo(house, task.id, readerOf(member))
  const listed = await house.alice.get(`/api/v1/tasks/${task.id}/links`)
  expect(listed.status, JSON.stringify(listed.body)).toBe(200)
  expect(listed.body.data.map((one: { label: string; state: string }) => [one.label, one.state])).toEqual(
    expect.arrayContaining([
      ['Yes', 'live'],
      ['No', 'live'],
    ]),
  )
  const spoken = JSON.stringify(listed.body)
  for (const link of [yes, no]) expect(spoken).not.toContain(link?.token)
  expect((await house.stranger.get(`/api/v1/tasks/${task.id}/links`)).status).toBe(404)

  expect((await house.alice.delete(`/api/v1/tasks/${task.id}/links/${yes?.id}`)).status).toBe(204)
  expect((await pageOf(house, yes?.token as string).look()).body.code).toBe('link_revoked')
  expect((await house.eventTypes()).at(-1)).toBe('task.link_revoked')
  expect((await pageOf(house, no?.token as string).look()).status).toBe(200)
  expect((await house.alice.delete(`/api/v1/users/${member.id}`)).status).toBeLessThan(300)
  expect((await pageOf(house, no?.token as string).look()).body.code).toBe('link_revoked')
})

test('T96 somebody who is no user answers by their address, sees this task alone, and becomes no user', async () => {
  const house = await setup()
  const task = await house.given.task({ assign_to: { email: 'Guest@Partner.example' } })
  const guest = { userId: null, email: 'guest@partner.example', displayName: 'Guest@Partner.example', vouched: false }
  const [link] = await linksTo(house, task.id, guest, [YES])
  const answered = await pageOf(house, link?.token as string).answer()
  expect(answered.status, JSON.stringify(answered.body)).toBe(200)
  expect(await statusOf(house, task.id)).toMatchObject({
    status: 'completed',
    completed_by_user_id: null,
    completed_by_email: 'guest@partner.example',
    completed_via_channel: 'email',
  })
  const { n } = await house.admin.one<{
    n: number
  }>`select count(*)::int as n from user_emails where email = 'guest@partner.example'`
  expect(n).toBe(0)
})

test('T149 T150 no token stands in the database, the log or the record; too many tries are told when to come again', async () => {
  const { house, member, task } = await start()
  const links = await linksTo(house, task.id, readerOf(member), [YES, { purpose: 'review' }])
  const session = (await pageOf(house, links[1]?.token as string).look()).body.session as string
  await pageOf(house, links[0]?.token as string).answer()
  const dump = await house.admin.rows<{ text: string }>`
    select t::text as text from task_links t union all select e::text from events e union all select d::text from decisions d
    union all select j::text from countersign_queue.jobs j`
  const everything = [...dump.map(({ text }) => text), ...house.logs].join('\n')
  for (const token of [...links.map((link) => link.token), session]) expect(everything).not.toContain(token)
  const [fresh] = await linksTo(house, (await house.given.task()).id, readerOf(member), [YES])
  // As often as it takes: on a slow machine the bucket fills while it is emptied.
  const refused: Awaited<ReturnType<ReturnType<typeof pageOf>['look']>>[] = []
  for (let round = 0; round < 20 && refused.length === 0; round++) {
    const tries = await Promise.all(Array.from({ length: 40 }, () => pageOf(house, fresh?.token as string).look()))
    refused.push(...tries.filter(({ status }) => status === 429))
  }
  expect(refused.length).toBeGreaterThan(0)
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('T110 T132 A23 while a verifier works the link is held; after its refusal the same link works again, and says why', async () => {
  const { house, member, task } = await start({ verifier_config: { provider: 'agent' } })
  const [link] = await linksTo(house, task.id, readerOf(member), [YES])
  const page = pageOf(house, link?.token as string)
  const first = await page.answer()
  expect(first.status, JSON.stringify(first.body)).toBe(200)
  expect(first.body.task.status).toBe('verifying')
  expect((await page.look()).body).toMatchObject({ state: 'verifying' })
  const held = (await house.alice.get(`/api/v1/tasks/${task.id}/links`)).body.data
  expect(held).toMatchObject([{ state: 'held' }])
  const twice = await page.answer()
  expect([409, 410]).toContain(twice.status)

  const refused = await house.agent.post(`/api/v1/tasks/${task.id}/verification`, { passed: false, reason: 'Say how much.' })
  expect(refused.status, JSON.stringify(refused.body)).toBe(200)
  const again = await page.look()
  expect(again.body).toMatchObject({ state: 'open', task: { status: 'returned', verifier_result: { reason: 'Say how much.' } } })
  expect((await page.answer({ type: 'respond', response: { approve: false } })).status).toBe(200)
  await house.agent.post(`/api/v1/tasks/${task.id}/verification`, { passed: true })
  expect(await statusOf(house, task.id)).toMatchObject({ status: 'completed', response: { approve: false } })
  expect((await page.look()).body).toMatchObject({ code: 'link_used', by: member.displayName })
})

test('T38 T43 T110 a vote by a link uses it while the task waits for others; taken back, the link votes again', async () => {
  const house = await setup()
  const member = await house.member.person()
  const task = await house.given.task({ assign_to: { emails: [member.email, house.alice.email, house.bob.email] }, quorum: 2 })
  const [link] = await linksTo(house, task.id, readerOf(member), [YES])
  const page = pageOf(house, link?.token as string)
  const voted = await page.answer()
  expect(voted.status, JSON.stringify(voted.body)).toBe(200)
  expect(voted.body.task.status).toBe('open')
  expect((await page.look()).body).toMatchObject({ code: 'link_used', by: member.displayName, state: 'open' })
  const [decision] = (await statusOf(house, task.id)).decisions
  expect((await member.delete(`/api/v1/tasks/${task.id}/decisions/${decision.id}`)).status).toBe(204)
  expect((await page.answer()).status).toBe(200)
})

test('T111 from the page of a review link a person claims, gives back, comments and sends back; who may not hears why, and no act goes without its page', async () => {
  const house = await setup()
  const member = await house.member.person()
  const { id } = await house.given.task({ assign_to: { emails: [member.email, house.bob.email] }, timeout_seconds: 86_400 })
  const [review, yes] = await linksTo(house, id, readerOf(member), [{ purpose: 'review' }, YES])
  const nobody = clientOf(house.url)
  const seen = (await pageOf(house, review?.token as string).look()).body
  const act = (given: object, nonce = seen.nonce, token = seen.session) => nobody.post(ACTION, { token, nonce, act: given })
  const claimed = await act({ type: 'claim' })
  expect(claimed.status, JSON.stringify(claimed.body)).toBe(200)
  expect(claimed.body).toMatchObject({ state: 'done', comment: null, task: { id, assigned_to_user_id: member.id } })
  const other = (await linksTo(house, id, readerOf(house.bob), [{ purpose: 'review' }]))[0]
  const theirs = (await pageOf(house, other?.token as string).look()).body
  const late = await act({ type: 'claim' }, theirs.nonce, theirs.session)
  expect([late.status, late.body.code, late.body.by]).toEqual([409, 'task_already_claimed', member.displayName])
  expect((await act({ type: 'release' })).body.task.assigned_to_user_id).toBeNull()
  const said = await act({ type: 'comment', body: 'Which parcel?' })
  expect(said.body.comment).toMatchObject({ body: 'Which parcel?', channel: 'email', author: { id: member.id } })
  expect((await pageOf(house, seen.session).look()).body.comments).toMatchObject([{ body: 'Which parcel?' }])

  // Nothing without the nonce of its own page, both at once, or by a button's link.
  const foreign = (await pageOf(house, yes?.token as string).look()).body
  const before = await remains(house)
  for (const bad of [
    await nobody.post(ACTION, { token: seen.session, act: { type: 'claim' } }),
    await act({ type: 'claim' }, foreign.nonce),
    await act({ type: 'claim' }, foreign.nonce, yes?.token),
    await nobody.post(ACTION, {
      token: seen.session,
      nonce: seen.nonce,
      act: { type: 'claim' },
      answer: { type: 'respond', response: {} },
    }),
  ])
    expect([bad.status, bad.body.code]).toEqual([400, 'link_invalid'])
  for (const bad of [{ type: 'erase' }, { type: 'comment', body: '' }, { type: 'send_back' }])
    expect((await act(bad)).status).toBe(422)
  expect(await remains(house)).toEqual(before)

  const sent = await act({ type: 'send_back', comment: 'Say which parcel.' })
  expect(sent.body.task).toMatchObject({ status: 'revising' })
  expect((await house.agent.get(`/api/v1/tasks/${id}/comments`)).body.data.at(-1)).toMatchObject({
    purpose: 'sent_back',
    body: 'Say which parcel.',
  })
  expect((await house.eventTypes()).filter((type) => /claimed|released|comment_added|sent_back/.test(type))).toEqual([
    ...['task.claimed', 'task.released', 'task.comment_added', 'task.sent_back', 'task.comment_added'],
  ])
})

test('T111 T118 whoever runs the work answers by link what is asked of those who do, without the rights of their role', async () => {
  const house = await setup()
  const { id } = await house.given.task()
  const [link] = await linksTo(house, id, readerOf(house.bob), [YES])
  const answered = await pageOf(house, link?.token as string).answer()
  expect(answered.status, JSON.stringify(answered.body)).toBe(200)
  expect(await statusOf(house, id)).toMatchObject({ status: 'completed', completed_by_user_id: house.bob.id })
  const theirs = await house.given.task({ assign_to: { email: 'guest@partner.example' } })
  const [other] = await linksTo(house, theirs.id, readerOf(house.bob), [YES])
  expect((await pageOf(house, other?.token as string).answer()).body.code).toBe('not_eligible')
})

test('T19 A15 with an agent’s key in hand a person’s link opens nothing, and is as good as it was for its person', async () => {
  const { house, member, task } = await start()
  const [yes] = await linksTo(house, task.id, readerOf(member))
  const token = yes?.token as string
  const { nonce } = (await pageOf(house, token).look()).body
  const shownAs = (key: string): Record<string, string>[] => [
    {},
    { authorization: '', 'x-admin-token': key },
    { authorization: `DPoP ${'A'.repeat(43)}` },
  ]
  for (const caller of [house.agent, await house.given.agent({ name: 'other' })])
    for (const path of [ACTION, ACTION.replace('/v1', '')])
      for (const headers of shownAs(caller.key))
        for (const body of [
          { token },
          { token, nonce },
          { token, nonce, answer: { type: 'respond', response: { approve: true } } },
        ])
          expect((await caller.post(path, body, headers)).body).toMatchObject({ status: 403, code: 'agent_may_not_decide' })
  expect(await statusOf(house, task.id)).toMatchObject({ status: 'open', decisions: [] })
  expect((await pageOf(house, token).send(nonce)).status).toBe(200)
})
