// Proofs at the door: what counts, what does not, and that one counts once.
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { Kind } from '@countersign/queue'
import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { readPublicKey } from '../../crypto/public-key.ts'
import { identityJobs } from '../jobs.ts'
import { newProver, type ProofRequest, type Prover } from '../testing/prover.ts'

const SELF = '/api/v1/agents/self'
const RUNS = '/api/v1/runs'

/** An agent whose key pair is enrolled; `credential` is a bare key of it. */
async function proven(settings: Record<string, string> = {}, alg: 'EdDSA' | 'ES256' = 'EdDSA') {
  const house = await setup({ settings })
  const prover = await newProver(alg)
  const key = await house.given.key({ kind: 'agt', agent_id: house.agent.id, public_key: prover.jwk })
  const call = (path: string, own: Partial<ProofRequest> = {}, at: Client = house.nobody) => send(house, prover, path, own, at)
  return { house, prover, key, call }
}

async function send(house: House, prover: Prover, path: string, own: Partial<ProofRequest>, at: Client) {
  const request = { method: own.body === undefined ? 'GET' : 'POST', url: `${house.url}${path}`, at: house.clock.now(), ...own }
  return raw(at, path, request, await prover.headers(request))
}

/** Another process behind the same public name: it is reached elsewhere and called by the name of the first. */
async function replicaOf(house: House): Promise<Replica> {
  const { url } = await house.second({ settings: { PUBLIC_URL: house.url } })
  const { hostname, port } = new URL(url)
  return (path, headers) =>
    new Promise((resolve, reject) => {
      const asked = request({ hostname, port, path, headers: { ...headers, host: new URL(house.url).host } }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece
        })
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, nonce: answer.headers['dpop-nonce'] ?? null, body: JSON.parse(text) }),
        )
      })
      asked.on('error', reject).end()
    })
}

type Replica = (
  path: string,
  headers: Record<string, string>,
) => Promise<{ status: number; nonce: unknown; body: { code?: string } }>

async function raw(
  at: Client,
  path: string,
  { method, body }: { method: string; body?: string },
  headers: Record<string, string>,
) {
  const answer = await at.raw(path, { method, body: body ?? null, headers })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) }
}

const said = ({ status, body }: { status: number; body: { code?: string; reason?: string } | null }) => [
  status,
  body?.code ?? null,
  body?.reason ?? null,
]

for (const alg of ['EdDSA', 'ES256'] as const)
  test(`V134 an agent proves itself with its key pair alone, and with a bare key beside it: ${alg}`, async () => {
    const { house, prover, key, call } = await proven({}, alg)

    const alone = await call(SELF)
    expect([alone.status, alone.body.proof, alone.body.key]).toMatchObject([
      200,
      'dpop',
      { id: key.id, thumbprint: prover.thumbprint },
    ])
    expect(alone.body.agent).toMatchObject({ id: house.agent.id, proof: 'optional' })
    const beside = await call(SELF, { credential: house.agent.key })
    expect([beside.status, beside.body.proof, beside.body.key.id]).toEqual([200, 'dpop', house.agent.keyId])
    // No secret was shown, and what stands in place of one is no bearer.
    expect(key.secret).toBeUndefined()
    const bare = await house.nobody.get(SELF, { authorization: `Bearer ${prover.thumbprint}` })
    expect([bare.status, bare.body.code]).toEqual([401, 'key_invalid'])
  })

test('V134 a body and a query are part of the proof, byte for byte as received', async () => {
  const { call, house } = await proven()
  const body = '{ "purpose":"nightly" }'

  const opened = await call(RUNS, { body })
  expect([opened.status, opened.body.run?.proof]).toEqual([201, 'dpop'])
  expect((await call(`${RUNS}?state=live&limit=5`)).body.data).toHaveLength(1)
  // The run says how it was opened, and so does the record.
  const [started] = (await house.alice.get('/api/v1/events?type=run.started')).body.data
  expect(started.data).toMatchObject({ proof: 'dpop' })
  const byKey = await house.agent.post(RUNS, { purpose: 'x' })
  const byHand = await house.alice.post(RUNS, { purpose: 'x', agent_id: house.agent.id })
  expect([byKey.body.run.proof, byHand.body.run.proof]).toEqual(['key', 'user'])
})

