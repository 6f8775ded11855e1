// Relay tokens (relay.md R26–R28, G1, §10, §12.5, §12.10): exchanged by either side, bound, asked about, given up, and revoked where they leak.
import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { mintKey } from '../../crypto/token.ts'
import { openTwo, type Two } from '../testing/two.ts'

const at = (id: string, act = '') => `/api/v1/relay-grants/${id}${act && `/${act}`}`
const TOKENS = '/api/v1/relay-tokens'
const asks = async (two: Two, token: string) => {
  const { body } = await two.as(token).post(`${TOKENS}/introspect`, {})
  return body.code ?? body.active
}
const days = (from: Date, to: string) => (new Date(to).getTime() - from.getTime()) / 86_400_000

test('G1 R27 §12.10 inside the overlap both tokens work, after it the old one is key_revoked; the life begins anew and both sides hear of it', async () => {
  const two = await openTwo()
  const { house, caller, askerTenant, events } = two
  const { grantId, token } = await two.connect()
  await house.clock.advance('10h')
  const rotated = await caller.post(at(grantId, 'rotate'), { overlap_seconds: 60 })
  expect(rotated.status).toBe(200)
  const next: string = rotated.body.relay_token
  expect(next).not.toBe(token)
  expect(days(await house.clock.now(), rotated.body.expires_at)).toBeCloseTo(90, 3)
  expect(rotated.body.relay_grant.tokens.map(({ is_live }: { is_live: boolean }) => is_live)).toEqual([true, true])
  expect([await asks(two, token), await asks(two, next)]).toEqual([true, true])
  await house.clock.advance('61s')
  expect([await asks(two, token), await asks(two, next)]).toEqual(['key_revoked', true])
  for (const tenant of [house.tenantId, askerTenant])
    expect((await events(tenant, 'relay_grant.rotated')).map(({ body }) => body)).toMatchObject([
      { actor: { id: caller.id }, data: { relay_grant_id: grantId, by: 'caller', overlap_seconds: 60 } },
    ])
  const now = await house.bob.post(at(grantId, 'rotate'), { overlap_seconds: 0 })
  expect([await asks(two, next), await asks(two, now.body.relay_token)]).toEqual(['key_revoked', true])
})

test('R27 a second rotation while one is open is refused unless it is forced, and never more than two tokens work', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const { grantId, token } = await two.connect()
  const second = (await house.bob.post(at(grantId, 'rotate'), {})).body.relay_token
  const open = await caller.post(at(grantId, 'rotate'), {})
  expect([open.status, open.body.code]).toEqual([409, 'rotation_open'])
  const third = (await caller.post(at(grantId, 'rotate'), { force: true })).body.relay_token
  expect([await asks(two, token), await asks(two, second), await asks(two, third)]).toEqual(['key_revoked', true, true])
  for (const overlap_seconds of [-1, 604_801, '60', 0.5])
    expect((await caller.post(at(grantId, 'rotate'), { overlap_seconds })).body.code).toBe('validation_failed')
})

test('R27 of many who rotate at once one does, and of a rotation and a revocation nothing is left that works', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const elsewhere = caller.at((await house.second()).url)
  const { grantId } = await two.connect()
  const all = await Promise.all([caller, elsewhere, house.bob, caller].map((by) => by.post(at(grantId, 'rotate'), {})))
  expect(all.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  const [rotated, revoked] = await Promise.all([
    caller.post(at(grantId, 'rotate'), { force: true }),
    house.bob.post(at(grantId, 'revoke'), {}),
  ])
  expect(revoked.body.state).toBe('revoked')
  if (rotated.status !== 200) expect(rotated.body.code).toBe('grant_ended')
  const { n } = await house.admin.one<{ n: number }>`
    select count(*)::integer as n from relay_tokens where expires_at > countersign.now() and (ends_at is null or ends_at > countersign.now())`
  expect(n).toBe(0)
})

test('R25 R27 a replay of a rotation has no token, on either side', async () => {
  const two = await openTwo()
  const { grantId } = await two.connect()
  for (const by of [two.house.bob, two.caller]) {
    const key = { 'idempotency-key': randomUUID() }
    const first = await by.post(at(grantId, 'rotate'), { overlap_seconds: 0 }, key)
    const { relay_token: token, ...rest } = first.body
    expect(token).toMatch(/^cs_live_rly_/)
    expect((await by.post(at(grantId, 'rotate'), { overlap_seconds: 0 }, key)).body).toEqual({ ...rest, secret_shown: false })
  }
})

