import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { verifyDocument } from '../../crypto/card-signature.ts'
import { republishAll } from './publish.ts'
import { leastCard, wholeCard } from './testing/cards.ts'

const DAY = 86_400_000

type Wire = { version: number; url: string; signatures: { protected: string }[] } & Record<string, unknown>
const read = async (house: House, slug: string, version?: number) => {
  const answer = await fetch(`${house.url}/api/v1/agents/${slug}/card${version === undefined ? '' : `?version=${version}`}`)
  return { etag: answer.headers.get('etag'), wire: (await answer.json()) as Wire }
}
const keySet = async (house: House, slug: string) =>
  (await (await fetch(`${house.url}/agents/${slug}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
const rotate = async (house: House, body: object = {}) => {
  const answer = await house.alice.post('/api/v1/relay/keys/rotate', body)
  expect(answer.status).toBe(202)
  return answer.body as { job_id: string; kid: string; retiring: string[]; retires_at: string | null }
}
/** A session of now: it proved its presence when it began. */
const published = async (settings: Record<string, string> = {}) => {
  const house = await setup({ settings })
  for (const card of [leastCard('one-a'), wholeCard('two-b')]) await house.alice.post('/api/v1/cards', card)
  return house
}

test('R15 §12.24 for thirty days a card bears the signatures of both keys, then of the new one alone', async () => {
  const house = await published()
  const before = await read(house, 'one-a')
  const [older] = (await keySet(house, 'one-a')).keys
  const rotation = await rotate(house)
  expect(rotation.retiring).toEqual([older?.kid])
  expect((await rotate(house)).kid).toBe(rotation.kid)
  await house.runJobs()
  for (const slug of ['one-a', 'two-b']) {
    const { wire } = await read(house, slug)
    const set = await keySet(house, slug)
    expect(wire.signatures).toHaveLength(2)
    expect(set.keys.map((key) => key.kid)).toEqual([rotation.kid, older?.kid])
    for (const key of set.keys) expect(verifyDocument(wire, { keys: [key] })).toEqual({ ok: true, kid: key.kid })
  }
  const during = await read(house, 'one-a')
  expect(during.wire.version).toBe(before.wire.version)
  expect(during.etag).not.toBe(before.etag)

  house.clock.advance(30 * DAY)
  expect((await keySet(house, 'one-a')).keys.map((key) => key.kid)).toEqual([rotation.kid])
  await house.runJobs()
  const { wire } = await read(house, 'one-a')
  expect(wire.signatures).toHaveLength(1)
  expect(verifyDocument(wire, await keySet(house, 'one-a'))).toEqual({ ok: true, kid: rotation.kid })
  const gone = await house.admin.one<{ state: string; private_key: Buffer | null }>`
    select state, private_key from card_keys where kid = ${older?.kid ?? ''}`
  expect(gone).toEqual({ state: 'retired', private_key: null })
  expect((await house.eventTypes()).filter((type) => type === 'card_key.rotated')).toHaveLength(1)
})

test('R15 a compromised key leaves at once, together with its signatures; bytes, ETag and version change', async () => {
  const house = await published()
  const before = await read(house, 'one-a')
  const [lost] = (await keySet(house, 'one-a')).keys
  const { kid, retiring } = await rotate(house, { compromised: true })
  expect(retiring).toEqual([])
  expect((await keySet(house, 'one-a')).keys.map((key) => key.kid)).toEqual([kid])
  for (const slug of ['one-a', 'two-b'])
    for (const { wire } of [await read(house, slug), await read(house, slug, 1)]) {
      expect(verifyDocument(wire, await keySet(house, slug))).toEqual({ ok: true, kid })
      expect(wire.signatures).toHaveLength(1)
      expect(verifyDocument(wire, { keys: [lost as { kid: string }] })).toEqual({ ok: false, reason: 'unknown_key' })
    }
  const after = await read(house, 'one-a')
  expect(after.wire.version).toBe(before.wire.version + 1)
  expect(after.etag).not.toBe(before.etag)
  await house.runJobs()
  expect((await read(house, 'one-a')).etag).toBe(after.etag)
})

test('R14 EdDSA by setting', async () => {
  const house = await published({ RELAY_CARD_ALGORITHM: 'EdDSA' })
  const set = await keySet(house, 'two-b')
  expect(set.keys).toMatchObject([{ alg: 'EdDSA', kty: 'OKP', crv: 'Ed25519' }])
  expect(verifyDocument((await read(house, 'two-b')).wire, set)).toMatchObject({ ok: true })
})

test('R15 only owners and admins rotate, with a proof of presence', async () => {
  const house = await published()
  expect((await house.operator.post('/api/v1/relay/keys/rotate', {})).status).toBe(403)
  expect((await house.agent.post('/api/v1/relay/keys/rotate', {})).status).toBe(403)
  house.clock.advance(3_600_000)
  expect(await house.alice.post('/api/v1/relay/keys/rotate', {})).toMatchObject({
    status: 403,
    body: { code: 'step_up_required' },
  })
})

test('R17 where the public address changed, cards are re-signed before anything is served, and old signatures no longer verify', async () => {
  const house = await published()
  const before = await read(house, 'two-b')
  const set = await keySet(house, 'two-b')
  await house.second({ settings: { PUBLIC_URL: 'https://relay.example' } })
  const { wire: after } = await read(house, 'two-b')
  expect(after.url).toBe('https://relay.example/agents/two-b/')
  expect(JSON.stringify(after)).not.toContain(house.url)
  expect(after.version).toBe(before.wire.version)
  expect(verifyDocument(after, set)).toMatchObject({ ok: true })
  expect(verifyDocument({ ...after, signatures: before.wire.signatures }, set)).toEqual({ ok: false, reason: 'mismatch' })
})

test('R17 a start that changes nothing signs nothing, and of two processes that start at once one signs', async () => {
  const house = await published()
  const cards = { db: house.db, keyring: house.keyring, cardAlgorithm: 'ES256' as const }
  expect(await republishAll({ ...cards, origin: () => house.url })).toBe(0)
  const moved = { ...cards, origin: () => 'https://relay.example' }
  const [one, other] = await Promise.all([republishAll(moved), republishAll(moved)])
  expect(one + other).toBe(2)
  expect(await republishAll(moved)).toBe(0)
})

test('R15 R30 cards that are saved while a key is given up bear no signature of it', async () => {
  const house = await published()
  const [lost] = (await keySet(house, 'one-a')).keys
  const cards = (await house.alice.get('/api/v1/cards')).body.data as { id: string; slug: string; etag: string }[]
  const saves = cards.map(({ id, etag }) => house.alice.patch(`/api/v1/cards/${id}`, { summary: 'Other.' }, { 'if-match': etag }))
  const [rotation] = await Promise.all([
    rotate(house, { compromised: true }),
    house.alice.post('/api/v1/cards', leastCard('three-c')),
    ...saves,
  ])
  await house.runJobs()
  for (const slug of ['one-a', 'two-b', 'three-c']) {
    const { wire } = await read(house, slug)
    expect(verifyDocument(wire, await keySet(house, slug))).toEqual({ ok: true, kid: rotation.kid })
    expect(verifyDocument(wire, { keys: [lost as { kid: string }] })).toEqual({ ok: false, reason: 'unknown_key' })
  }
})