test('V134 V140 the bad proofs of the table are 401 proof_invalid, and none of them reaches the verb', async () => {
  const { house, prover, call } = await proven()
  const stranger = await newProver()
  const privateJwk = { ...prover.jwk, d: 'A'.repeat(43) }
  const other = new URL(house.url)
  const htu = (change: (url: URL) => void, path = SELF) => {
    const url = new URL(`${house.url}${path}`)
    change(url)
    return { claims: { htu: url.href } }
  }
  const iat = (seconds: number) => ({ at: new Date(house.clock.now().getTime() + seconds * 1_000) })
  const rows: [string, Partial<ProofRequest>, string, string?][] = [
    ['htm', { claims: { htm: 'POST' } }, 'method'],
    ['htm in lower case', { claims: { htm: 'get' } }, 'method'],
    ['other host', htu((url) => (url.hostname = 'localhost')), 'url'],
    ['other port', htu((url) => (url.port = String(Number(other.port) - 1))), 'url'],
    ['other scheme', { claims: { htu: `${house.url}${SELF}`.replace('http:', 'https:') } }, 'url'],
    ['scheme in upper case', { claims: { htu: `${house.url}${SELF}`.replace('http:', 'HTTP:') } }, 'url'],
    ['other path', htu((url) => (url.pathname = '/api/v1/agents')), 'url'],
    ['path in upper case', htu((url) => (url.pathname = SELF.toUpperCase())), 'url'],
    ['the same route under its other prefix', htu((url) => (url.pathname = '/api/agents/self')), 'url'],
    ['slash at the end', { claims: { htu: `${house.url}${SELF}/` } }, 'url'],
    ['query in htu', { claims: { htu: `${house.url}${SELF}?a=1` } }, 'url'],
    ['no query claim', { claims: { cs_q: undefined } }, 'query'],
    ['query that was not sent', { claims: { cs_q: 'A'.repeat(43) } }, 'query'],
    ['no ath', { claims: { ath: undefined } }, 'credential'],
    ['ath of another credential', { claims: { ath: 'A'.repeat(43) } }, 'credential'],
    ['too old', iat(-90), 'time'],
    ['of times to come', iat(90), 'time'],
    ['no iat', { claims: { iat: undefined } }, 'malformed'],
    ['iat that is text', { claims: { iat: '1' } }, 'malformed'],
    ['iat without end', { claims: { iat: 1e300 } }, 'malformed'],
    ['no jti', { claims: { jti: undefined } }, 'malformed'],
    ['empty jti', { claims: { jti: '' } }, 'malformed'],
    ['jti of 10 kB', { claims: { jti: 'j'.repeat(10_000) } }, 'malformed'],
    ['jti of 129', { claims: { jti: 'j'.repeat(129) } }, 'malformed'],
    ['typ', { header: { typ: 'JWT' } }, 'malformed'],
    ['private jwk', { header: { jwk: privateJwk } }, 'key'],
    ['no jwk', { header: { jwk: undefined } }, 'key'],
    ['jwk of another kind', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }, 'key'],
    ['small-order key', { header: { jwk: { kty: 'OKP', crv: 'Ed25519', x: `AQ${'A'.repeat(41)}` } } }, 'key'],
    ['key that did not sign', { header: { jwk: stranger.jwk } }, 'signature'],
  ]
  for (const [i, [what, own, reason]] of rows.entries()) {
    // Who shows what does not count is slowed down by address, thirty a minute.
    if (i === 20) await house.clock.advance('61s')
    expect([what, ...said(await call(SELF, own))]).toEqual([what, 401, 'proof_invalid', reason])
  }

  const signedByOther = await send(house, stranger, SELF, { credential: house.agent.key }, house.nobody)
  expect(said(signedByOther)).toEqual([401, 'proof_invalid', 'unknown_key'])
  // 10 kB of anything else, two proofs, and none.
  const good = await prover.headers({ url: `${house.url}${SELF}`, at: house.clock.now() })
  for (const dpop of ['', 'x', `${good.dpop}=`, `${good.dpop}, ${good.dpop}`, 'x'.repeat(10_000)])
    expect(said(await raw(house.nobody, SELF, { method: 'GET' }, { ...good, dpop }))).toEqual([401, 'proof_invalid', 'malformed'])
  expect(await house.admin.rows`select from seen_proofs`).toEqual([])
  // It was about what was sent, after all.
  expect((await raw(house.nobody, SELF, { method: 'GET' }, good)).status).toBe(200)
})

test('V134 alg none and HS256 are refused, whatever they are signed with', async () => {
  const { house, prover } = await proven()
  const url = `${house.url}${SELF}`
  const { dpop, authorization } = await prover.headers({ url, at: house.clock.now() })
  const [, claims, signature] = (dpop as string).split('.')
  for (const alg of ['none', 'HS256', 'RS256', 'EDDSA', 'Ed25519', ['EdDSA']])
    for (const last of ['', signature]) {
      const header = Buffer.from(JSON.stringify({ typ: 'dpop+jwt', alg, jwk: prover.jwk })).toString('base64url')
      const answer = await raw(
        house.nobody,
        SELF,
        { method: 'GET' },
        {
          authorization: authorization as string,
          dpop: `${header}.${claims}.${last}`,
        },
      )
      expect([alg, answer.status, answer.body.code]).toEqual([alg, 401, 'proof_invalid'])
    }
})

