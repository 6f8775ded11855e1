// A delivery of the relay as its receiver checks it: both signatures beside each other, and who it says that asked (R46, R63–R65, §12.14).
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { type Caller, verifyCaller } from './caller.ts'
import { type VerifyOptions, verifyWebhook, WebhookRefused } from './verify.ts'

const SECRET = 'whsec_Q291bnRlcnNpZ24tcmVsYXktdGVzdC1rZXktMDAwMDE='
const BODY = '{"type":"relay.message","n":1}'
const AT = 1_767_225_600
const HEADERS: Record<string, string> = {
  'webhook-id': 'evt_01KE0000000000000000000000',
  'webhook-timestamp': String(AT),
  'webhook-signature': 'v1,E5eNO+41e4Xc9UIwszI9kpFatEh5oXxw2kWT9r5kfEE=',
  'X-ForAgent-Signature': 'f27f954a00042e1dbd55bc3c27702b5a7313375a09c689c80d8a15ae27652900',
  'X-ForAgent-Signature-V2': 'a2bea0ba6d072d279be7114983ff9bf97df191e6e276e8419f0d04c892613aa5',
  'X-ForAgent-Timestamp': String(AT),
  'X-ForAgent-Nonce': '000102030405060708090a0b0c0d0e0f',
  'X-ForAgent-Signature-Version': '2',
}
const at = (seconds: number) => () => new Date(seconds * 1000)
const good: VerifyOptions = { mode: 'foragent', headers: HEADERS, body: BODY, secrets: SECRET, now: at(AT) }

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.catch((thrown: unknown) => thrown)
  if (error instanceof WebhookRefused) return error.reason
  throw error
}
const reason = (change: Partial<VerifyOptions>) => reasonOf(verifyWebhook({ ...good, ...change }))
const without = (...names: string[]) => Object.fromEntries(Object.entries(HEADERS).filter(([name]) => !names.includes(name)))

test('R64 §12.14 the vector verifies in both modes and by an HMAC of our own', async () => {
  const hex = (text: string) => createHmac('sha256', SECRET).update(text).digest('hex')
  expect(hex(BODY)).toBe(HEADERS['X-ForAgent-Signature'])
  expect(hex(`v2.${AT}.${HEADERS['X-ForAgent-Nonce']}.${BODY}`)).toBe(HEADERS['X-ForAgent-Signature-V2'])
  expect(await verifyWebhook(good)).toMatchObject({ mode: 'foragent', id: HEADERS['webhook-id'], text: BODY })
  expect(await verifyWebhook({ ...good, mode: 'standard' })).toMatchObject({ mode: 'standard', id: HEADERS['webhook-id'] })
  expect((await verifyWebhook({ ...good, mode: undefined, headers: without('webhook-signature') })).mode).toBe('foragent')
})

test('R65 §12.14 a changed body, time, nonce or version, a header less and a repeat are each refused with a class of their own', async () => {
  const changed = (name: string, value: string) => reason({ headers: { ...HEADERS, [name]: value } })
  expect(await reason({ body: `${BODY} ` })).toBe('mismatch')
  expect(await changed('X-ForAgent-Timestamp', String(AT + 1))).toBe('mismatch')
  expect(await changed('X-ForAgent-Nonce', '100102030405060708090a0b0c0d0e0f')).toBe('mismatch')
  expect(await changed('X-ForAgent-Signature-Version', '1')).toBe('malformed')
  expect(await changed('X-ForAgent-Nonce', 'short')).toBe('malformed')
  for (const name of ['X-ForAgent-Signature-V2', 'X-ForAgent-Timestamp', 'X-ForAgent-Nonce', 'X-ForAgent-Signature-Version'])
    expect(await reason({ headers: without(name) }), name).toBe('missing')
  for (const offset of [-301, 301]) expect(await reason({ now: at(AT + offset) })).toBe('stale')
  for (const offset of [-300, 300]) expect((await verifyWebhook({ ...good, now: at(AT + offset) })).text).toBe(BODY)
  expect(await reason({ maxBytes: BODY.length - 1 })).toBe('malformed')
})

test('R65 the nonce is kept for ten minutes at least, and only once the MAC has held', async () => {
  const kept = new Map<string, Date>()
  const seen = (name: string, until: Date) => kept.has(name) || !kept.set(name, until)
  expect(await reason({ seen, body: `${BODY} ` })).toBe('mismatch')
  expect(await reason({ seen, now: at(AT + 301) })).toBe('stale')
  expect(kept.size).toBe(0)
  await verifyWebhook({ ...good, seen, toleranceSeconds: 10 })
  expect([...kept]).toEqual([[HEADERS['X-ForAgent-Nonce'], new Date((AT + 600) * 1000)]])
  expect(await reason({ seen })).toBe('replayed')
})

