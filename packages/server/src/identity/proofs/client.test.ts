// The SDK's client with a key pair, against the real door.
import { Countersign, type Problem, type ProofOptions } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { readPublicKey } from '../../crypto/public-key.ts'

const refused = (promise: Promise<unknown>): Promise<Problem> =>
  promise.then(
    () => Promise.reject(new Error('It was answered.')),
    (problem: Problem) => problem,
  )

async function pairOf(alg: 'Ed25519' | 'P-256', extractable = true): Promise<CryptoKeyPair> {
  const how = alg === 'Ed25519' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-256' }
  return (await crypto.subtle.generateKey(how, extractable, ['sign', 'verify'])) as CryptoKeyPair
}

const publicOf = ({ publicKey }: CryptoKeyPair) => crypto.subtle.exportKey('jwk', publicKey)

async function clientOf(house: House, pair: CryptoKeyPair, key: ProofOptions['key'] = pair, own: { key?: string } = {}) {
  await house.given.key({ kind: 'agt', agent_id: house.agent.id, public_key: await publicOf(pair) })
  return new Countersign({ url: house.url, proof: { key }, clock: house.clock, retryMs: 0, ...own })
}

for (const alg of ['Ed25519', 'P-256'] as const)
  test(`V134 a client with a key pair of ${alg}, in each of its forms, asks, opens runs and follows streams`, async () => {
    const house = await setup()
    const pair = await pairOf(alg)
    const first = await clientOf(house, pair)
    await house.alice.patch(`/api/v1/agents/${house.agent.id}`, { proof: 'required' })
    const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey)
    const how = alg === 'P-256' ? { name: 'ECDSA', hash: 'SHA-256' } : alg
    const sign = async (bytes: Uint8Array) =>
      new Uint8Array(await crypto.subtle.sign(how, pair.privateKey, bytes as BufferSource))
    const forms = [jwk, { jwk: await publicOf(pair), sign }].map(
      (key) => new Countersign({ url: house.url, proof: { key }, clock: house.clock, retryMs: 0 }),
    )
    for (const countersign of [first, ...forms]) {
      const self = await countersign.call('GET /agents/self')
      expect([self.agent.id, self.proof]).toEqual([house.agent.id, 'dpop'])
      expect((await countersign.call('POST /runs', { body: { purpose: 'nightly' } })).run.proof).toBe('dpop')
      expect((await countersign.call('GET /runs', { query: { state: 'live', limit: 1 } })).data).toHaveLength(1)
    }
    const stop = new AbortController()
    expect(await first.transport.open('/tasks/stream', { signal: stop.signal })).toBeInstanceOf(ReadableStream)
    stop.abort()
  })

test('V134 a key that cannot be taken out of its place proves, too, and a bare key can stand beside it', async () => {
  const house = await setup()
  const pair = await pairOf('P-256', false)
  const countersign = await clientOf(house, pair, pair, { key: house.agent.key })

  const self = await countersign.call('GET /agents/self')
  expect([self.key.id, self.key.thumbprint]).toEqual([house.agent.keyId, readPublicKey({ ...(await publicOf(pair)) }).thumbprint])
})

test('V134 a client learns the nonce of a tenant that asks for it, and the time where its own clock is wrong', async () => {
  const house = await setup()
  const pair = await pairOf('Ed25519')
  const countersign = await clientOf(house, pair)
  await house.alice.patch('/api/v1/tenant', { proof_nonce: true })
  expect((await countersign.call('GET /agents/self')).proof).toBe('dpop')
  // Nonces end after minutes; the refusal brings the next.
  await house.clock.advance('6m')
  expect((await countersign.call('GET /agents/self')).proof).toBe('dpop')

  const late = { ...house.clock, now: () => new Date(house.clock.now().getTime() - 10 * 60_000) }
  const slow = new Countersign({ url: house.url, proof: { key: pair }, clock: late, retryMs: 0 })
  await house.alice.patch('/api/v1/tenant', { proof_nonce: false })
  expect((await slow.call('GET /agents/self')).proof).toBe('dpop')
})

test('V134 V137 a key pair that nobody enrolled is refused, one that registered is told where to be claimed', async () => {
  const house = await setup()
  const pair = await pairOf('Ed25519')
  const countersign = new Countersign({ url: house.url, proof: { key: pair }, clock: house.clock, retryMs: 0 })

  expect((await refused(countersign.call('GET /agents/self'))).code).toBe('key_invalid')
  const made = await house.nobody.post('/api/v1/agents/register', { public_key: await publicOf(pair), handle: 'nightly' })
  const problem = await refused(countersign.call('GET /agents/self'))
  expect([problem.code, problem.members.claim_url]).toEqual(['unclaimed_agent', made.body.claim_url])
})

test('V134 a key of another kind is named as such before anything is sent', async () => {
  const countersign = new Countersign({
    url: 'http://localhost:9',
    proof: { key: { kty: 'OKP', crv: 'X25519', x: 'AA', d: 'AA' } },
    retryMs: 0,
  })
  await expect(countersign.call('GET /agents/self')).rejects.toThrow()
})