test('V134 §12.34 a changed body, a missing digest and one of another body are refused before anything is done', async () => {
  const { house, prover, call } = await proven()
  const url = `${house.url}${RUNS}`
  const body = '{"purpose":"a"}'
  const headers = async (own: Partial<ProofRequest> = {}) =>
    prover.headers({ method: 'POST', url, body, at: house.clock.now(), ...own })
  const post = async (sent: string | undefined, given: Record<string, string>) =>
    said(await raw(house.nobody, RUNS, { method: 'POST', body: sent }, { 'content-type': 'application/json', ...given }))
  const bad = [401, 'proof_invalid', 'digest']

  expect(await post('{"purpose":"b"}', await headers())).toEqual(bad)
  expect(await post(`${body} `, await headers())).toEqual(bad)
  expect(await post(body, await headers({ claims: { cs_dig: undefined } }))).toEqual(bad)
  expect(await post(body, await headers({ body: undefined }))).toEqual(bad)
  const { 'content-digest': _, ...withoutField } = await headers()
  expect(await post(body, withoutField)).toEqual(bad)
  // The field says one body, the claim another.
  const elsewhere = await headers({ body: '{"purpose":"b"}' })
  expect(await post(body, { ...(await headers()), 'content-digest': elsewhere['content-digest'] as string })).toEqual(bad)
  expect(await post(body, { ...(await headers()), 'content-digest': 'sha-512=:AAAA:' })).toEqual(bad)
  expect((await house.alice.get(RUNS)).body.data).toEqual([])
  expect((await call(RUNS, { body })).status).toBe(201)
})

test('V135 a proof counts once; its second coming is 401 proof_replayed and an event', async () => {
  const { house, prover } = await proven()
  const headers = await prover.headers({ url: `${house.url}${SELF}`, at: house.clock.now() })
  const again = () => raw(house.nobody, SELF, { method: 'GET' }, headers)

  expect((await again()).status).toBe(200)
  expect(said(await again())).toEqual([401, 'proof_replayed', null])
  const [event] = (await house.alice.get('/api/v1/events?type=proof.replayed')).body.data
  expect(event.data).toMatchObject({ agent_id: house.agent.id, thumbprint: prover.thumbprint })
  // The same jti in a proof signed anew is the same.
  const claims = { jti: 'once' }
  const fresh = () => send(house, prover, SELF, { claims }, house.nobody)
  expect([(await fresh()).status, (await fresh()).body.code]).toEqual([200, 'proof_replayed'])
})

