// Relay grants (relay.md §2.4 G2, G3, R24–R26, R29): made for a caller without an account, read from both sides, changed by the owner.
import { expect, test } from 'vitest'
import { openTwo, type Two } from '../testing/two.ts'

const at = (id = '', act = '') => `/api/v1/relay-grants${id && `/${id}`}${act && `/${act}`}`
const INTROSPECT = '/api/v1/relay-tokens/introspect'

const own = (two: Two, more: object = {}) =>
  two.house.alice.post(at(), { agent: two.slug, label: 'Their build', purpose: 'To file reports.', ...more })

test('R29 an owner lets in a caller that has no account here: label and purpose, and the same limits, trail and end', async () => {
  const two = await openTwo()
  const { house, as, slug, events } = two
  for (const missing of ['label', 'purpose'])
    expect((await own(two, { [missing]: undefined })).body).toMatchObject({ code: 'validation_failed' })
  const key = { 'idempotency-key': 'own-1' }
  const wish = { agent: slug, label: 'Their build', purpose: 'To file reports.', skills: ['book'], limits: { rate: 5 } }
  const made = await house.alice.post(at(), wish, key)
  expect(made.status).toBe(201)
  const { relay_grant: grant, relay_token: token } = made.body
  expect(grant).toMatchObject({
    ...{
      side: 'owner',
      state: 'active',
      label: 'Their build',
      skills: ['book'],
      limits: { rate: 5 },
      connection_request_id: null,
    },
    ...{ asker: { tenant_id: null, agent_id: null, label: 'Their build' }, created_by: house.alice.id },
  })
  const replay = await house.alice.post(at(), wish, key)
  expect(replay.body).toEqual({ relay_grant: grant, expires_at: made.body.expires_at, secret_shown: false })
  expect((await as(token).post(INTROSPECT, {})).body).toMatchObject({ active: true, relay_grant: grant.id, agent: slug })
  // Any number of them: nobody is told apart who has no account.
  expect((await own(two)).status).toBe(201)
  expect((await events(house.tenantId, 'relay_grant.%')).map(({ type }) => type)).toEqual(Array(2).fill('relay_grant.created'))
  expect((await house.alice.post(at(grant.id, 'revoke'), { reason: 'Done.' })).body).toEqual({
    state: 'revoked',
    threads_revoked: 0,
  })
  expect((await as(token).post(INTROSPECT, {})).body.code).toBe('key_revoked')
})

test('R29 §12.6 it takes a session with a fresh proof, and a card of one’s own', async () => {
  const two = await openTwo()
  const { house, caller, bea, slug } = two
  const wish = { agent: slug, label: 'x', purpose: 'x' }
  expect((await caller.post(at(), wish)).status).toBe(403)
  expect((await house.nobody.post(at(), wish)).status).toBe(401)
  expect((await bea.post(at(), wish)).status).toBe(404)
  expect((await house.member.post(at(), wish)).status).toBe(404)
  expect((await house.viewer.post(at(), wish)).body.code).toBe('forbidden')
  await house.clock.advance('11m')
  expect((await own(two)).body.code).toBe('step_up_required')
})

test('R24 §10 terms that do not read are refused with their place', async () => {
  const two = await openTwo()
  for (const [wrong, place] of [
    [{ skills: ['fly'] }, 'skills'],
    [{ scopes: [] }, 'scopes'],
    [{ expires_in_seconds: 3_599 }, 'expires_in_seconds'],
    [{ expires_in_seconds: 31_536_001 }, 'expires_in_seconds'],
    [{ bind: { addresses: ['nowhere'] } }, 'addresses'],
    [{ bind: { addresses: Array.from({ length: 21 }, (_, i) => `10.0.0.${i}`) } }, 'addresses'],
    [{ limits: { max_open_threads: '5' } }, 'max_open_threads'],
    [{ encryption: 'optional' }, 'encryption'],
  ] as const) {
    const refused = await own(two, wrong)
    expect([wrong, refused.status, refused.body.code]).toEqual([wrong, 422, 'validation_failed'])
    expect(JSON.stringify(refused.body.errors)).toContain(place)
  }
})