test('R28 whoever holds it and both sides ask what it opens; nobody else learns that it is one', async () => {
  const two = await openTwo()
  const { house, caller, as, slug } = two
  const { grantId, token } = await two.connect({ scopes: ['threads:start', 'threads:send'] })
  const said = {
    ...{
      active: true,
      relay_grant: grantId,
      agent: slug,
      scope: 'threads:start threads:send',
      scopes: ['threads:start', 'threads:send'],
    },
    ...{ client_id: caller.id, token_type: 'Bearer', is_expired: false, prefix: token.slice(0, 12), last_four: token.slice(-4) },
  }
  expect((await as(token).post(`${TOKENS}/introspect`, {})).body).toMatchObject(said)
  for (const by of [caller, house.bob]) {
    const { body } = await by.post(`${TOKENS}/introspect`, { token })
    expect(body).toMatchObject(said)
    // The day of its last use, and the range.
    expect(body.last_used_on).toBe((await house.clock.now()).toISOString().slice(0, 10))
    expect(body.exp - body.iat).toBe(90 * 86_400)
  }
  for (const unknown of [mintKey('live', 'rly'), 'nothing', `${token.slice(0, -1)}?`])
    expect((await house.bob.post(`${TOKENS}/introspect`, { token: unknown })).body).toEqual({ active: false })
  expect((await house.stranger.post(`${TOKENS}/introspect`, { token })).body).toEqual({ active: false })
  expect((await house.member.post(`${TOKENS}/introspect`, { token })).body).toEqual({ active: false })
  // A relay token speaks for itself alone.
  const other = (await house.alice.post('/api/v1/relay-grants', { agent: slug, label: 'x', purpose: 'x' })).body.relay_token
  expect((await as(other).post(`${TOKENS}/introspect`, { token })).body).toEqual({ active: false })
  expect((await as(other).post(`${TOKENS}/rotate`, { token })).status).toBe(404)
  expect((await as(other).post(`${TOKENS}/revoke`, { token })).body).toEqual({})
  expect(await asks(two, token)).toBe(true)
  expect((await house.bob.post(`${TOKENS}/introspect`, {})).body.errors).toMatchObject([{ path: '/token', code: 'required' }])
})

test('R28 forms of RFC 7662 and 7009 say the same as JSON; other types are refused', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const { token } = await two.connect()
  const form = (act: string, body: string, type = 'application/x-www-form-urlencoded') =>
    house.nobody.raw(`${TOKENS}/${act}`, {
      method: 'POST',
      body,
      headers: { 'content-type': type, authorization: `Bearer ${caller.key}` },
    })
  const asked = await form('introspect', `token=${token}&token_type_hint=access_token`)
  expect([asked.status, await asked.json()]).toMatchObject([200, { active: true }])
  expect((await form('introspect', `token=${token}&token=${token}`)).status).toBe(422)
  expect((await form('introspect', `token=${token}`, 'text/plain')).status).toBe(415)
  expect((await form('introspect', '{"token":', 'application/json')).status).toBe(400)
  expect((await form('rotate', `token=${token}&overlap_seconds=604801`)).status).toBe(422)
  const rotated = (await (await form('rotate', `token=${token}&overlap_seconds=0`)).json()) as { relay_token: string }
  expect(await asks(two, token)).toBe('key_revoked')
  expect(await (await form('revoke', `token=${rotated.relay_token}`)).json()).toEqual({})
  expect(await asks(two, rotated.relay_token)).toBe('key_revoked')
})

test('R28 R27 the token itself is rotated and given up by whoever holds it; the grant stays', async () => {
  const two = await openTwo()
  const { house, as, events, askerTenant, caller } = two
  const { grantId, token } = await two.connect()
  const rotated = await as(token).post(`${TOKENS}/rotate`, { overlap_seconds: 0 })
  expect([rotated.status, rotated.body.relay_grant.side]).toEqual([200, 'caller'])
  const next: string = rotated.body.relay_token
  expect([await asks(two, token), await asks(two, next)]).toEqual(['key_revoked', true])
  expect((await as(next).post(`${TOKENS}/revoke`, {})).body).toEqual({})
  expect(await asks(two, next)).toBe('key_revoked')
  expect((await house.bob.get(at(grantId))).body.state).toBe('active')
  for (const [tenant, type] of [
    [house.tenantId, 'relay_token.revoked'],
    [askerTenant, 'relay_grant.updated'],
  ] as const)
    expect((await events(tenant, type)).map(({ body }) => body.data)).toMatchObject([
      { relay_grant_id: grantId, reason: 'given_up' },
    ])
  expect((await caller.post(at(grantId, 'rotate'), {})).status).toBe(200)
})

