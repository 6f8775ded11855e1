// Agents that register themselves: nothing until a person claims them, and then an agent like any other.
import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { newProver, type Prover } from '../testing/prover.ts'
import { sweepRegistrations } from './registration.ts'

const SELF = '/api/v1/agents/self'
const REGISTER = '/api/v1/agents/register'

const register = (house: House, prover: Prover, more: Record<string, unknown> = {}, headers?: Record<string, string>) =>
  house.nobody.post(REGISTER, { public_key: prover.jwk, handle: 'nightly', ...more }, headers)

/** As the program itself: with its key pair and nothing else. */
async function call(house: House, prover: Prover, path = SELF, body?: string) {
  const method = body === undefined ? 'GET' : 'POST'
  const headers = await prover.headers({ method, url: `${house.url}${path}`, body, at: house.clock.now() })
  const answer = await house.nobody.raw(path, { method, body: body ?? null, headers })
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

const tokenOf = (url: string): string => new URL(url).hash.slice('#token='.length)
const claim = (by: Client, { agent_id, claim_url }: { agent_id: string; claim_url: string }, more: object = {}) =>
  by.post(`/api/v1/agents/${agent_id}/claim`, { token: tokenOf(claim_url), ...more })

test('V137 a program registers, has no right, is told where to be claimed, and is an agent once a person has claimed it', async () => {
  const house = await setup()
  const prover = await newProver()

  const made = await register(house, prover)
  expect(made.status).toBe(201)
  expect(made.body).toMatchObject({ state: 'unclaimed', key_id: prover.thumbprint, words: Array(6).fill(expect.any(String)) })
  // 256 bits, where no request line carries them.
  expect(made.body.claim_url).toMatch(new RegExp(`^${house.url}/claim/${made.body.agent_id}#token=[A-Za-z0-9_-]{43}$`))
  for (const path of [SELF, '/api/v1/tasks', '/api/v1/runs', '/api/v1/agents']) {
    const refused = await call(house, prover, path)
    expect([path, refused.status, refused.body.code]).toEqual([path, 403, 'unclaimed_agent'])
    expect(refused.body.claim_url).toBe(made.body.claim_url)
  }
  const opened = await call(house, prover, '/api/v1/runs', '{"purpose":"x"}')
  expect([opened.status, opened.body.code, opened.body.claim_url]).toEqual([403, 'unclaimed_agent', made.body.claim_url])

  const view = await house.alice.post(`/api/v1/agents/${made.body.agent_id}/registration`, {
    token: tokenOf(made.body.claim_url),
  })
  expect([view.status, view.body]).toMatchObject([
    200,
    { handle: 'nightly', words: made.body.words, address: '127.0.0.1', proven: true, thumbprint: prover.thumbprint },
  ])
  const claimed = await claim(house.alice, made.body)
  expect([claimed.status, claimed.body]).toMatchObject([
    200,
    { id: made.body.agent_id, name: 'nightly', state: 'active', owner_user_id: house.alice.id },
  ])
  const self = await call(house, prover)
  expect([self.status, self.body.agent.id, self.body.key.thumbprint]).toEqual([200, made.body.agent_id, prover.thumbprint])
  expect((await call(house, prover, '/api/v1/runs', '{"purpose":"x"}')).body.run.proof).toBe('dpop')
  expect((await house.eventTypes()).slice(0, 4)).toEqual([
    'agent.registered',
    'agent.key_changed',
    'key.created',
    'agent.claimed',
  ])
  const texts = await house.admin.rows<{ body: string }>`select body from events`
  expect(texts.filter(({ body }) => body.includes(tokenOf(made.body.claim_url)))).toEqual([])
})

test('V137 a link works once, for ten minutes, for its own agent, and every way in which it does not looks alike', async () => {
  const house = await setup()
  const [one, two] = [await newProver(), await newProver()]
  const [first, second] = [(await register(house, one)).body, (await register(house, two)).body]

  const wrong = await claim(house.alice, { agent_id: first.agent_id, claim_url: second.claim_url })
  const unknown = await claim(house.alice, { ...first, agent_id: house.agent.id })
  const junk = await house.alice.post(`/api/v1/agents/${first.agent_id}/claim`, { token: 'x' })
  for (const { status, body } of [wrong, unknown, junk]) expect([status, body.code]).toEqual([410, 'claim_expired'])
  // Two people, or one who clicks twice.
  const answers = await Promise.all([claim(house.alice, first), claim(house.bob, first), claim(house.alice, first)])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410])
  await house.clock.advance('10m')
  expect((await claim(house.alice, second)).body.code).toBe('claim_expired')
  // Its next call is told a new link.
  const told = (await call(house, two)).body
  expect([told.code, told.claim_url === second.claim_url]).toEqual(['unclaimed_agent', false])
  expect((await claim(house.bob, told)).status).toBe(200)
})

