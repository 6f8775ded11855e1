// Clients that prove themselves by a key (V42), against a certified provider and at the API's door.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Configuration } from 'oidc-provider'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { canaryIn } from '../authorizations/testing/canary.ts'
import { certifiedProvider, openCertified, signInAt } from '../authorizations/testing/certified.ts'
import { pageAt, start } from '../authorizations/testing/page.ts'
import { giveProvider, reaching } from '../authorizations/testing/provider.ts'

const KEYS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}
type Alg = keyof typeof KEYS
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string

async function keyHouse(alg: Alg, method: 'code' | 'client_credentials') {
  const provider = await openCertified()
  const { privateKey, publicKey } = KEYS[alg]()
  const house = await setup(reaching(provider))
  const assertions: Record<string, unknown>[] = []
  const options = {
    clients: [
      {
        client_id: 'client-1',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: alg,
        redirect_uris: method === 'code' ? [`${house.url}/connect/return`] : [],
        response_types: method === 'code' ? ['code'] : [],
        grant_types: method === 'code' ? ['authorization_code', 'refresh_token'] : ['client_credentials'],
        application_type: 'native',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'our-key', alg, use: 'sig' }] },
        scope: method === 'code' ? 'openid offline_access' : 'read',
      },
    ],
    scopes: ['openid', 'offline_access', 'read'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    clientAuthMethods: ['private_key_jwt'],
  } satisfies Configuration
  provider.become(options, (real) => {
    real.use(async (ctx, next) => {
      await next()
      const jwt = (ctx.oidc?.body?.client_assertion ?? '') as string
      if (jwt === '') return
      const part = (i: number) => JSON.parse(Buffer.from(jwt.split('.')[i] ?? '', 'base64url').toString())
      assertions.push({ ...part(0), ...part(1), at: ctx.path })
    })
  })
  const scopes = method === 'code' ? { default: ['openid', 'offline_access'] } : { default: ['read'] }
  await giveProvider(house, {
    ...certifiedProvider(provider, { methods: [method], scopes }),
    client: { needed: 'always', auth: 'private_key_jwt' },
  })
  const put = await house.alice.put('/api/v1/providers/acme/client', {
    client_id: 'client-1',
    secret: pem(privateKey),
    key_id: 'our-key',
  })
  expect(put.body, JSON.stringify(put.body)).toMatchObject({ auth: 'private_key_jwt', key_id: 'our-key', has_secret: true })
  const text = pem(privateKey).split('\n')[1] as string
  return { provider, house, assertions, canaries: [text.slice(0, 40)] }
}

for (const alg of Object.keys(KEYS) as Alg[])
  test(`V42 client_credentials with private_key_jwt (${alg}) at a certified provider: obtained, renewed, taken back`, async () => {
    const { house, assertions, canaries } = await keyHouse(alg, 'client_credentials')
    const begun = await start(house, { provider: 'acme' })
    expect(begun.body, JSON.stringify(begun.body)).toMatchObject({ status: 'completed', connection_id: expect.any(String) })
    const path = `/api/v1/connections/${begun.body.connection_id}`
    expect((await house.alice.post(`${path}/refresh`)).body).toMatchObject({ status: 'connected', generation: 2 })
    expect((await house.alice.post(`${path}/revoke`, {})).status).toBe(202)
    await house.runJobs()
    expect(await toldBy(house)).toEqual(['done'])
    expect(assertions.map(({ at }) => at)).toEqual(['/token', '/token', '/token/revocation'])
    for (const one of assertions) {
      expect(one).toMatchObject({ alg, kid: 'our-key', iss: 'client-1', sub: 'client-1', jti: expect.any(String) })
      expect((one.exp as number) - (one.iat as number)).toBeLessThanOrEqual(300)
    }
    expect(new Set(assertions.map(({ jti }) => jti)).size).toBe(3)
    expect(await canaryIn(house, canaries)).toEqual([])
  })

test('V42 code, refresh and revocation of a client with a key at a certified provider', async () => {
  const { house, assertions } = await keyHouse('ES256', 'code')
  const begun = await start(house, { provider: 'acme' })
  const page = pageAt(house.url, begun.body.connect_url)
  const back = await page.back(await signInAt((await page.submit()).body.redirect_to))
  expect(back.body, JSON.stringify(back.body)).toMatchObject({ status: 'completed' })
  const path = `/api/v1/connections/${back.body.connection_id}`
  expect((await house.alice.get(path)).body).toMatchObject({ account: { id: 'alice' } })
  expect((await house.alice.post(`${path}/refresh`)).body).toMatchObject({ status: 'connected', generation: 2 })
  await house.alice.post(`${path}/revoke`, {})
  await house.runJobs()
  expect(await toldBy(house)).toEqual(['done'])
  expect(assertions.map(({ at }) => at)).toEqual(['/token', '/token', '/token/revocation', '/token/revocation'])
})

const toldBy = async ({ admin }: House) =>
  (await admin.rows<{ told: string }>`select provider_revocation as told from connections order by id`).map(({ told }) => told)

// §10.1: what may be handed in as a key.
test('V42 V10 what is no private key is refused by name, and nothing of it is said again', async () => {
  const house = await setup()
  const path = '/api/v1/providers/linear/client'
  const locked = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  }).privateKey
  const bad: [string, string][] = [
    ['not-a-key-canary', 'This is no private key'],
    [KEYS.ES256().publicKey.export({ format: 'pem', type: 'spki' }) as string, 'This is no private key'],
    [locked, 'locked by a passphrase'],
    [pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey), 'at least 2048 bits'],
    [pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), 'P-256'],
    ['{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}', 'This is no private key'],
  ]
  for (const [secret, says] of bad) {
    const put = await house.alice.put(path, { client_id: 'lin-1', auth: 'private_key_jwt', secret })
    expect(put, says).toMatchObject({ status: 422, body: { errors: [{ path: '/secret', code: 'key_invalid' }] } })
    expect(put.body.errors[0].message).toContain(says)
    expect(JSON.stringify(put.body)).not.toContain(secret.slice(30, 60) || secret)
  }
  const jwk = { ...KEYS.EdDSA().privateKey.export({ format: 'jwk' }), kid: 'of-the-jwk' }
  const put = await house.alice.put(path, { client_id: 'lin-1', auth: 'private_key_jwt', secret: JSON.stringify(jwk) })
  expect(put.body, JSON.stringify(put.body)).toMatchObject({ auth: 'private_key_jwt', key_id: null, has_secret: true })
  // A key is no password: who wants Basic hands in a secret.
  expect((await house.alice.put(path, { client_id: 'lin-1', auth: 'private_key_jwt', secret: 'lin-secret' })).status).toBe(422)
})
