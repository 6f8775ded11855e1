import { generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { expect, test } from 'vitest'
import { KeyRefused, readPublicKey, wordsOf } from './public-key.ts'

const publicJwk = (kind: 'ed25519' | 'P-256'): JWK =>
  (kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })).publicKey.export({
    format: 'jwk',
  }) as JWK

const refused = (given: string | Record<string, unknown>): string => {
  try {
    return `taken: ${readPublicKey(given).thumbprint}`
  } catch (error) {
    if (error instanceof KeyRefused) return error.message
    throw error
  }
}

const ED = (hex: string) => ({ kty: 'OKP', crv: 'Ed25519', x: Buffer.from(hex, 'hex').toString('base64url') })
const little = (n: bigint, sign = 0): string => {
  const bytes = Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse()
  bytes[31] = (bytes[31] as number) | (sign << 7)
  return bytes.toString('hex')
}

test('V136 did:key and JWK of one key have one thumbprint, that of RFC 7638', async () => {
  // The example of the did:key specification, and RFC 8037 appendix A.
  const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
  const rfc8037 = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }

  const byDid = readPublicKey(did)
  expect(readPublicKey({ ...byDid.jwk })).toEqual(byDid)
  expect(byDid.did).toBe(did)
  expect(readPublicKey(rfc8037).thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  for (const kind of ['ed25519', 'P-256'] as const) {
    const jwk = publicJwk(kind)
    expect(readPublicKey({ ...jwk }).thumbprint).toBe(await calculateJwkThumbprint(jwk))
  }
  const fresh = readPublicKey({ ...publicJwk('ed25519') })
  expect(readPublicKey(fresh.did as string)).toEqual(fresh)
})

test('V136 unknown codecs, wrong lengths and other bases are refused', () => {
  const good = readPublicKey({ ...publicJwk('ed25519') }).did as string
  expect(refused(good.replace('did:key:z', 'did:key:u'))).toMatch(/base58btc/)
  expect(refused('did:web:example.com')).toMatch(/base58btc/)
  // P-256, X25519 and secp256k1 in did:key.
  for (const other of [
    'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169',
    'did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc',
    'did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme',
  ])
    expect(refused(other)).toMatch(/multicodec/)
  expect(refused(good.slice(0, -1))).not.toMatch(/taken/)
  expect(refused(`${good}1`)).not.toMatch(/taken/)
  expect(refused(`${good.slice(0, 20)}0${good.slice(21)}`)).toMatch(/multicodec/)
  expect(refused(`did:key:z${'1'.repeat(10_000)}`)).toMatch(/multicodec/)
})

test('V136 a private key, a wrong length, a point off the curve and other kinds of key are refused', () => {
  const { x } = publicJwk('ed25519')
  const ec = publicJwk('P-256')
  expect(refused({ kty: 'OKP', crv: 'Ed25519', x, d: x })).toMatch(/private/)
  expect(refused({ kty: 'oct', k: 'AAAA' })).toMatch(/private/)
  expect(refused({ kty: 'OKP', crv: 'Ed25519', x: `${x}=` })).toMatch(/32 bytes/)
  expect(refused({ kty: 'OKP', crv: 'Ed25519', x: x?.slice(0, 42) })).toMatch(/32 bytes/)
  expect(refused({ kty: 'OKP', crv: 'Ed25519' })).toMatch(/32 bytes/)
  expect(refused({ kty: 'OKP', crv: 'X25519', x })).toMatch(/Ed25519/)
  expect(refused({ kty: 'EC', crv: 'secp256k1', x: ec.x, y: ec.y })).toMatch(/P-256/)
  expect(refused({ kty: 'EC', crv: 'P-256', x: ec.x, y: ec.x })).toMatch(/no point/)
  // y = 2 gives no x on the curve.
  expect(refused(ED(little(2n)))).toMatch(/no point/)
})

test('V136 every point of small order is refused, in each of its spellings', () => {
  const p = 2n ** 255n - 19n
  const y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n
  const weak = [1n, 0n, p - 1n, y8, p - y8].flatMap((y) => [little(y), little(y, 1)])
  // The same points again, written above p.
  const above = [p, p + 1n, p - 1n + p].filter((y) => y < 2n ** 255n).flatMap((y) => [little(y), little(y, 1)])

  for (const hex of weak) expect([hex, refused(ED(hex))]).toEqual([hex, 'The point is of small order.'])
  for (const hex of above) expect([hex, refused(ED(hex))]).toEqual([hex, 'The point is not written in its one way.'])
})

test('V137 the words of a thumbprint are six, the same each time, and others for another key', () => {
  const [a, b] = [readPublicKey({ ...publicJwk('ed25519') }), readPublicKey({ ...publicJwk('ed25519') })]
  expect(wordsOf(a.thumbprint)).toHaveLength(6)
  expect(wordsOf(a.thumbprint)).toEqual(wordsOf(a.thumbprint))
  expect(wordsOf(a.thumbprint)).not.toEqual(wordsOf(b.thumbprint))
  // 127.0.0.1 and 63.84.220.193 of the proquint paper.
  expect(wordsOf(Buffer.from('7f0000013f54dcc100000000', 'hex').toString('base64url')).slice(0, 4)).toEqual([
    'lusab',
    'babad',
    'gutih',
    'tugad',
  ])
})
