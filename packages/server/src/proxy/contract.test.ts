// Every bundled definition through the real proxy (vault.md V55): one request to a TLS server under the definition's own host name, and the exact bytes that arrive there.
// What is expected stands here by itself; it is not read from the definition.
import { expect, test } from 'vitest'
import { policySchema } from '../identity/policies/judge.ts'
import { openSets } from '../policy/decide.ts'
import { bundle } from '../vault/bundle/bundle.ts'
import { materialOf, paramsOf, placesOf } from '../vault/bundle/testing/made.ts'
import type { Definition, Material } from '../vault/providers/definition.ts'
import { appliesTo, fillInjection } from '../vault/providers/fill.ts'
import { judgeRequest } from './decide/judge.ts'
import { connection, GRANT, view } from './decide/testing/view.fixture.ts'
import type { Answer, Verdict } from './gatekeeper.ts'
import { filled, send } from './testing/gatekeeper.ts'
import { openWorld, untilClosed, type World } from './testing/world.ts'

const AT = new Date('2026-03-02T10:00:00Z')
const SETS = openSets({
  version: 1,
  text: 'permit (principal is Agent, action in [Action::"proxy.request", Action::"proxy.tool"], resource);',
  guardrails: '',
  schema: policySchema(),
})
const base64 = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const bearer = (value: unknown) => ({ authorization: `Bearer ${String(value)}` })

type Expected = { headers?: Record<string, string>; url?: (path: string) => string }
type Place = { host: string; path: string }

/** Header keys of their own (S8), queries (S9), Basic (S10), paths (S16); everything else is a bearer. */
const EXPECTED: Record<string, (m: Material, at: Place) => Expected> = {
  anthropic: (m) => ({ headers: { 'x-api-key': String(m.api_key) } }),
  apollo: (m) => ({ headers: { 'x-api-key': String(m.api_key) } }),
  brevo: (m) => ({ headers: { 'api-key': String(m.api_key) } }),
  g2: (m) => ({ headers: { authorization: `Token token=${m.api_key}` } }),
  hunter: (m) => ({ headers: { 'x-api-key': String(m.api_key) } }),
  klaviyo: (m) => ({ headers: { authorization: `Klaviyo-API-Key ${m.api_key}` } }),
  livestorm: (m) => ({ headers: { authorization: String(m.api_key) } }),
  postmark: (m) => ({ headers: { 'x-postmark-server-token': String(m.server_token) } }),
  semrush: (m) => ({ url: (path) => `${path}?key=${m.api_key}` }),
  trello: (m) => ({ url: (path) => `${path}?key=${m.api_key}&token=${m.token}` }),
  ashby: (m) => ({ headers: { authorization: base64(`${m.api_key}:`) } }),
  clearbit: (m) => ({ headers: { authorization: base64(`${m.api_key}:`) } }),
  rewardful: (m) => ({ headers: { authorization: base64(`${m.api_key}:`) } }),
  lemlist: (m) => ({ headers: { authorization: base64(`:${m.api_key}`) } }),
  mailchimp: (m) => ({ headers: { authorization: base64(`any:${m.api_key}`) } }),
  twilio: (m) => ({ headers: { authorization: base64(`${m.account_sid}:${m.auth_token}`) } }),
  pypi: (m) => ({ headers: { authorization: base64(`__token__:${m.api_key}`) } }),
  'brave-search-mcp': (m) => ({ headers: { 'x-subscription-token': String(m.api_key) } }),
  'azure-openai': (m) => ({ headers: { 'api-key': String(m.api_key) } }),
  datadog: (m) => ({ headers: { 'dd-api-key': String(m.api_key), 'dd-application-key': String(m.app_key) } }),
  deepgram: (m) => ({ headers: { authorization: `Token ${m.api_key}` } }),
  elevenlabs: (m) => ({ headers: { 'xi-api-key': String(m.api_key) } }),
  figma: (m) => ({ headers: { 'x-figma-token': String(m.access_token ?? m.api_key) } }),
  gemini: (m) => ({ headers: { 'x-goog-api-key': String(m.api_key) } }),
  supabase: (m) => ({ headers: { apikey: String(m.api_key), authorization: `Bearer ${m.api_key}` } }),
  telegram: (m) => ({ url: () => `/bot${m.bot_token}/getMe` }),
  github: (m, { host }) => ({
    headers: host === 'github.com' ? { authorization: base64(`x-access-token:${m.access_token}`) } : bearer(m.access_token),
  }),
}
/** Where the first place of a definition is no request that its API takes. */
const PATHS: Record<string, string> = { telegram: '/bot/getMe', postmark: '/email' }

const all = [...bundle().byName.values()].map(({ name, definition }) => ({ name, definition }))

/** A server that takes a key or a sign-in holds one of both. */
function waysOf(definition: Definition): Material[] {
  const { access_token, api_key, ...rest } = materialOf(definition)
  if (access_token === undefined || api_key === undefined) return [materialOf(definition)]
  return [
    { ...rest, access_token },
    { ...rest, api_key },
  ]
}

