// Our live deliveries, judged by the published verifiers of others and by our own (A23, P84).
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { verifyWebhook, type WebhookMode } from '@countersign/sdk'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import { expect, test } from 'vitest'
import { endpoint, type Got, houseFor, openReceiver } from './testing/receiver.ts'

type Delivered = { headers: Record<string, string>; body: string; secret: string }
/** Throws, or answers false, when it does not believe. */
type Verifier = (delivered: Delivered) => unknown

const hex = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest('hex')
const same = (a: string | undefined, b: string) =>
  a !== undefined && a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
const svixHeaders = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.replace(/^webhook-/, 'svix-'), value]))

const MODES: Record<string, { settings: object; signature: string; signsId: boolean; verifiers: Record<string, Verifier> }> = {
  standard: {
    settings: {},
    signature: 'webhook-signature',
    signsId: true,
    verifiers: {
      standardwebhooks: ({ headers, body, secret }) => new StandardWebhook(secret).verify(body, headers),
      svix: ({ headers, body, secret }) => new SvixWebhook(secret).verify(body, svixHeaders(headers)),
    },
  },
  stripe: {
    settings: { mode: 'stripe', header: 'X-Humane-Signature' },
    signature: 'x-humane-signature',
    signsId: false,
    verifiers: {
      stripe: ({ headers, body, secret }) =>
        Stripe.webhooks.constructEvent(body, headers['x-humane-signature'] as string, secret),
    },
  },
  github: {
    settings: { mode: 'github' },
    signature: 'x-hub-signature-256',
    signsId: false,
    verifiers: {
      'as its documents say': ({ headers, body, secret }) => same(headers['x-hub-signature-256'], `sha256=${hex(secret, body)}`),
    },
  },
  awaithumans: {
    settings: { mode: 'awaithumans' },
    signature: 'x-awaithumans-signature',
    signsId: false,
    verifiers: {
      'as its documents say': ({ headers, body, secret }) => {
        const key = Buffer.from(secret.slice(6), 'base64')
        const derived = Buffer.from(hkdfSync('sha256', key, 'awaithumans-webhook-v1', 'v1', 32))
        return same(headers['x-awaithumans-signature'], `sha256=${hex(derived, body)}`)
      },
    },
  },
  foragent: {
    settings: { mode: 'foragent' },
    signature: 'x-foragent-signature-v2',
    signsId: false,
    verifiers: {
      'as its documents say': ({ headers, body, secret }) =>
        same(headers['x-foragent-signature'], hex(secret, body)) &&
        same(
          headers['x-foragent-signature-v2'],
          hex(secret, `v2.${headers['x-foragent-timestamp']}.${headers['x-foragent-nonce']}.${body}`),
        ) &&
        headers['x-foragent-signature-version'] === '2',
    },
  },
}

const flipLast = (text: string) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) ^ 1)
/** In the middle of the signature's text, where every bit counts. */
const flipMiddle = (text: string) => {
  const at = text.length - 12
  const other = text[at] === 'a' ? 'b' : 'a'
  return text.slice(0, at) + other + text.slice(at + 1)
}