test('V135 V134 §12.34 of one proof at two replicas at once exactly one succeeds, every time', async () => {
  const { house, prover } = await proven()
  const there = await replicaOf(house)
  const here: Replica = async (path, headers) => ({ ...(await raw(house.nobody, path, { method: 'GET' }, headers)), nonce: null })
  for (let i = 0; i < 12; i++) {
    // Three of four are refused, and thirty a minute are.
    if (i % 6 === 5) await house.clock.advance('61s')
    const headers = await prover.headers({ url: `${house.url}${SELF}`, at: house.clock.now() })
    const answers = await Promise.all([here, there, here, there].map((at) => at(SELF, headers)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
    expect(answers.filter(({ status }) => status === 401).map(({ body }) => body.code)).toEqual(Array(3).fill('proof_replayed'))
  }
})

test('V134 a proof is of sixty seconds to either side, by the clock of the database', async () => {
  const { house, prover } = await proven()
  const verdict = async (seconds: number) =>
    (
      await house.admin.one<{ verdict: string }>`
        select verdict from countersign_engine.use_proof(${house.agent.id}::text, ${prover.thumbprint}::text, ${String(seconds)}::text,
          countersign.now() + make_interval(secs => ${seconds}::integer))`
    ).verdict

  expect([await verdict(-61), await verdict(62), await verdict(59)]).toEqual(['stale', 'stale', 'fresh'])
})

test('V135 the second of two waits for the first, also where their turns of the ring differ', async () => {
  const { house, prover } = await proven()
  const db = await house.admin.one<{ slot: number }>`
    select mod(floor(extract(epoch from countersign.now()) / 600)::bigint, 8)::integer as slot`
  const before = (db.slot + 7) % 8
  const claims = { jti: 'across' }
  const id = createHash('sha256').update('across').digest('base64url')
  await house.admin.run`
    insert into seen_proofs (slot, thumbprint, jti, expires_at)
    values (${before}::integer, ${prover.thumbprint}::text, ${id}::text, countersign.now() + interval '1 minute')`

  expect((await send(house, prover, SELF, { claims }, house.nobody)).body.code).toBe('proof_replayed')
})

test('V135 a proof of before the store was recovered is refused, and says what time it is here', async () => {
  const { house, call } = await proven()
  expect((await call(SELF)).status).toBe(200)
  // As after a restore or a fail-over: the place is another than was noted.
  await house.admin.run`update proof_store set place = 'elsewhere'`

  const early = await call(SELF, { at: new Date(house.clock.now().getTime() - 5_000) })
  expect(said(early)).toEqual([401, 'proof_invalid', 'recovered'])
  expect(Math.abs(Date.parse(early.headers.get('date') as string) - house.clock.now().getTime())).toBeLessThan(60_000)
  await house.clock.advance('2s')
  expect((await call(SELF)).status).toBe(200)
  // So does the start of the server that runs: nothing of before it is trusted.
  const since = await house.admin.one<{ fits: boolean }>`
    select countersign_engine.proofs_since() >= countersign.now() - (clock_timestamp() - pg_postmaster_start_time()) as fits`
  expect(since.fits).toBe(true)
})

test('V135 partitions whose time is over are emptied, those in use are not', async () => {
  const { house, call } = await proven()
  const count = async () => (await house.admin.one<{ n: number }>`select count(*)::integer as n from seen_proofs`).n
  await call(SELF)
  await house.runJobs()
  expect(await count()).toBe(1)

  await house.clock.advance('30m')
  await call(SELF)
  const sweep = identityJobs(house).find(({ name }) => name === 'proof.sweep') as Kind<null>
  await house.server.queue.enqueue(sweep, null)
  await house.runJobs()
  expect(await count()).toBe(1)
})

test('V134 proof: required refuses every bare key of the agent, and nobody else', async () => {
  const { house, call } = await proven()
  const set = await house.alice.patch(`/api/v1/agents/${house.agent.id}`, { proof: 'required' })
  expect([set.status, set.body.proof]).toEqual([200, 'required'])
  const other = await house.given.agent({ name: 'other' })

  expect(said(await house.agent.get(SELF))).toEqual([401, 'proof_invalid', 'required'])
  expect((await call(SELF)).status).toBe(200)
  expect((await call(SELF, { credential: house.agent.key })).status).toBe(200)
  expect((await other.get(SELF)).status).toBe(200)
  expect((await house.alice.get('/api/v1/agents')).status).toBe(200)
})

test('V134 AGENT_PROOF=required holds for every agent of the installation', async () => {
  const { house, call } = await proven({ AGENT_PROOF: 'required' })

  expect(said(await house.agent.get(SELF))).toEqual([401, 'proof_invalid', 'required'])
  expect((await call(SELF)).status).toBe(200)
})

test('V134 where the tenant asks for it a proof repeats a nonce of the server, which any process knows', async () => {
  const { house, prover, call } = await proven()
  expect((await house.alice.patch('/api/v1/tenant', { proof_nonce: true })).status).toBe(200)

  const asked = await call(SELF)
  expect(said(asked)).toEqual([401, 'proof_invalid', 'nonce'])
  expect(asked.headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce"/)
  const nonce = asked.headers.get('dpop-nonce') as string
  const there = await replicaOf(house)
  const answered = await there(
    SELF,
    await prover.headers({ url: `${house.url}${SELF}`, at: house.clock.now(), claims: { nonce } }),
  )
  expect([answered.status, answered.nonce]).toEqual([200, expect.any(String)])
  expect(said(await call(SELF, { claims: { nonce: `x${nonce}` } }))).toEqual([401, 'proof_invalid', 'nonce'])
  await house.clock.advance('6m')
  expect(said(await call(SELF, { claims: { nonce } }))).toEqual([401, 'proof_invalid', 'nonce'])
  expect((await house.agent.get(SELF)).status).toBe(200)
})

test('V134 an answer about the time carries the time of the database', async () => {
  const { house, call } = await proven()
  await house.clock.advance('9m')

  const late = await call(SELF, { at: new Date(house.clock.now().getTime() - 9 * 60_000) })
  expect(said(late)).toEqual([401, 'proof_invalid', 'time'])
  const off = Date.parse(late.headers.get('date') as string) - house.clock.now().getTime()
  expect(Math.abs(off)).toBeLessThan(60_000)
})

test('V136 an agent has one key pair, two for the overlap of a rotation, and a revoked one is over at once', async () => {
  const { house, prover, key, call } = await proven()
  const [next, third] = [await newProver('ES256'), await newProver()]
  const enrol = (jwk: unknown) => house.alice.post('/api/v1/keys', { kind: 'agt', agent_id: house.agent.id, public_key: jwk })
  const rotate = (body: object) => house.alice.post(`/api/v1/keys/${key.id}/rotate`, body)

  expect([(await enrol(next.jwk)).body.code, (await enrol(next.jwk)).body.key_id]).toEqual(['state_conflict', key.id])
  expect((await rotate({})).body.errors[0].path).toBe('/public_key')
  expect((await rotate({ public_key: next.jwk, overlap_seconds: 86_401 })).body.errors[0].path).toBe('/overlap_seconds')
  expect((await rotate({ public_key: prover.jwk })).body.code).toBe('key_in_use')
  const rotated = await rotate({ public_key: next.jwk, overlap_seconds: 120 })
  expect([rotated.status, rotated.body.thumbprint, rotated.body.secret]).toEqual([201, next.thumbprint, undefined])
  expect([(await call(SELF)).status, (await send(house, next, SELF, {}, house.nobody)).status]).toEqual([200, 200])
  expect((await rotate({ public_key: third.jwk })).body.code).toBe('rotation_open')

  await house.clock.advance('3m')
  expect((await call(SELF)).body.code).toBe('key_expired')
  // Not beside a bare key either.
  expect(said(await call(SELF, { credential: house.agent.key }))).toEqual([401, 'proof_invalid', 'unknown_key'])
  expect((await send(house, next, SELF, {}, house.nobody)).status).toBe(200)
  await house.alice.post(`/api/v1/keys/${key.id}/revoke`)
  expect((await send(house, next, SELF, {}, house.nobody)).body.code).toBe('key_revoked')
  expect((await enrol(third.jwk)).status).toBe(201)
  expect((await house.eventTypes()).filter((type) => type === 'agent.key_changed')).toHaveLength(3)
})

test('V136 did:key and JWK enrol the same key, which no second agent gets, in no tenant', async () => {
  const house = await setup()
  const prover = await newProver()
  const { did } = readPublicKey({ ...prover.jwk })
  const other = await house.given.agent({ name: 'other' })

  const made = await house.given.key({ kind: 'agt', agent_id: house.agent.id, public_key: did })
  expect(made).toMatchObject({ thumbprint: prover.thumbprint })
  const twice = await house.alice.post('/api/v1/keys', { kind: 'agt', agent_id: other.id, public_key: prover.jwk })
  expect([twice.status, twice.body.code]).toEqual([409, 'key_in_use'])
  const theirs = await house.stranger.post('/api/v1/agents', { name: 'theirs' })
  const abroad = await house.stranger.post('/api/v1/keys', { kind: 'agt', agent_id: theirs.body.id, public_key: did })
  expect([abroad.status, abroad.body.code]).toEqual([409, 'key_in_use'])
  const weak = { kty: 'OKP', crv: 'Ed25519', x: `AQ${'A'.repeat(41)}` }
  for (const public_key of [
    weak,
    'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169',
    'did:key:z',
    { ...prover.jwk, d: 'x' },
  ]) {
    const refused = await house.alice.post('/api/v1/keys', { kind: 'agt', agent_id: other.id, public_key })
    expect([refused.status, refused.body.errors?.[0]?.path]).toEqual([422, '/public_key'])
  }
  const personal = await house.alice.post('/api/v1/keys', { kind: 'usr', scopes: ['tasks:*'], public_key: did })
  expect(personal.body.errors[0].path).toBe('/public_key')
})

test('V134 the token of a run may be shown with a proof of its agent, and then with no other', async () => {
  const { house, call } = await proven()
  const { token } = (await call(RUNS, { body: '{"purpose":"x"}' })).body
  const own = `${RUNS}/self`

  expect((await call(own, { credential: token })).status).toBe(200)
  expect((await house.nobody.get(own, { authorization: `Bearer ${token}` })).status).toBe(200)
  expect(said(await send(house, await newProver(), own, { credential: token }, house.nobody))).toEqual([
    401,
    'proof_invalid',
    'unknown_key',
  ])
  // A person's key has no pair.
  const personal = await house.given.key({ kind: 'usr', scopes: ['agents:read'] })
  expect(said(await call('/api/v1/agents', { credential: personal.secret }))).toEqual([401, 'proof_invalid', 'unknown_key'])
})
