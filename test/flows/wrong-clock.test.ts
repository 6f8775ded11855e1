// A server whose clock is wrong by ten minutes, either way, beside one whose clock is right (§11.2): deadlines, tokens and proofs of presence go by the database's clock.
import { expect, test } from 'vitest'
import { clientOf, type House, setup } from '#harness'
import { newProver } from '../../packages/server/src/identity/testing/prover.ts'
import { ACTION, linksTo, readerOf, YES } from '../../packages/server/src/tasks/links/links.fixture.ts'
import { answer, elsewhere, REFUND } from '../../packages/server/src/tasks/tasks.fixture.ts'

const TEN_MINUTES = 600_000
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const FUTURE = (house: House, seconds: number) => new Date(house.clock.now().getTime() + seconds * 1_000).toISOString()

for (const [name, aheadMs] of [
  ['fast', TEN_MINUTES],
  ['slow', -TEN_MINUTES],
] as const) {
  test(`T167 T35 deadlines by the clock of the database at a server whose own is ten minutes ${name}`, async () => {
    const house = await setup()
    const wrong = await house.second({ aheadMs })
    const agent = clientOf(wrong.url, { bearer: house.agent.key })
    const alice = elsewhere(house.alice, wrong)
    // What lies five minutes ahead has not passed, and what lies five minutes back has.
    const made = await agent.post('/api/v1/tasks', { ...REFUND, timeout_seconds: undefined, deadline_at: FUTURE(house, 300) })
    expect([made.status, Math.abs(Date.parse(made.body.deadline_at) - house.clock.now().getTime() - 300_000) < 60_000]).toEqual([
      201,
      true,
    ])
    const past = { ...REFUND, timeout_seconds: undefined, deadline_at: FUTURE(house, -300) }
    expect((await agent.post('/api/v1/tasks', past)).status).toBe(422)
    const seconds = (await agent.post('/api/v1/tasks', { ...REFUND, timeout_seconds: 300 })).body
    expect(Date.parse(seconds.deadline_at) - Date.parse(seconds.created_at)).toBe(300_000)
    expect(Math.abs(Date.parse(seconds.created_at) - house.clock.now().getTime())).toBeLessThan(60_000)

    await house.runJobs()
    expect((await alice.get(at(made.body.id))).body.status).toBe('open')
    // By the wrong clock it is long over, or long not; what counts is that it is now.
    await house.clock.advance('4m')
    expect((await alice.post(at(seconds.id, 'decide'), answer())).status).toBe(200)
    await house.clock.advance('2m')
    expect((await alice.post(at(made.body.id, 'decide'), answer())).body).toMatchObject({ code: 'task_not_open' })
    await house.runJobs()
    const ended = (await alice.get(at(made.body.id))).body
    expect(ended.status).toBe('timed_out')
    expect(Math.abs(Date.parse(ended.timed_out_at) - house.clock.now().getTime())).toBeLessThan(60_000)
  })

  test(`T167 T149 tokens of links, embeds, keys and sessions last by the clock of the database at a server whose own is ten minutes ${name}`, async () => {
    const house = await setup()
    const wrong = await house.second({ aheadMs })
    const member = await house.member.person()
    const task = await house.given.task({ assign_to: { user_id: member.id }, timeout_seconds: 480 })
    const [link] = await linksTo(house, task.id, readerOf(member), [YES])
    const token = link?.token as string
    // Seen at one, answered at the other: what proves that its page was open is good at both.
    const seen = await clientOf(wrong.url).post(ACTION, { token })
    expect(seen.status, JSON.stringify(seen.body)).toBe(200)
    await house.alice.post('/api/v1/embed/origins', { origin: 'https://app.example.com' })
    const minted = await clientOf(wrong.url, { bearer: house.agent.key }).post('/api/v1/embed/tokens', {
      ...{ task_id: task.id, parent_origin: 'https://app.example.com', ttl_seconds: 300 },
    })
    const visitors = [house.url, wrong.url].map((url) => clientOf(url, { bearer: minted.body.embed_token }))
    const short = await house.given.key({ kind: 'usr', scopes: ['tasks:*'], expires_in_seconds: 3_600 })
    const keyed = clientOf(wrong.url, { bearer: short.secret })
    const all = async () => [
      ...(await Promise.all(visitors.map(async (visitor) => (await visitor.get(at(task.id))).status))),
      (await keyed.get(at(task.id))).status,
      (await elsewhere(house.alice, wrong).get('/api/v1/me')).status,
    ]
    expect(await all()).toEqual([200, 200, 200, 200])
    await house.clock.advance('4m')
    expect(await all()).toEqual([200, 200, 200, 200])
    expect((await clientOf(wrong.url).post(ACTION, { token, nonce: seen.body.nonce })).status).toBe(200)
    await house.clock.advance('2m')
    expect(await all()).toEqual([401, 401, 200, 200])
    await house.clock.advance('55m')
    expect((await keyed.get(at(task.id))).status).toBe(401)
  })

  test(`T167 T151 a proof of presence is fresh for ten minutes of the database at a server whose own clock is ten minutes ${name}`, async () => {
    const house = await setup()
    const wrong = await house.second({ aheadMs })
    const alice = elsewhere(house.alice, wrong)
    const [first, second] = [
      await house.given.task({ ...REFUND, risk: 'high' }),
      await house.given.task({ ...REFUND, risk: 'high' }),
    ]
    await house.admin.run`update sessions set step_up_at = countersign.now() where user_id = ${house.alice.id}`
    await house.clock.advance('9m')
    expect((await alice.get(at(first.id))).body.needs_proof).toBeNull()
    const done = await alice.post(at(first.id, 'decide'), answer())
    expect([done.status, done.body.decisions?.[0]?.assurance]).toEqual([200, 'step_up'])
    const [event] = (await house.alice.get('/api/v1/events?type=task.completed')).body.data
    expect(event.actor.assurance).toBe('step_up')
    await house.clock.advance('2m')
    expect((await alice.get(at(second.id))).body.needs_proof).toBe('step_up')
    expect((await alice.post(at(second.id, 'decide'), answer())).body).toMatchObject({
      code: 'step_up_required',
      have: 'session',
    })
    const calm = await house.given.task(REFUND)
    expect((await alice.post(at(calm.id, 'decide'), answer())).status).toBe(200)
    const [later] = (await house.alice.get('/api/v1/events?type=task.completed')).body.data
    expect([later.resource.id, later.actor.assurance]).toEqual([calm.id, 'session'])
  })

  test(`V22 V134 §10.2 clock moved ± 10 min (${name}): runs and proofs go by the clock of the database, and whoever is refused for the time is told it`, async () => {
    const house = await setup()
    const wrong = await house.second({ aheadMs })
    const at = (url: string) => clientOf(url, { bearer: house.agent.key })
    const { run, token } = (await at(wrong.url).post('/api/v1/runs', { purpose: 'nightly', ttl_seconds: 300 })).body
    expect(Date.parse(run.expires_at) - Date.parse(run.created_at)).toBe(300_000)
    expect(Math.abs(Date.parse(run.created_at) - house.clock.now().getTime())).toBeLessThan(60_000)
    const own = async () =>
      Promise.all(
        [house.url, wrong.url].map(async (url) => (await clientOf(url, { bearer: token }).get('/api/v1/runs/self')).status),
      )
    expect(await own()).toEqual([200, 200])
    await house.clock.advance('4m')
    expect(await own()).toEqual([200, 200])
    await house.clock.advance('2m')
    expect(await own()).toEqual([409, 409])

    // A proof of now counts, also where the server believes another time; one of a machine that is ten minutes off does not, and hears what time it is.
    const prover = await newProver()
    await house.given.key({ kind: 'agt', agent_id: house.agent.id, public_key: prover.jwk })
    const self = '/api/v1/agents/self'
    const show = async (url: string, now: Date) => {
      const headers = await prover.headers({ method: 'GET', url: `${url}${self}`, at: now })
      const answer = await clientOf(url).raw(self, { headers })
      return { status: answer.status, date: Date.parse(answer.headers.get('date') ?? ''), body: await answer.json() }
    }
    for (const url of [house.url, wrong.url]) {
      const now = house.clock.now()
      expect((await show(url, now)).status).toBe(200)
      const refused = await show(url, new Date(now.getTime() + aheadMs))
      expect([refused.status, refused.body]).toMatchObject([401, { code: 'proof_invalid' }])
      expect(Math.abs(refused.date - house.clock.now().getTime())).toBeLessThan(60_000)
    }
  })
}