test('V137 a rejected program stays without rights; registering again begins anew', async () => {
  const house = await setup()
  const prover = await newProver()
  const first = (await register(house, prover)).body

  const rejected = await house.bob.post(`/api/v1/agents/${first.agent_id}/reject`, { token: tokenOf(first.claim_url) })
  expect([rejected.status, rejected.body.state]).toEqual([200, 'rejected'])
  expect((await call(house, prover)).body.code).toBe('key_invalid')
  expect((await claim(house.alice, first)).body.code).toBe('claim_expired')
  const again = (await register(house, prover)).body
  expect(again.agent_id).not.toBe(first.agent_id)
  expect((await house.eventTypes()).filter((type) => type.startsWith('agent.'))).toEqual([
    'agent.registered',
    'agent.rejected',
    'agent.registered',
  ])
})

test('V137 registering is idempotent per key, throttled per address, and tells nothing of other handles', async () => {
  const house = await setup()
  const prover = await newProver()
  const first = (await register(house, prover, { handle: 'refund-bot' })).body
  const again = (await register(house, prover, { handle: 'refund-bot' })).body
  const taken = (await register(house, await newProver(), { handle: 'refund-bot' })).body
  const free = (await register(house, await newProver(), { handle: 'nobody-has-this' })).body

  expect(again).toEqual(first)
  expect(Object.keys(taken)).toEqual(Object.keys(free))
  expect([taken.state, free.state]).toEqual(['unclaimed', 'unclaimed'])
  expect(await house.admin.rows`select from agent_registrations`).toHaveLength(3)
  const statuses = []
  for (let i = 0; i < 20; i++) statuses.push((await register(house, prover)).status)
  expect([statuses[15], statuses.at(-1)]).toEqual([201, 429])
  // What somebody else holds is refused, and not whose it is.
  await house.clock.advance('6m')
  const own = await newProver()
  await house.given.key({ kind: 'agt', agent_id: house.agent.id, public_key: own.jwk })
  const mine = await register(house, own)
  expect([mine.status, mine.body.code, JSON.stringify(mine.body).includes('agt_')]).toEqual([409, 'key_in_use', false])
})

test('V137 once the key was proven, whoever merely knows its public half hears of no link', async () => {
  const house = await setup()
  const prover = await newProver()
  const body = JSON.stringify({ public_key: prover.jwk, handle: 'nightly' })
  const proof = async (own: object = {}) =>
    (await prover.headers({ method: 'POST', url: `${house.url}${REGISTER}`, credential: null, at: house.clock.now(), ...own }))
      .dpop

  const made = await house.nobody.post(REGISTER, body, { dpop: (await proof()) as string })
  expect(made.status).toBe(201)
  expect((await house.nobody.post(REGISTER, body)).body.code).toBe('key_in_use')
  expect((await house.nobody.post(REGISTER, body, { dpop: (await proof()) as string })).body.claim_url).toBe(made.body.claim_url)
  const bad = [await proof({ claims: { htm: 'GET' } }), await proof({ at: new Date(house.clock.now().getTime() - 90_000) })]
  for (const dpop of [...bad, 'x'])
    expect((await house.nobody.post(REGISTER, body, { dpop: dpop as string })).body.code).toBe('proof_invalid')
  const other = await newProver()
  const theirs = (
    await other.headers({ method: 'POST', url: `${house.url}${REGISTER}`, credential: null, at: house.clock.now() })
  ).dpop
  expect((await house.nobody.post(REGISTER, body, { dpop: theirs as string })).body.code).toBe('proof_invalid')
})

