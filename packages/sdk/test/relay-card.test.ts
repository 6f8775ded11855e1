// Cards as they are served, and as the server's own signer signs them, before the SDK's verifier: what holds, and each way in which it does not.

import { expect, test } from 'vitest'
import { setup } from '#harness'
import { type CardAlgorithm, makeCardKey, signDocument } from '../../server/src/crypto/card-signature.ts'
import { wholeCard } from '../../server/src/relay/cards/testing/cards.ts'
import { type CardFault, CardRefused, verifyCard } from '../src/index.ts'

const refusedAs = async (text: string | Record<string, unknown>, keys: object): Promise<CardFault | 'verified'> =>
  verifyCard(text, keys as never).then(
    () => 'verified' as const,
    (error: unknown) => {
      if (error instanceof CardRefused) return error.reason
      throw error
    },
  )

test('R127 §12.24 the card of a server verifies from its wire JSON; with one byte changed, or another key, it does not', async () => {
  const house = await setup()
  const made = await house.alice.post('/api/v1/cards', wholeCard('ada-travel'))
  expect(made.status).toBe(201)
  const wire = await (await fetch(`${house.url}/api/v1/agents/ada-travel/card`)).text()
  const keys = (await (await fetch(`${house.url}/agents/ada-travel/.well-known/jwks.json`)).json()) as {
    keys: { kid: string; x: string }[]
  }
  const { card, kid } = await verifyCard(wire, keys)
  expect([card.slug, kid]).toEqual(['ada-travel', keys.keys[0]?.kid])
  const version = await house.alice.get(`/api/v1/cards/${made.body.id}/versions/1`)
  expect((await verifyCard(version.body.a2a_document, keys)).kid).toBe(kid)

  expect(await refusedAs(wire.replace('/connection-requests', '/connection-requestz'), keys)).toBe('mismatch')
  expect(await refusedAs(JSON.stringify({ ...card, signatures: undefined }), keys)).toBe('unsigned')
  expect(await refusedAs(wire, { keys: [] })).toBe('unknown_key')
  expect(await refusedAs(wire, { keys: [{ ...makeCardKey('ES256').publicJwk, kid }] })).toBe('mismatch')
  expect(await refusedAs(wire, { keys: [{ ...keys.keys[0], x: 'no key' }] })).toBe('mismatch')
})

test.each<CardAlgorithm>(['ES256', 'EdDSA'])(
  'R127 R14 signatures of %s hold, the older of two as well; what they say of themselves does not count',
  async (alg) => {
    const one = makeCardKey(alg)
    const other = makeCardKey('ES256')
    const document = { name: 'Ada', cost: 1e21, text: '\u20ac\u2028\ud83d\ude00', deep: [{ b: 1, a: null }] }
    const signers = [one, other].map((key) => ({ ...key, jku: 'https://countersign.example/jwks.json' }))
    const card = { ...document, signatures: signDocument(document, signers) }
    expect((await verifyCard(JSON.stringify(card), { keys: [one.publicJwk] })).kid).toBe(one.kid)
    expect((await verifyCard(JSON.stringify(card), { keys: [other.publicJwk] })).kid).toBe(other.kid)

    const [first] = card.signatures as [{ protected: string; signature: string }]
    const header = (own: object) => Buffer.from(JSON.stringify({ alg, kid: one.kid, typ: 'JOSE', ...own })).toString('base64url')
    const signed = (own: Partial<typeof first>) => ({ ...document, signatures: [{ ...first, ...own }] })
    const keys = { keys: [one.publicJwk] }
    expect(await refusedAs(signed({ protected: header({ alg: 'none' }) }), keys)).toBe('mismatch')
    expect(await refusedAs(signed({ protected: header({ alg: alg === 'ES256' ? 'EdDSA' : 'ES256' }) }), keys)).toBe('mismatch')
    expect(await refusedAs(signed({ protected: header({ crit: ['b64'], b64: false }) }), keys)).toBe('malformed')
    expect(await refusedAs(signed({ signature: `${first.signature}=` }), keys)).toBe('malformed')
    expect(await refusedAs(signed({ signature: '' }), keys)).toBe('malformed')
    expect(await refusedAs(signed({}), { keys: [{ ...one.publicJwk, use: 'enc' }] })).toBe('mismatch')
  },
)

test('R127 what is no card at all is malformed, and no key of it is asked', async () => {
  const keys = { keys: [makeCardKey('ES256').publicJwk] }
  for (const text of ['', '[]', 'null', '{"a":', `"${'x'.repeat(1_048_576)}"`])
    expect(await refusedAs(text, keys)).toBe('malformed')
  expect(await refusedAs('{"signatures":[1,null,{"protected":1,"signature":"e"}]}', keys)).toBe('malformed')
})