for (const [mode, { settings, signature, signsId, verifiers }] of Object.entries(MODES))
  test(`A23 P84 a live delivery of mode ${mode} is believed by ${Object.keys(verifiers).join(', ')} and by ours; one flipped bit is not`, async () => {
    const there = await openReceiver()
    const house = await houseFor([there])
    const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], ...settings })
    const task = await house.given.task()
    await house.runJobs()
    const [got] = there.got as [Got]
    const delivered: Delivered = { headers: got.headers as Record<string, string>, body: got.body, secret: own.secret }
    expect(delivered.headers[signature]).toBeDefined()
    expect(delivered.headers['webhook-id']).toBe(JSON.parse(got.body).id)
    if (mode === 'awaithumans') expect(delivered.headers['x-awaithumans-task-id']).toBe(task.id)
    const ours: Verifier = ({ headers, body, secret }) =>
      verifyWebhook({ headers, body, secrets: secret, mode: mode as WebhookMode, now: house.clock.now })
    // The verifiers of others read the clock of the process, which the house's has not left.
    const believes = async (verify: Verifier, one: Delivered) => {
      try {
        return (await verify(one)) !== false
      } catch {
        return false
      }
    }
    const time = mode === 'foragent' ? 'x-foragent-timestamp' : 'webhook-timestamp'
    for (const [name, verify] of [...Object.entries(verifiers), ['ours', ours] as const]) {
      const judged = (headers: object, body = delivered.body) =>
        believes(verify, { ...delivered, headers: { ...delivered.headers, ...headers }, body })
      expect(await judged({}), name).toBe(true)
      expect(await judged({}, flipLast(delivered.body)), `${name}: body`).toBe(false)
      const signed = delivered.headers[signature] as string
      expect(await judged({ [signature]: flipMiddle(signed) }), `${name}: signature`).toBe(false)
      if (signsId)
        expect(await judged({ 'webhook-id': flipLast(delivered.headers['webhook-id'] as string) }), `${name}: id`).toBe(false)
      if (mode === 'standard' || mode === 'foragent')
        expect(await judged({ [time]: flipLast(delivered.headers[time] as string) }), `${name}: time`).toBe(false)
      if (mode === 'stripe')
        expect(await judged({ [signature]: signed.replace(/^t=(\d+)/, (_, s) => `t=${Number(s) ^ 1}`) }), `${name}: time`).toBe(
          false,
        )
      expect(await believes(verify, { ...delivered, secret: `whsec_${Buffer.alloc(32).toString('base64')}` }), name).toBe(false)
    }
  })

test('A23 P84 Ed25519: v1a verifies with the public key of the object and of the JWKS beside v1, which others take', async () => {
  const there = await openReceiver()
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], ed25519: true })
  await house.given.task()
  await house.runJobs()
  const [got] = there.got as [Got]
  const headers = got.headers as Record<string, string>
  expect(headers['webhook-signature']).toMatch(/^v1,\S+ v1a,\S+$/)
  const check = (secrets: string, body = got.body) => verifyWebhook({ headers, body, secrets, now: house.clock.now })
  expect((await check(own.public_key as string)).id).toBe(headers['webhook-id'])
  await expect(check(own.public_key as string, flipLast(got.body))).rejects.toMatchObject({ reason: 'mismatch' })
  new StandardWebhook(own.secret).verify(got.body, headers)

  const jwks = await house.nobody.get(`/.well-known/countersign/webhook-keys/${own.id}.json`)
  expect(jwks.body.keys).toMatchObject([{ kty: 'OKP', crv: 'Ed25519', kid: own.id }])
  const x = Buffer.from(jwks.body.keys[0].x, 'base64url').toString('base64')
  expect(`whpk_${x}`).toBe(own.public_key)
  const other = await endpoint(house, `${there.origin}/other`)
  for (const id of [other.id, 'whe_00000000000000000000000000', 'nonsense'])
    expect((await house.nobody.get(`/.well-known/countersign/webhook-keys/${id}.json`)).status).toBe(404)
  const off = await house.alice.patch(`/api/v1/endpoints/${own.id}`, { ed25519: false })
  expect(off.body.public_key).toBeNull()
})

test('P84 P94 a resend is signed anew, with the same id and the same bytes, and old ones turn stale', async () => {
  const there = await openReceiver()
  there.answers = [500]
  const house = await houseFor([there])
  const own = await endpoint(house, `${there.origin}/hook`, { events: ['task.created'], schedule: [600] })
  await house.given.task()
  await house.runJobs()
  await house.clock.advance('11m')
  await house.runJobs()
  const [first, second] = there.got as [Got, Got]
  expect(second.body).toBe(first.body)
  expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
  expect(second.headers['webhook-signature']).not.toBe(first.headers['webhook-signature'])
  const check = (got: Got) =>
    verifyWebhook({ headers: got.headers as Record<string, string>, body: got.body, secrets: own.secret, now: house.clock.now })
  await expect(check(first)).rejects.toMatchObject({ reason: 'stale' })
  expect((await check(second)).mode).toBe('standard')
})