test('V137 V139 only a person who may make agents claims one; no agent, no key of the tenant, nobody below', async () => {
  const house = await setup()
  const made = (await register(house, await newProver())).body
  const viewer = await claim(house.viewer, made)
  const agent = await claim(house.agent, made)
  const adm = await house.given.key({ kind: 'adm', scopes: ['agents:*'] })
  const tenantKey = await house.nobody.post(
    `/api/v1/agents/${made.agent_id}/claim`,
    { token: tokenOf(made.claim_url) },
    { authorization: `Bearer ${adm.secret}` },
  )
  expect([viewer.status, agent.status, tenantKey.status]).toEqual([403, 403, 403])
  expect((await claim(house.nobody, made)).status).toBe(401)
  // A personal key gives no agent more than it has itself.
  const narrow = await house.given.key({ kind: 'usr', scopes: ['agents:create'] })
  const body = { token: tokenOf(made.claim_url) }
  const wide = await house.nobody.post(`/api/v1/agents/${made.agent_id}/claim`, body, {
    authorization: `Bearer ${narrow.secret}`,
  })
  expect([wide.status, wide.body.code]).toEqual([403, 'scope_too_wide'])
  const member = await house.member.person()
  expect((await claim(member, made, { owner: house.alice.id })).status).toBe(403)
  expect((await claim(member, made, { owner: 'usr_01J9Z3K4M5N6P7Q8R9S0T1V2W6' })).status).toBe(403)
  expect((await claim(house.alice, made, { owner: 'usr_01J9Z3K4M5N6P7Q8R9S0T1V2W6' })).body.errors[0].path).toBe('/owner')
  const given = await claim(house.alice, made, { owner: member.id })
  expect([given.status, given.body.owner_user_id]).toEqual([200, member.id])
})

test('V137 bad registrations: each fault has its place, and nothing is stored', async () => {
  const house = await setup()
  const { jwk } = await newProver()
  const bodies: [unknown, string][] = [
    [{ handle: 'x' }, '/public_key'],
    [{ public_key: jwk }, '/handle'],
    [{ public_key: jwk, handle: '' }, '/handle'],
    [{ public_key: jwk, handle: 'x'.repeat(101) }, '/handle'],
    [{ public_key: { ...jwk, d: 'x' }, handle: 'x' }, '/public_key'],
    [{ public_key: 'did:key:z6Mk', handle: 'x' }, '/public_key'],
    [{ public_key: jwk, handle: 'x', state: 'active' }, '/state'],
  ]
  for (const [body, path] of bodies) {
    const refused = await house.nobody.post(REGISTER, body)
    expect([path, refused.status, refused.body.errors?.map((one: { path: string }) => one.path)]).toEqual([path, 422, [path]])
  }
  expect(await house.admin.rows`select from agent_registrations`).toEqual([])
})

test('V137 who has not called for a week has to register again', async () => {
  const house = await setup()
  const [quiet, busy] = [await newProver(), await newProver()]
  await register(house, quiet)
  await register(house, busy)
  await house.clock.advance('100h')
  await call(house, busy)
  await house.clock.advance('69h')

  expect(await tx(house.db, systemScope('proofs'), sweepRegistrations)).toBe(1)
  expect([(await call(house, quiet)).body.code, (await call(house, busy)).body.code]).toEqual(['key_invalid', 'unclaimed_agent'])
})
