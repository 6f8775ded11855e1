// Commands that ask to be signed in: nothing until a person who has just proven themselves approves the code, and then a key of that person's own.
import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { sweepSignIns } from './sign-in.ts'

const ASK = '/api/v1/cli/sign-ins'
const ask = async (house: House, client = 'olga@laptop') => (await house.nobody.post(ASK, { client })).body
const fetched = (house: House, { secret }: { secret: string }) => house.nobody.post(`${ASK}/fetch`, { secret })
const answer = (by: Client, how: 'look' | 'approve' | 'refuse', code: string) => by.post(`${ASK}/${how}`, { code })
const hoursUntil = (house: House, time: string): number =>
  Math.round((Date.parse(time) - house.clock.now().getTime()) / 3_600_000)

test('V34 login: a command waits until a person approves its code, and then acts as that person until a session would end', async () => {
  const house = await setup()
  const asked = await ask(house)
  expect(asked).toMatchObject({
    code: expect.stringMatching(/^[B-Z2-6]{4}-[B-Z2-6]{4}$/),
    secret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    verification_url: `${house.url}/cli`,
    verification_url_complete: `${house.url}/cli#${asked.code}`,
    interval: 3,
  })
  expect((await fetched(house, asked)).body).toEqual({ state: 'waiting', key: null })

  // As people type it.
  const look = await answer(house.alice, 'look', asked.code.replace('-', ' ').toLowerCase())
  expect([look.status, look.body]).toMatchObject([
    200,
    { client: 'olga@laptop', address: '127.0.0.1', same_address: true, tenant_name: expect.any(String) },
  ])
  const fortnight = 14 * 24
  expect(hoursUntil(house, look.body.session_ends_at)).toBe(fortnight)
  expect((await answer(house.alice, 'approve', asked.code)).status).toBe(200)

  const { body } = await fetched(house, asked)
  expect(body).toMatchObject({
    state: 'approved',
    key: { kind: 'usr', name: 'countersign on olga@laptop', created_by: house.alice.id },
  })
  expect(hoursUntil(house, body.key.expires_at)).toBe(fortnight)
  const own = { authorization: `Bearer ${body.key.secret}` }
  expect((await house.nobody.get('/api/v1/principal', own)).body).toMatchObject({ type: 'user', id: house.alice.id })
  // On the page of the person's keys, where it can be revoked; the command does so itself, too.
  const listed = (await house.alice.get('/api/v1/keys?kind=usr')).body.data.map((one: { id: string }) => one.id)
  expect(listed).toContain(body.key.id)
  expect((await house.nobody.post(`/api/v1/keys/${body.key.id}/revoke`, {}, own)).status).toBeLessThan(300)
  expect((await house.nobody.get('/api/v1/principal', own)).status).toBe(401)

  expect((await house.eventTypes()).slice(-3)).toEqual(['cli.approved', 'key.created', 'key.revoked'])
  const kept = await house.admin.rows<{ body: string }>`select body from events`
  for (const word of [asked.code, asked.secret, body.key.secret, 'olga@laptop'])
    expect(kept.filter((one) => one.body.includes(word))).toEqual([])
})

test('V34 login: a code works once, for ten minutes, for one answer, and every way in which it does not looks alike', async () => {
  const house = await setup()
  const [first, second, third] = [await ask(house), await ask(house), await ask(house)]

  const answers = await Promise.all([
    ...[house.alice, house.bob, house.alice].map((by) => answer(by, 'approve', first.code)),
    answer(house.bob, 'refuse', first.code),
  ])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410])
  // The answer is given to one of two that ask for it at once.
  const both = await Promise.all([fetched(house, first), fetched(house, first)])
  expect(both.map(({ status }) => status).sort()).toEqual([200, 410])

  expect((await answer(house.alice, 'refuse', second.code)).status).toBe(200)
  expect((await fetched(house, second)).body).toEqual({ state: 'refused', key: null })
  await house.clock.advance('10m')
  const olga = await house.given.user({ role: 'owner' })
  const wrong = [
    ...(await Promise.all((['look', 'approve', 'refuse'] as const).map((how) => answer(olga, how, third.code)))),
    await answer(olga, 'look', first.code),
    await answer(olga, 'approve', 'BBBB-BBBB'),
    await answer(olga, 'look', '\u2160\u2160'),
    await fetched(house, first),
    await fetched(house, second),
    await fetched(house, third),
    await fetched(house, { secret: third.code }),
  ]
  const { request_id: _, instance: __, ...said } = wrong[0]?.body ?? {}
  for (const { status, body } of wrong) expect([status, body]).toMatchObject([410, said])
  await tx(house.db, systemScope('test'), sweepSignIns)
  expect(await house.admin.rows`select from cli_sign_ins`).toEqual([])
})

test('V34 login: whoever approves has just proven that they are there, may make keys, and is a person in a browser', async () => {
  const house = await setup()
  const asked = await ask(house)
  const key = await house.given.key({ kind: 'usr', scopes: ['keys:*'] })
  const byKey = await house.nobody.post(`${ASK}/approve`, { code: asked.code }, { authorization: `Bearer ${key.secret}` })
  expect([byKey.status, byKey.body.code]).toEqual([403, 'forbidden'])
  expect((await answer(house.nobody, 'approve', asked.code)).status).toBe(401)
  const rita = await house.given.user({ role: 'reviewer' })
  expect((await answer(rita, 'approve', asked.code)).body.code).toBe('forbidden')
  await house.clock.advance('9m')
  const late = await ask(house)
  await house.clock.advance('2m')
  expect((await answer(house.alice, 'approve', late.code)).body.code).toBe('step_up_required')
  expect((await fetched(house, late)).body.state).toBe('waiting')
})

test('V34 login: the key reaches no further than its person, and nobody is signed in who lost their place meanwhile', async () => {
  const house = await setup()
  const mia = await house.given.user({ role: 'member' })
  const [one, two] = [await ask(house), await ask(house)]
  for (const { code } of [one, two]) expect((await answer(mia, 'approve', code)).status).toBe(200)
  const { key } = (await fetched(house, one)).body
  expect(key.scopes).toEqual(expect.arrayContaining(['tasks:*', 'agents:*', 'keys:*']))
  expect(key.scopes).not.toContain('tasks:decide_for')
  expect((await house.nobody.get('/api/v1/events', { authorization: `Bearer ${key.secret}` })).status).toBe(403)

  await house.alice.patch(`/api/v1/users/${mia.id}`, { state: 'deactivated' })
  expect((await fetched(house, two)).body.code).toBe('link_expired')
  expect((await house.nobody.get('/api/v1/tasks', { authorization: `Bearer ${key.secret}` })).status).toBe(403)
})

test('V34 login: asking and guessing are counted', async () => {
  const house = await setup()
  const asked = []
  for (let i = 0; i < 21; i++) asked.push((await house.nobody.post(ASK, { client: 'x' })).status)
  expect(asked.filter((status) => status === 429)).toHaveLength(1)
  const guesses = []
  for (let i = 0; i < 21; i++)
    guesses.push((await answer(house.alice, 'approve', `BBBB-BBB${'BCDFGHJKMNPQRSTVWXZ23456'[i]}`)).status)
  expect(guesses.at(-1)).toBe(429)
})
