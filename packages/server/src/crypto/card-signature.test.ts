import { type AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk'
import { flattenedVerify, importJWK, type JWK } from 'jose'
import { beforeEach, expect, test, vi } from 'vitest'
import { canonical } from './canonical.ts'
import {
  CARD_ALGORITHMS,
  type CardAlgorithm,
  type CardKeyPair,
  makeCardKey,
  signDocument,
  verifyDocument,
} from './card-signature.ts'

const document = {
  name: 'Ada',
  description: 'Books travel.',
  version: '1',
  supportedInterfaces: [
    { url: 'https://relay.example/agents/ada/a2a/jsonrpc', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  capabilities: { streaming: true },
  securitySchemes: { bearer: { httpAuthSecurityScheme: { scheme: 'Bearer' } } },
  securityRequirements: [{ schemes: { bearer: { list: ['threads:start'] } } }],
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'book', name: 'Book', description: 'Books a flight — für 20 €.', tags: ['travel'] }],
}
const JKU = 'https://relay.example/agents/ada/.well-known/jwks.json'

// The SDK says of every signature that did not verify why, on the console.
beforeEach(() => vi.spyOn(console, 'debug').mockReturnValue(undefined))

const signers = (...keys: CardKeyPair[]) => keys.map(({ kid, alg, privateJwk }) => ({ kid, alg, privateJwk, jku: JKU }))
const keySet = (...keys: CardKeyPair[]) => ({ keys: keys.map((key) => key.publicJwk) })
const wireOf = (...keys: CardKeyPair[]) => JSON.stringify({ ...document, signatures: signDocument(document, signers(...keys)) })
const read = (wire: string) => JSON.parse(wire) as Record<string, unknown>

/** Our own words are not asked: jose alone, over JCS of what was served. */
async function byJose(wire: string, key: CardKeyPair): Promise<boolean> {
  const { signatures, ...rest } = read(wire) as { signatures: { protected: string; signature: string }[] }
  const payload = Buffer.from(canonical(rest)).toString('base64url')
  const results = await Promise.all(
    signatures.map(async (one) =>
      flattenedVerify({ ...one, payload }, await importJWK(key.publicJwk as JWK, key.alg)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return results.includes(true)
}

const bySdk = (wire: string, ...keys: CardKeyPair[]): Promise<boolean> =>
  verifyAgentCardSignature(async (kid, jku) => {
    const key = keys.find((one) => one.kid === kid)
    if (!key || jku !== JKU) throw new Error('unknown key')
    return key.publicJwk as JWK
  })(read(wire) as unknown as AgentCard).then(
    () => true,
    () => false,
  )

test.each(CARD_ALGORITHMS)(
  'R14 §12.24 a document signed with %s verifies here, in the SDK of A2A and in jose',
  async (alg: CardAlgorithm) => {
    const key = makeCardKey(alg)
    const wire = wireOf(key)
    const header = JSON.parse(
      Buffer.from((read(wire).signatures as { protected: string }[])[0]?.protected ?? '', 'base64url').toString(),
    )
    expect(header).toEqual({ alg, kid: key.kid, typ: 'JOSE', jku: JKU })
    expect(verifyDocument(read(wire), keySet(key))).toEqual({ ok: true, kid: key.kid })
    expect(await bySdk(wire, key)).toBe(true)
    expect(await byJose(wire, key)).toBe(true)
  },
)

test.each([
  ['a URL', 'relay.example/agents/ada/a2a', 'relay.exbmple/agents/ada/a2a'],
  ['securitySchemes', '"scheme":"Bearer"', '"scheme":"Bearee"'],
  ['the name of a scheme', '"bearer":{"httpAuth', '"bearex":{"httpAuth'],
])('R14 §12.24 with one byte of %s changed all of them refuse', async (_what, from, to) => {
  for (const alg of CARD_ALGORITHMS) {
    const key = makeCardKey(alg)
    const wire = wireOf(key)
    const changed = wire.replace(from, to)
    expect(changed).not.toBe(wire)
    expect(verifyDocument(read(changed), keySet(key))).toEqual({ ok: false, reason: 'mismatch' })
    expect(await bySdk(changed, key)).toBe(false)
    expect(await byJose(changed, key)).toBe(false)
  }
})

test('R15 during a rotation there are two signatures, and a reader may know either key', async () => {
  const [older, newer] = [makeCardKey('ES256'), makeCardKey('EdDSA')]
  const wire = wireOf(newer, older)
  expect(read(wire).signatures).toHaveLength(2)
  for (const key of [older, newer]) {
    expect(verifyDocument(read(wire), keySet(key))).toEqual({ ok: true, kid: key.kid })
    expect(await bySdk(wire, key)).toBe(true)
    expect(await byJose(wire, key)).toBe(true)
  }
})

test('R14 what is not signed, not readable or by a stranger does not verify, and says why', () => {
  const [key, stranger] = [makeCardKey('ES256'), makeCardKey('ES256')]
  const [good] = signDocument(document, signers(key))
  if (!good) throw new Error('no signature')
  const reasonOf = (signatures: unknown, set: { keys: readonly Record<string, unknown>[] } = keySet(key)) => {
    const verified = verifyDocument({ ...document, signatures }, set)
    return verified.ok ? 'ok' : verified.reason
  }
  expect(reasonOf([good])).toBe('ok')
  expect(reasonOf(undefined)).toBe('unsigned')
  expect(reasonOf([])).toBe('unsigned')
  expect(reasonOf([good], keySet(stranger))).toBe('unknown_key')
  for (const broken of [
    null,
    'x',
    {},
    { ...good, signature: `${good.signature}=` },
    { ...good, protected: 'e30' },
    { ...good, protected: '!' },
  ])
    expect(reasonOf([broken])).toBe('malformed')
  // Somebody else's key under our name.
  expect(reasonOf([good], { keys: [{ ...stranger.publicJwk, kid: key.kid }] })).toBe('mismatch')
  // The algorithm is the key's: a header that names another one does not choose it.
  const header = Buffer.from(JSON.stringify({ alg: 'none', kid: key.kid, typ: 'JOSE', jku: JKU })).toString('base64url')
  expect(reasonOf([{ protected: header, signature: good.signature }])).toBe('mismatch')
  // An extension that must be understood is not.
  const critical = Buffer.from(JSON.stringify({ alg: 'ES256', kid: key.kid, typ: 'JOSE', crit: ['exp'] })).toString('base64url')
  expect(reasonOf([{ ...good, protected: critical }])).toBe('malformed')
  expect(reasonOf([{ ...good, protected: critical }, good])).toBe('ok')
})

test('R14 two keys never share a name, and the public half holds nothing private', () => {
  const keys = CARD_ALGORITHMS.flatMap((alg) => [makeCardKey(alg), makeCardKey(alg)])
  expect(new Set(keys.map((key) => key.kid)).size).toBe(keys.length)
  for (const key of keys) {
    expect(Object.keys(key.publicJwk)).not.toContain('d')
    expect(JSON.parse(key.privateJwk)).toHaveProperty('d')
  }
})