/** The judgement of the proxy over one connection of this definition, and its injections filled: as a node does it. */
async function verdictOf(
  definition: Definition,
  asked: Parameters<typeof judgeRequest>[1],
  material: Material = materialOf(definition),
): Promise<Verdict> {
  const params = paramsOf(definition)
  const grants = [{ ...GRANT, rules: [{ effect: 'allow' as const }], minting: true }]
  const one = connection('1', definition, { params, grants })
  const judged = await judgeRequest({ view: view([one]), sets: SETS, limits: { inspectBody: 65_536 }, at: AT }, asked)
  if (judged.outcome !== 'allow') {
    const reason = judged.outcome === 'deny' ? judged.reason : judged.outcome
    return { kind: 'answer', status: 403, headers: {}, body: Buffer.from(reason) } satisfies Answer
  }
  return send({
    injections: definition.inject
      .filter((rule) => appliesTo(rule, asked, params))
      .flatMap((rule) => {
        const bytes = fillInjection(rule, material)
        if (bytes === null || bytes.where === 'sigv4') return []
        const more = bytes.where === 'basic' ? { user: bytes.user, password: bytes.password } : {}
        return [filled(rule, bytes.value, more)]
      }),
  })
}

/** Each in a run of its own: one meets no more than twenty new names in a second. */
async function ask(world: World, at: Place & { port: number }): Promise<string> {
  const { token } = world.keeper.another({})
  const socket = await world.tunnel({ host: at.host, port: at.port, token })
  const authority = at.port === 443 ? at.host : `${at.host}:${at.port}`
  socket.write(
    `GET ${at.path} HTTP/1.1\r\nHost: ${authority}\r\nAuthorization: Bearer of-the-client\r\nConnection: close\r\n\r\n`,
  )
  return untilClosed(socket)
}

test('V54 V55 each definition’s credential arrives at its own host in its own form, and nowhere else', {
  timeout: 240_000,
}, async () => {
  const places = all.flatMap(({ name, definition }) =>
    placesOf(definition, paramsOf(definition)).map((at) => ({ name, definition, at: { ...at, path: PATHS[name] ?? at.path } })),
  )
  const hosts = [...new Set(places.map(({ at }) => at.host))]
  const ports = [...new Set(places.map(({ at }) => at.port))]
  const world = await openWorld({
    names: hosts,
    allowed: hosts.flatMap((host) => ports.map((port) => `${host}:${port}`)),
  })
  const ways = places.flatMap((place) => waysOf(place.definition).map((material) => ({ ...place, material })))
  for (const { name, definition, at, material } of ways) {
    world.keeper.verdict = (asked) => verdictOf(definition, asked, material)
    const before = world.seen.length
    const answer = await ask(world, at)
    expect([name, at.host, answer.slice(9, 12), world.seen.length - before]).toEqual([name, at.host, '200', 1])
    const { headers, url } = world.seen.at(-1) as World['seen'][number]
    const expected: Expected = EXPECTED[name]?.(material, at) ?? {
      headers: bearer(material.access_token ?? material.api_key ?? material.token),
    }
    expect([name, at.host, url]).toEqual([name, at.host, expected.url?.(at.path) ?? at.path])
    for (const [field, value] of Object.entries(expected.headers ?? {}))
      expect([name, field, headers[field]]).toEqual([name, field, value])
    // What the client put where the credential goes did not arrive beside it.
    if (expected.headers?.authorization) expect([name, headers.authorization]).not.toContain('of-the-client')
    // Without TLS nothing is added.
    const plain = await verdictOf(definition, {
      ...(world.keeper.asked.at(-1) as Parameters<typeof judgeRequest>[1]),
      scheme: 'http',
    })
    expect([name, plain.kind, plain.kind === 'answer' ? plain.body.toString() : '']).toEqual([name, 'answer', 'plaintext'])
  }
  // A look-alike is nobody's host; at the endpoints where tokens are given out nothing is added, whatever host fits.
  for (const { name, definition, at } of places) {
    world.keeper.verdict = (asked) => verdictOf(definition, asked)
    const before = world.seen.length
    const lookalike = await ask(world, { ...at, host: `${at.host}.evil.test` })
    expect([name, lookalike.slice(9, 12), lookalike.endsWith('pass')]).toEqual([name, '403', false])
    for (const text of [definition.oauth?.token_url, definition.oauth?.authorization_url, definition.oauth?.revocation?.url]) {
      if (text === undefined || !URL.canParse(text)) continue
      const { hostname, pathname } = new URL(text)
      if (!hosts.includes(hostname)) continue
      const refused = await ask(world, { host: hostname, port: 443, path: pathname })
      expect([name, text, refused.slice(9, 12)]).toEqual([name, text, '403'])
    }
    expect([name, world.seen.length - before]).toEqual([name, 0])
  }
})
