// Cards of agents elsewhere: taken over as drafts, and believed as far as their keys go (relay.md R18, R118).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { makeCardKey } from '../../../crypto/card-signature.ts'
import { readPinnedKeys } from '../../../main/pinned-keys.ts'
import { openRelay } from '../../testing/relay.ts'
import { openUpstreamAgent } from '../testing/upstream-agent.ts'
import { draftOf } from './draft.ts'

const opened = (...ports: number[]) => ({
  EGRESS_HTTP: '1',
  EGRESS_ALLOW: ports.map((port) => `127.0.0.1:${port}`).join(','),
})

async function open(settings: Record<string, string> = {}) {
  const agent = await openUpstreamAgent()
  const house = await setup({ settings: { ...opened(agent.port), ...settings } })
  const take = (body: object = {}) => house.alice.post('/api/v1/cards/import', { url: agent.cardUrl, ...body })
  const verify = async (card_verification: string) => {
    const changed = await house.alice.patch('/api/v1/tenant', { card_verification })
    expect([changed.status, changed.body.card_verification]).toEqual([200, card_verification])
  }
  return { agent, house, take, verify }
}

function keyFile(value: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-pinned-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'keys.json')
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value))
  return file
}

test('R18 an A2A card becomes a draft whose messages go there; nobody reads it until its owner makes it public', async () => {
  const { agent, house, take } = await open()
  agent.key = makeCardKey('ES256')
  const made = await take()
  expect([made.status, made.body]).toMatchObject([
    201,
    {
      ...{ slug: 'elsewhere', name: 'Elsewhere', summary: 'Answers.', visibility: 'grant_holders', listing: 'direct_link_only' },
      delivery: { mode: 'a2a' },
      upstream: { card_url: agent.cardUrl, signed: true },
      report: {
        card_url: agent.cardUrl,
        verification: { mode: 'prefer', signed: true, signers: [agent.key.kid], keys: 'origin' },
        interfaces: [{ url: `${agent.origin}/rpc`, binding: 'JSONRPC', version: '1.0' }],
        changed: [],
      },
      skills: [{ id: 'any', name: 'Any', tags: ['test'] }],
    },
  ])
  expect(made.headers.get('etag')).toBe(made.body.etag)
  const hidden = [
    '/api/v1/agents/elsewhere/card',
    '/agents/elsewhere/.well-known/agent-card.json',
    '/api/v1/agents/elsewhere/health',
  ]
  for (const path of hidden) expect([path, (await house.nobody.get(path)).status]).toEqual([path, 404])
  const stranger = await house.stranger.get('/api/v1/agents/elsewhere')
  expect(stranger.status).toBe(404)
  expect((await house.alice.post(`/api/v1/cards/${made.body.id}/listing`, { action: 'submit' })).body.code).toBe('state_conflict')
  // Again is another draft; a slug that somebody chose is theirs or nobody's.
  const again = await take()
  expect([again.status, again.body.id === made.body.id]).toEqual([201, false])
  expect(again.body.slug).toMatch(/^elsewhere-[0-9a-z]{8}$/)
  expect((await take({ slug: 'elsewhere' })).body.code).toBe('slug_taken')
  expect((await take({ slug: 'admin' })).body.errors[0]).toMatchObject({ path: '/slug', code: 'reserved' })
  const shown = await house.alice.patch(`/api/v1/cards/${made.body.id}`, { visibility: 'public' }, { 'If-Match': made.body.etag })
  expect(shown.status).toBe(200)
  expect((await house.nobody.get('/api/v1/agents/elsewhere/card')).body).toMatchObject({ name: 'Elsewhere', delivery: 'a2a' })
})

test('R18 what a draft was imported for works: a thread with it is answered elsewhere', async () => {
  const agent = await openUpstreamAgent()
  const relay = await openRelay({ settings: opened(agent.port) })
  const { body } = await relay.house.alice.post('/api/v1/cards/import', { url: agent.cardUrl })
  const grant = await relay.makeGrant({ card: body })
  const started = await relay.start({ text: 'hello' }, { card: body, token: grant.token })
  expect(started.status).toBe(202)
  await relay.house.runJobs()
  expect(agent.ran).toEqual([started.body.message_id])
})

test('R18 R117 §10 an address that leads inside, to nothing or to no card is refused, and no draft is left', async () => {
  const { agent, house, take } = await open()
  for (const [url, code] of [
    ['http://169.254.169.254/card.json', 'url_not_allowed'],
    ['http://127.0.0.1:1/card.json', 'url_not_allowed'],
    ['file:///etc/passwd', 'url_not_allowed'],
    [`${agent.origin}/jwks.json`, 'validation_failed'],
  ] as const)
    expect([url, (await take({ url })).body.code]).toEqual([url, code])
  agent.cardStatus = 302
  expect((await take()).body.errors[0]).toMatchObject({ path: '/url', code: 'no_card' })
  expect((await house.alice.get('/api/v1/cards')).body.data).toEqual([])
  expect((await house.viewer.post('/api/v1/cards/import', { url: agent.cardUrl })).status).toBe(403)
})

test('R118 a card is not verified, verified where it is signed, or taken only where it verifies, as the tenant says', async () => {
  const { agent, take, verify } = await open()
  expect((await take()).body.report.verification).toEqual({ mode: 'prefer', signed: false, signers: [], keys: null })
  await verify('require')
  expect((await take()).body).toMatchObject({ status: 422, code: 'card_untrusted' })
  agent.key = makeCardKey('EdDSA')
  expect((await take()).body.report.verification).toMatchObject({ mode: 'require', signed: true, signers: [agent.key.kid] })
  // The key set is away just now: what cannot be checked is not taken by whoever requires it.
  agent.keySetStatus = 503
  expect((await take()).body.code).toBe('card_untrusted')
  agent.keySetStatus = 200
  // Another word than the one that was signed.
  agent.forged = { description: 'Pays.' }
  for (const mode of ['require', 'prefer']) {
    await verify(mode)
    expect([mode, (await take()).body.code]).toEqual([mode, 'card_untrusted'])
  }
  await verify('ignore')
  expect((await take()).body.report.verification).toEqual({ mode: 'ignore', signed: false, signers: [], keys: null })
})