test('R25 R28 R115 both sides list and read it, never a token; everybody else finds nothing', async () => {
  const two = await openTwo()
  const { house, caller, bea, slug } = two
  const first = await two.connect()
  const second = (await own(two)).body.relay_grant.id
  const ids = async (by: typeof bea, query = '') =>
    (await by.get(`${at()}${query}`)).body.data.map(({ id, side }: Record<string, string>) => [id, side])
  expect(await ids(house.bob)).toEqual([second, first.grantId].map((id) => [id, 'owner']))
  expect(await ids(bea)).toEqual([[first.grantId, 'caller']])
  expect(await ids(caller as never)).toEqual([[first.grantId, 'caller']])
  expect(await ids(house.bob, '?side=caller')).toEqual([])
  expect(await ids(house.bob, `?agent=${slug}&state=revoked`)).toEqual([])
  expect(await ids(await house.stranger.person())).toEqual([])
  expect(await ids(await house.member.person())).toEqual([])
  const theirs = await caller.get(at(first.grantId))
  expect(theirs.headers.get('etag')).toBe('"1"')
  expect(theirs.body).toMatchObject({
    side: 'caller',
    is_expired: false,
    created_by: null,
    tokens: [{ last_four: first.token.slice(-4) }],
  })
  expect(JSON.stringify([theirs.body, (await house.bob.get(at())).body])).not.toContain(first.token)
  expect((await bea.get(at(second))).status).toBe(404)
  for (const by of [house.stranger, house.member]) {
    const foreign = await by.get(at(first.grantId))
    const nowhere = await by.get(at(`${first.grantId.slice(0, -8)}0000000Z`))
    expect([foreign.status, { ...foreign.body, request_id: '' }]).toEqual([404, { ...nowhere.body, request_id: '' }])
  }
})

test('R24 the owner makes limits narrower or wider, and sets an end; the same again changes nothing, and a stale tag is refused', async () => {
  const two = await openTwo()
  const { house, bea, events } = two
  const { grantId, token } = await two.connect({ limits: { rate: 60 } })
  const change = (body: object, tag?: string) => house.bob.patch(at(grantId), body, tag ? { 'if-match': tag } : {})
  const wider = await change({ limits: { rate: 120, max_open_threads: 3 }, label: 'Bea' }, '"1"')
  expect(wider.body).toMatchObject({ version: 2, limits: { rate: 120, max_open_threads: 3 }, label: 'Bea' })
  expect((await change({ label: 'Bea' })).body.version).toBe(2)
  expect((await change({ limits: { max_open_threads: 3, rate: 120 } })).body.version).toBe(2)
  expect((await change({ label: 'C' }, '"1"')).body).toMatchObject({ code: 'version_conflict', version: 2 })
  expect((await change({ ends_at: '2020-01-01T00:00:00.000Z' })).status).toBe(422)
  expect((await bea.patch(at(grantId), { label: 'mine' })).status).toBe(403)
  const ends = new Date((await house.clock.now()).getTime() + 3_600_000).toISOString()
  expect((await change({ ends_at: ends })).body).toMatchObject({ ends_at: ends, expires_at: ends, version: 3 })
  // Nothing goes beyond what the owner has set.
  const rotated = await bea.post(at(grantId, 'rotate'), { overlap_seconds: 0 })
  expect(rotated.body.expires_at).toBe(ends)
  expect((await change({ ends_at: null })).body.ends_at).toBe(null)
  await house.bob.post(at(grantId, 'revoke'), {})
  expect((await change({ label: 'late' })).body).toMatchObject({ code: 'grant_ended', state: 'revoked' })
  expect((await events(house.tenantId, 'relay_grant.updated')).map(({ body }) => body.data)).toMatchObject([
    { fields: ['label', 'limits'] },
    { fields: ['ends_at'] },
    { fields: ['ends_at'] },
  ])
  expect((await two.as(token).post(INTROSPECT, {})).body.code).toBe('key_revoked')
})

test('R72 policies of the owner judge what is done to a relay grant: what they forbid is not done, and what they ask about waits for people', async () => {
  const two = await openTwo()
  const { house } = two
  const { grantId } = await two.connect()
  const text = `@id("people") permit (principal is User, action, resource) unless { action in [Action::"relay_grant.rotate", Action::"relay_grant.revoke"] };
@id("asks") @ask("Revoke it?") permit (principal is User, action == Action::"relay_grant.revoke", resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  expect((await house.bob.post(at(grantId, 'rotate'), {})).body.code).toBe('policy_denied')
  const held = await house.bob.post(at(grantId, 'revoke'), {})
  expect([held.status, held.body.code]).toEqual([428, 'approval_pending'])
  expect((await house.bob.get(at(grantId))).body.state).toBe('active')
  const decided = await house.alice.post(`/api/v1/tasks/${held.body.task_id}/decide`, {
    ...{ type: 'respond', response: { approve: true }, seen_revision: 1 },
  })
  expect(decided.status).toBe(200)
  expect((await house.bob.post(at(grantId, 'revoke'), {})).body).toEqual({ state: 'revoked', threads_revoked: 0 })
})
