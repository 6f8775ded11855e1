import { expect, test } from 'vitest'
import { canary, formsOf, openVault, tablesAsText } from '../testing/vault.ts'

const at = '/api/v1/connections/compare'
const ask = (...items: [string, Record<string, string>][]) => ({
  items: items.map(([connection_id, fields]) => ({ connection_id, fields })),
})

test('V125 a value that somebody holds matches what is stored or does not; what is stored, and what was sent, stands nowhere', async () => {
  const { house, connect } = await openVault()
  const [one, pair] = [await connect(), await connect({ name: 'pair', material: { api_key: canary(), other: 'second-value' } })]
  const wrong = canary()
  const { status, body } = await house.alice.post(
    at,
    ask(
      [one.id, { api_key: one.value }],
      [one.id, { api_key: ` ${one.value}\n` }],
      [one.id, { api_key: wrong }],
      [one.id, { api_key: one.value, none: 'x' }],
      [pair.id, { other: 'second-value' }],
    ),
  )
  expect([status, body.data.map(({ state }: { state: string }) => state)]).toEqual([
    200,
    ['match', 'match', 'different', 'different', 'match'],
  ])
  const text = `${JSON.stringify(body)}${house.logs.join('')}${await tablesAsText(house)}`
  for (const value of [one.value, wrong]) for (const form of formsOf(value)) expect(text).not.toContain(form)
})

test('V11 V12 only people compare, what they may change; what is another’s is missing, like what never was', async () => {
  const { house, connect } = await openVault()
  const one = await connect()
  const stateFor = async (who: typeof house.alice) =>
    (await who.post(at, ask([one.id, { api_key: one.value }]))).body.data?.[0]?.state
  expect(await stateFor(await house.stranger.person())).toBe('missing')
  expect(await stateFor(await house.member.person())).toBe('missing')
  expect((await house.agent.post(at, ask([one.id, { api_key: one.value }]))).status).toBe(403)
  expect((await house.auditor.post(at, ask([one.id, { api_key: one.value }]))).status).toBe(403)
  const admin = await house.given.key({ kind: 'adm', scopes: ['connections:*'] })
  const headers = { authorization: `Bearer ${admin.secret}` }
  expect((await house.nobody.post(at, ask([one.id, { api_key: one.value }]), headers)).status).toBe(403)
})

test('V125 guesses run out: so many values an hour, and no more', async () => {
  const { house, connect } = await openVault({ settings: { LIMITS: 'vault.compare=5/1h+5' } })
  const one = await connect()
  const guess = (n: number) =>
    house.alice.post(
      at,
      ask(...Array.from({ length: n }, () => [one.id, { api_key: canary() }] as [string, Record<string, string>])),
    )
  expect((await guess(5)).status).toBe(200)
  expect((await guess(1)).body.code).toBe('rate_limited')
})