test('R118 a copied card verifies by nothing: keys of another origin are not asked for, whoever names them', async () => {
  const { agent, take, verify } = await open()
  const other = await openUpstreamAgent()
  agent.key = makeCardKey('ES256')
  other.key = agent.key
  agent.jku = `${other.origin}/jwks.json`
  expect((await take()).body.report.verification).toMatchObject({ signed: false, signers: [] })
  expect((await take()).body.upstream.signed).toBe(false)
  expect(other.fetched).toEqual([])
  await verify('require')
  expect((await take()).body.code).toBe('card_untrusted')
})

test('R118 keys that the operator pinned for an origin come first, and no others count for it', async () => {
  const agent = await openUpstreamAgent()
  const key = makeCardKey('ES256')
  const file = keyFile({ [agent.origin]: { keys: [key.publicJwk] } })
  const house = await setup({ settings: { ...opened(agent.port), RELAY_CARD_KEYS_FILE: file } })
  const take = () => house.alice.post('/api/v1/cards/import', { url: agent.cardUrl })
  agent.key = key
  expect((await take()).body.report.verification).toMatchObject({ signed: true, signers: [key.kid], keys: 'pinned' })
  expect(agent.fetched).not.toContain('/jwks.json')
  agent.key = makeCardKey('ES256')
  expect((await take()).body.report.verification).toMatchObject({ signed: false, keys: null })
  expect(agent.fetched).not.toContain('/jwks.json')
})

test('R118 a file of pinned keys that is written wrongly stops the start, with what is wrong', () => {
  const { publicJwk } = makeCardKey('ES256')
  const { kid: _kid, ...nameless } = publicJwk
  for (const [value, says] of [
    ['{', 'cannot be read as JSON'],
    [[], 'an object of key sets'],
    [{ 'https://a.example/': { keys: [publicJwk] } }, 'an origin such as'],
    [{ 'https://a.example': { keys: [] } }, '{"keys": […]}'],
    [{ 'https://a.example': { keys: [nameless] } }, 'a kid on every key'],
    [{ 'https://a.example': { keys: [{ kid: 'x', kty: 'oct', k: 'x' }] } }, 'public keys of P-256'],
  ] as const)
    expect(() => readPinnedKeys(keyFile(value))).toThrow(says)
  expect(readPinnedKeys(null)('https://a.example')).toBeNull()
})

test('R118 a key that signs beside a known one is known from then on; one that comes alone pauses the agent', async () => {
  const { agent, house, take } = await open()
  agent.key = makeCardKey('ES256')
  const { body } = await take()
  const state = async () => (await house.alice.get(`/api/v1/cards/${body.id}`)).body
  await house.alice.patch(`/api/v1/cards/${body.id}`, { visibility: 'public' }, { 'If-Match': body.etag })
  await house.alice.post(`/api/v1/cards/${body.id}/listing`, { action: 'submit' })
  await house.bob.post(`/api/v1/cards/${body.id}/review`, { version: 2, decision: 'list' })
  const look = async () => {
    await house.runJobs()
    await house.clock.advance('16m')
    await house.runJobs()
    return (await house.nobody.get('/api/v1/agents/elsewhere/health')).body
  }
  agent.also = makeCardKey('ES256')
  expect(await look()).toMatchObject({ state: 'ok' })
  agent.key = agent.also
  agent.also = null
  expect(await look()).toMatchObject({ state: 'ok' })
  agent.keySetStatus = 503
  expect(await look()).toMatchObject({ state: 'down', reason: 'unreachable' })
  expect((await state()).state).toBe('active')
  agent.keySetStatus = 200
  agent.key = makeCardKey('ES256')
  expect(await look()).toMatchObject({ state: 'down', reason: 'key_changed' })
  expect(await state()).toMatchObject({ state: 'paused', paused_reason: expect.stringContaining('another key') })
})

test('R18 what ours cannot say is cut, renamed or left out, and each place is noted', () => {
  const { card, slug, changed } = draftOf({
    name: 'Ä'.repeat(90),
    description: 'First.\u0007 Second!',
    version: '1',
    provider: { organization: 'Ada', url: 'http://ada.example/' },
    documentationUrl: 'https://ada.example/docs',
    iconUrl: 'javascript:alert(1)',
    defaultInputModes: ['Text/Plain', 'no type'],
    defaultOutputModes: [],
    skills: [
      { id: 'a b', name: 'x\ny', description: '', tags: [] },
      { id: '///', name: 'z', description: 'z', tags: ['t'] },
    ],
  })
  expect(card).toMatchObject({
    name: 'Ä'.repeat(80),
    summary: 'First.',
    documentation_url: 'https://ada.example/docs',
    accepted_inputs: ['text/plain'],
    expected_outputs: ['text/plain'],
    skills: [{ id: 'a-b', name: 'x y', description: 'x y', tags: ['imported'] }],
  })
  expect([card.provider, card.icon_url]).toEqual([undefined, undefined])
  expect(slug).toMatch(/^a+$/)
  expect(changed.map(({ path }) => path)).toEqual([
    '/name',
    '/provider/url',
    '/skills/0/id',
    '/skills/1',
    '/iconUrl',
    '/defaultInputModes',
    '/defaultOutputModes',
  ])
})