test('R114 §12.6 a relay token opens nothing of control, and a session or key is no relay token', async () => {
  const two = await openTwo()
  const { as } = two
  const { grantId, token, requestId } = await two.connect()
  const holder = as(token)
  for (const refused of [
    await holder.get('/api/v1/relay-grants'),
    await holder.get(at(grantId)),
    await holder.post(at(grantId, 'rotate'), {}),
    await holder.post(at(grantId, 'revoke'), {}),
    await holder.get(`/api/v1/connection-requests/${requestId}`),
    await holder.post(`/api/v1/connection-requests/${requestId}/collect`),
    await holder.get('/api/v1/tasks'),
  ])
    expect([refused.status, refused.body.code]).toEqual([401, 'wrong_token_kind'])
})

test('§10 a token that is cut, doubled or of a wrong checksum is none, a cookie holds none, the scheme may be in any case; in a URL it is revoked', async () => {
  const two = await openTwo()
  const { house, as, events } = two
  const { grantId, token } = await two.connect()
  for (const wrong of [`${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`, token.slice(0, -1), token + token])
    expect((await as(wrong).post(`${TOKENS}/introspect`, {})).status).toBe(401)
  const lower = await house.nobody.raw(`${TOKENS}/introspect`, {
    ...{ method: 'POST', body: '{}' },
    headers: { authorization: `bearer ${token}`, 'content-type': 'application/json' },
  })
  expect(lower.status).toBe(200)
  expect(
    (await house.nobody.raw(`${TOKENS}/introspect`, { method: 'POST', headers: { cookie: `relay=${token}`, origin: house.url } }))
      .status,
  ).toBe(401)
  const leaked = await house.nobody.get(`/api/v1/relay-grants?token=${token}`)
  expect([leaked.status, leaked.body.code]).toEqual([400, 'credential_in_url'])
  expect(await asks(two, token)).toBe('key_revoked')
  expect((await events(house.tenantId, 'relay_token.revoked')).map(({ body }) => body.data)).toMatchObject([
    { relay_grant_id: grantId, reason: 'exposed' },
  ])
})

test('R26 a token that is bound to addresses works from there alone', async () => {
  const two = await openTwo()
  const near = await two.connect({ bind: { addresses: ['127.0.0.0/8', '::1'] } })
  expect(await asks(two, near.token)).toBe(true)
  await two.house.bob.post(at(near.grantId, 'revoke'), {})
  const far = await two.connect({ bind: { addresses: ['192.0.2.0/24'] } })
  expect(await asks(two, far.token)).toBe('token_binding_failed')
})

test('R26 R119 a token that is bound to a key works with a fresh proof of that key, each once', async () => {
  const two = await openTwo()
  const { house } = two
  const [own, other] = [
    await generateKeyPair('ES256', { extractable: true }),
    await generateKeyPair('ES256', { extractable: true }),
  ]
  const jkt = await thumbprint(own.publicKey)
  const { token } = await two.connect({ bind: { dpop_jkt: jkt } })
  const url = `${house.url}${TOKENS}/introspect`
  const proofOf = async (pair: typeof own, more: object = {}) => {
    const { kty, crv, x, y } = await exportJWK(pair.publicKey)
    const iat = Math.floor(house.clock.now().getTime() / 1_000)
    const claims = { htm: 'POST', htu: url, jti: randomUUID(), iat, ath: digest(token), cs_q: digest(''), ...more }
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } as never }
    return new SignJWT(claims).setProtectedHeader(header).sign(pair.privateKey)
  }
  const send = async (dpop: string | null) => {
    const headers = {
      'content-type': 'application/json',
      authorization: `${dpop ? 'DPoP' : 'Bearer'} ${token}`,
      ...(dpop ? { dpop } : {}),
    }
    const answer = await fetch(url, { method: 'POST', headers })
    const body = (await answer.json()) as { code?: string; active?: boolean; token_type?: string; cnf?: object }
    return body.code ?? body
  }
  expect(await send(null)).toBe('token_binding_failed')
  expect(await send(await proofOf(other))).toBe('token_binding_failed')
  const proof = await proofOf(own)
  expect(await send(proof)).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } })
  expect(await send(proof)).toBe('proof_replayed')
  expect(await send(await proofOf(own, { iat: Math.floor(house.clock.now().getTime() / 1_000) - 600 }))).toBe('proof_invalid')
  expect(await send(await proofOf(own))).toMatchObject({ active: true })
})

const digest = (text: string) => createHash('sha256').update(text).digest('base64url')

async function thumbprint(key: CryptoKey): Promise<string> {
  const { kty, crv, x, y } = await exportJWK(key)
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}
