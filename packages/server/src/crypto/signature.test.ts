import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import vectors from '../../../../test/vectors/signatures.json' with { type: 'json' }
import {
  compatibilitySignature,
  compatibilitySigningKey,
  foragentHeaders,
  githubSignature,
  isSigningSecret,
  signedHeaders,
  standardSignature,
  stripeSignature,
} from './signature.ts'

type Vector = {
  scheme: string
  key: string | string[]
  inputs: { id: string; timestamp: number; nonce: string; body: string }
  expected: string
}
const of = (scheme: string) => (vectors as unknown as Vector[]).filter((vector) => vector.scheme === scheme)

test.each([...of('standard-webhooks'), ...of('standard-webhooks-overlap')])(
  'P84 the vectors of $scheme come out',
  ({ key, inputs, expected }) => {
    expect(standardSignature([key].flat(), inputs.id, inputs.timestamp, inputs.body)).toBe(expected)
  },
)

test('P84 the three headers carry id, whole seconds and the signature of exactly these bytes', () => {
  const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']
  const body = Buffer.from('{"test": 2432232314}')
  expect(signedHeaders({ mode: 'standard', secrets, id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body })).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
  expect(() => signedHeaders({ mode: 'standard', secrets: [], id: 'a', timestamp: 1, body })).toThrow('unsigned')
})

test('P84 the vectors of Ed25519, stripe, github and foragent come out', () => {
  for (const { key, inputs, expected } of of('standard-webhooks-ed25519'))
    expect(standardSignature([], inputs.id, inputs.timestamp, inputs.body, Buffer.from(key as string, 'hex'))).toBe(expected)
  for (const { key, inputs, expected } of [...of('stripe'), ...of('stripe-overlap')])
    expect(stripeSignature([key].flat(), inputs.timestamp, inputs.body)).toBe(expected)
  for (const { key, inputs, expected } of of('github')) expect(githubSignature(key as string, inputs.body)).toBe(expected)
  for (const { key, inputs, expected } of of('foragent-v1'))
    expect(foragentHeaders(key as string, 1, '0', inputs.body)['x-foragent-signature']).toBe(expected)
  for (const { key, inputs, expected } of of('foragent-v2')) {
    const headers = foragentHeaders(key as string, inputs.timestamp, inputs.nonce, inputs.body)
    expect(headers).toMatchObject({ 'x-foragent-signature-v2': expected, 'x-foragent-signature-version': '2' })
  }
})

const compatibilityKey = Buffer.from('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8', 'base64url')
const completed =
  '{"task_id":"task_01","idempotency_key":"k-1","status":"completed","response":{"approved":true},"completed_at":"2026-01-02T03:04:05.000Z",' +
  '"timed_out_at":null,"completed_by_email":"ann@example.com","completed_via_channel":"email","verification_attempt":0}'

test('T70 T71 the compatibility key derives the signing key and signs both published bodies', () => {
  expect(compatibilitySigningKey(compatibilityKey).toString('hex')).toBe(
    'fec0c9cec3dbf3e6764848739ab646cabd1230ee9a9c87cf4d9626ff827fb9b4',
  )
  expect(compatibilitySignature(compatibilityKey, '{"a":1}')).toBe(
    'sha256=487a05ea06f92c4c264b3e7a236ed1538ddb873b91c05ecc9ca8172ac3dbe631',
  )
  expect(compatibilitySignature(compatibilityKey, completed)).toBe(
    'sha256=442ea2029f4a6dee213448027fb5226e737c71f8da07d122cec13d33e6cfe1d6',
  )
  for (const { inputs, expected } of of('awaithumans-webhook'))
    expect(compatibilitySignature(compatibilityKey, inputs.body)).toBe(expected)
})

test('R62 mode foragent with the standard signature beside it carries both; a2a is signed by a key pair alone, or not at all', () => {
  const [secret] = of('foragent-v2').map((one) => one.key as string)
  const body = Buffer.from('{}')
  const one = { secrets: [secret as string], id: 'evt_1', timestamp: 1_767_225_600, body }
  const both = signedHeaders({ ...one, mode: 'foragent', beside: 'standard' })
  expect(both['webhook-signature']).toBe(standardSignature(one.secrets, 'evt_1', one.timestamp, body))
  expect(Object.keys(both).filter((name) => name.startsWith('x-foragent-'))).toHaveLength(5)
  expect(signedHeaders({ ...one, mode: 'foragent' })['webhook-signature']).toBeUndefined()
  const seed = Buffer.alloc(32, 7)
  expect(signedHeaders({ ...one, secrets: [], mode: 'a2a', seed })['webhook-signature']).toMatch(/^v1a,[^ ]+$/)
  expect(() => signedHeaders({ ...one, mode: 'a2a' })).toThrow('unsigned')
})

test('R63 a secret is whsec_ with 24 to 64 bytes, or 20 to 128 printable characters that are the key themselves', () => {
  const whsec = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`
  for (const text of [whsec(24), whsec(64), 'x'.repeat(20), 'a b'.repeat(42)]) expect(isSigningSecret(text), text).toBe(true)
  for (const text of [
    whsec(23),
    whsec(65),
    'x'.repeat(19),
    'x'.repeat(129),
    `${'x'.repeat(20)}\n`,
    `${whsec(24)}=`,
    'whsec_!!!!',
  ])
    expect(isSigningSecret(text), text).toBe(false)
  const own = 'correct horse battery staple'
  const mac = createHmac('sha256', own).update('evt_1.1.{}').digest('base64')
  expect(standardSignature([own], 'evt_1', 1, '{}')).toBe(`v1,${mac}`)
})

test('R64 the vector comes out in all three signatures', () => {
  const secret = 'whsec_Q291bnRlcnNpZ24tcmVsYXktdGVzdC1rZXktMDAwMDE='
  const body = '{"type":"relay.message","n":1}'
  const nonce = '000102030405060708090a0b0c0d0e0f'
  expect(foragentHeaders(secret, 1_767_225_600, nonce, body)).toMatchObject({
    'x-foragent-signature': 'f27f954a00042e1dbd55bc3c27702b5a7313375a09c689c80d8a15ae27652900',
    'x-foragent-signature-v2': 'a2bea0ba6d072d279be7114983ff9bf97df191e6e276e8419f0d04c892613aa5',
  })
  expect(standardSignature([secret], 'evt_01KE0000000000000000000000', 1_767_225_600, body)).toBe(
    'v1,E5eNO+41e4Xc9UIwszI9kpFatEh5oXxw2kWT9r5kfEE=',
  )
})