test('R65 version 1 alone is believed only by who says so, and never in place of a version 2 that does not hold', async () => {
  const only = { headers: { 'X-ForAgent-Signature': HEADERS['X-ForAgent-Signature'] } }
  expect(await reason(only)).toBe('missing')
  expect(await reason({ ...only, mode: 'foragent-v1' })).toBe('missing')
  expect((await verifyWebhook({ ...good, ...only, allowUnstamped: true })).mode).toBe('foragent-v1')
  expect(await reason({ ...only, allowUnstamped: true, body: '{}' })).toBe('mismatch')
  const broken = { ...HEADERS, 'X-ForAgent-Signature-V2': '00'.repeat(32) }
  expect(await reason({ headers: broken, allowUnstamped: true })).toBe('mismatch')
})

test('R63 a secret of the receiver’s own is its text in every mode', async () => {
  const own = 'correct horse battery staple'
  const mac = (text: string) => createHmac('sha256', own).update(text)
  const headers = {
    ...HEADERS,
    'webhook-signature': `v1,${mac(`${HEADERS['webhook-id']}.${AT}.${BODY}`).digest('base64')}`,
    'X-ForAgent-Signature-V2': mac(`v2.${AT}.${HEADERS['X-ForAgent-Nonce']}.${BODY}`).digest('hex'),
  }
  for (const mode of ['standard', 'foragent'] as const)
    expect((await verifyWebhook({ ...good, mode, headers, secrets: own })).mode).toBe(mode)
  // What others write without the prefix is base64 still.
  const bare = SECRET.slice('whsec_'.length)
  expect((await verifyWebhook({ ...good, mode: 'standard', secrets: bare })).mode).toBe('standard')
})

test('R65 the published verifier takes an untouched delivery, and only a fresh one', () => {
  // Its clock is that of the process, so it judges the vector's MAC and then its age.
  expect(() => new Webhook(SECRET).verify(BODY, HEADERS)).toThrow(/too old/)
  const now = Math.floor(Date.now() / 1000)
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
  const mac = createHmac('sha256', key).update(`${HEADERS['webhook-id']}.${now}.${BODY}`).digest('base64')
  const fresh = { ...HEADERS, 'webhook-timestamp': String(now), 'webhook-signature': `v1,${mac}` }
  expect(new Webhook(SECRET).verify(BODY, fresh)).toEqual(JSON.parse(BODY))
})

/* Who asked */

const pair = generateKeyPairSync('ed25519')
const jwk = pair.publicKey.export({ format: 'jwk' }) as { kty: string; crv: string; x: string }
const jwks = { keys: [{ kty: jwk.kty, crv: jwk.crv, x: jwk.x, kid: 'relay-sign-1' }] }
const claims: Caller = {
  iss: 'https://countersign.example',
  aud: 'https://agent.example',
  iat: AT,
  exp: AT + 60,
  jti: randomBytes(16).toString('hex'),
  sub: 'usr_1',
  act: { sub: 'agt_1' },
  tenant: 'ten_1',
  agent: 'agt_1',
  relay_grant: 'rgr_1',
  thread: 'thr_1',
  message: 'msg_1',
  payload_hash: `sha256:${'0'.repeat(64)}`,
}
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
function tokenOf(change: object = {}, header: object = {}): string {
  const text = `${encode({ alg: 'EdDSA', typ: 'countersign-caller+jwt', kid: 'relay-sign-1', ...header })}.${encode({ ...claims, ...change })}`
  return `${text}.${sign(null, Buffer.from(text), pair.privateKey).toString('base64url')}`
}
const believe = (token: string | null, more: object = {}) =>
  verifyCaller(token, { jwks, audience: 'https://agent.example', now: at(AT + 30), ...more })

test('R46 the token of the caller is believed for its audience and its minute, and says who acts for whom', async () => {
  expect(await believe(tokenOf())).toEqual(claims)
  expect(await reasonOf(believe(null))).toBe('missing')
  expect(await reasonOf(believe('a.b'))).toBe('malformed')
  expect(await reasonOf(believe(tokenOf(), { audience: 'https://other.example' }))).toBe('mismatch')
  expect(await reasonOf(believe(tokenOf(), { issuer: 'https://other.example' }))).toBe('mismatch')
  expect(await reasonOf(believe(tokenOf(), { now: at(AT + 66) }))).toBe('stale')
  expect(await reasonOf(believe(tokenOf(), { now: at(AT - 6) }))).toBe('stale')
  expect(await reasonOf(believe(tokenOf({ exp: AT + 3600 })))).toBe('stale')
})

test('R46 another key, another algorithm, another type and a changed claim are refused', async () => {
  expect(await reasonOf(believe(tokenOf({}, { kid: 'relay-sign-2' })))).toBe('mismatch')
  expect(await reasonOf(believe(tokenOf({}, { alg: 'none' })))).toBe('malformed')
  expect(await reasonOf(believe(tokenOf({}, { typ: 'JWT' })))).toBe('malformed')
  expect(await reasonOf(believe(tokenOf({ thread: undefined })))).toBe('malformed')
  const [head, , tail] = tokenOf().split('.')
  expect(await reasonOf(believe(`${head}.${encode({ ...claims, tenant: 'ten_2' })}.${tail}`))).toBe('mismatch')
  const kept = new Set<string>()
  const seen = (jti: string) => kept.has(jti) || !kept.add(jti)
  const token = tokenOf()
  await believe(token, { seen })
  expect(await reasonOf(believe(token, { seen }))).toBe('replayed')
})
