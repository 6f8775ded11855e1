// What ships: each definition passes the check of every other, stands under the digest of the manifest, and its credential goes where V53 says, byte for byte.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { canonical } from '../../crypto/canonical.ts'
import { ed25519PublicKey, ed25519Sign } from '../../crypto/ed25519.ts'
import { randomBytes } from '../../crypto/token.ts'
import { fitsPath } from '../grants/path.ts'
import { checkDefinition, fieldsOfConnection } from '../providers/check.ts'
import type { Definition } from '../providers/definition.ts'
import { appliesTo, type Filled, fillInjection } from '../providers/fill.ts'
import { readParams } from '../providers/params.ts'
import { matchHost, normalHost, parsePattern } from '../providers/pattern.ts'
import { bundle, bundleFolder, DefinitionsTampered, type Manifest, readBundle, signedText } from './bundle.ts'
import { materialOf, paramsOf, placesOf } from './testing/made.ts'

const all = [...bundle().byName.values()]
const named = (name: string): Definition => {
  const one = bundle().byName.get(name)
  if (!one) throw new Error(`There is no ${name}.`)
  return one.definition
}

test('V52 the names of the specification ship, those of shapes that come later apart', () => {
  const LATER = ['linkedin-browser', 'x-browser']
  const NAMES =
    'atlassian jira confluence discord github gitlab google hubspot klaviyo-oauth linear microsoft microsoft-calendar microsoft-outlook microsoft-word notion notion-mcp postiz reddit slack todoist x zoom google-admin google-analytics google-calendar google-chat google-classroom google-docs google-drive google-forms google-gmail google-meet google-photos google-search-console google-sheets google-slides google-tasks google-youtube google-vertex-ai ahrefs beehiiv buffer calendly cloudflare dub fireworks groq instantly intercom keywords-everywhere mistral openai openrouter optimizely perplexity resend savvycal sendgrid together tolt typeform wistia zapier mention-me anthropic apollo brevo g2 hunter klaviyo livestorm postmark semrush ashby clearbit lemlist mailchimp rewardful bedrock brave-search-mcp cloudflare-mcp github-mcp linear-mcp sentry-mcp slack-mcp stripe-mcp'
  const BEYOND =
    'airtable azure-openai datadog deepgram elevenlabs figma gemini huggingface npm pypi replicate stripe supabase telegram trello twilio vercel'
  expect(all.map(({ name }) => name).sort()).toEqual([...NAMES.split(' '), ...BEYOND.split(' ')].sort())
  for (const name of LATER) expect(bundle().byName.has(name)).toBe(false)
  expect(bundle().aliases.get('notion_dcr')).toBe('notion-mcp')
})

test('V52 nobody compared these with their vendors, and none says that somebody did', () => {
  expect(all.filter(({ definition }) => definition.verified_on !== undefined)).toEqual([])
})

test.each(all)(
  'V55 $name passes the check, and its credential is injected at its hosts and not at a look-alike',
  ({ definition, source, digest }) => {
    const checked = checkDefinition(source)
    expect(checked.digest).toEqual(digest)
    expect(definition.docs_url).toMatch(/^https:/)
    const [material, params] = [materialOf(definition), paramsOf(definition)]
    const targets = placesOf(definition, params)
    for (const target of targets) {
      expect(normalHost(target.host)).toBe(target.host)
      const fits = (host: string) => definition.hosts.some((one) => matchHost(parsePattern(one.host), host, params) !== null)
      expect([target.host, fits(target.host)]).toEqual([target.host, true])
      const wild = definition.hosts.some(({ host }) => host.startsWith('*'))
      const others = [
        `${target.host}.evil.test`,
        ...(wild ? [] : [`evil${target.host}`, `evil-${target.host}`, `a.${target.host}`]),
      ]
      for (const other of others) expect([other, fits(other)]).toEqual([other, false])
    }
    const filled = definition.inject.map((injection) => ({ injection, bytes: fillInjection(injection, material) }))
    for (const { injection, bytes } of filled) {
      expect(bytes).not.toBe(null)
      const { only } = injection
      // What is narrowed to hosts or paths still reaches one of them.
      if (only?.hosts)
        expect(
          targets.some(({ host }) => appliesTo({ ...injection, only: { hosts: only.hosts } }, { host, path: '/' }, params)),
        ).toBe(true)
      expect(String((bytes as { value: string }).value)).not.toMatch(/[\r\n\0]|\{\{/)
    }
    for (const [variable, field] of Object.entries(definition.env ?? {}))
      expect([variable, fieldsOfConnection(definition).has(field)]).toEqual([variable, true])
  },
)

test('V52 each OAuth definition asks for no more than it names, and its wider scopes are explained', () => {
  for (const { name, definition } of all) {
    const { scopes } = definition.oauth ?? {}
    for (const scope of scopes?.default ?? [])
      if (!['offline_access', 'openid', 'offline.access'].includes(scope))
        expect([name, scope, Object.keys(scopes?.catalogue ?? {}).includes(scope)]).toEqual([name, scope, true])
  }
})

/** What one credential looks like on its way. */
const injected = (name: string, target: { host: string; path?: string } | null = null): (Filled | null)[] => {
  const definition = named(name)
  const params = paramsOf(definition)
  return definition.inject
    .filter((one) => target === null || appliesTo(one, { path: '/', ...target }, params))
    .map((one) => fillInjection(one, materialOf(definition)))
}
const base64 = (text: string) => Buffer.from(text).toString('base64')

test.each<[string, object]>([
  // Query keys
  ['semrush', { where: 'query', name: 'key', value: 'v-api-key-1', encoded: 'v-api-key-1' }],
  ['trello', { where: 'query', name: 'key', value: 'v-api-key-1' }],
  // Basic keys, the key on the vendor's side of the colon
  ['ashby', { where: 'basic', value: `Basic ${base64('v-api-key-1:')}` }],
  ['clearbit', { value: `Basic ${base64('v-api-key-1:')}` }],
  ['rewardful', { value: `Basic ${base64('v-api-key-1:')}` }],
  ['lemlist', { value: `Basic ${base64(':v-api-key-1')}` }],
  ['mailchimp', { value: `Basic ${base64(`any:${'0a'.repeat(16)}-us6`)}` }],
  ['twilio', { value: `Basic ${base64(`AC${'0'.repeat(32)}:v-auth-token-1`)}` }],
  ['pypi', { value: `Basic ${base64(`__token__:pypi-${'a'.repeat(16)}`)}` }],
  // Headers of their own, and schemes
  ['anthropic', { name: 'x-api-key', value: 'sk-ant-12345678' }],
  ['apollo', { name: 'X-Api-Key', value: 'v-api-key-1' }],
  ['brevo', { name: 'api-key', value: 'v-api-key-1' }],
  ['g2', { name: 'Authorization', value: 'Token token=v-api-key-1' }],
  ['hunter', { name: 'X-API-KEY', value: 'v-api-key-1' }],
  ['klaviyo', { name: 'Authorization', value: 'Klaviyo-API-Key pk_12345678' }],
  ['livestorm', { name: 'Authorization', value: 'v-api-key-1' }],
  ['deepgram', { name: 'Authorization', value: 'Token v-api-key-1' }],
  ['figma', { name: 'X-Figma-Token' }],
  ['elevenlabs', { name: 'xi-api-key' }],
  ['gemini', { name: 'x-goog-api-key' }],
  ['azure-openai', { name: 'api-key' }],
  ['brave-search-mcp', { name: 'X-Subscription-Token', value: 'v-api-key-1' }],
  ['openai', { name: 'Authorization', value: `Bearer sk-${'a'.repeat(20)}` }],
  // A key in a path
  ['telegram', { where: 'path', name: '1', encoded: `bot123456789:${'a'.repeat(35)}` }],
])('V53 %s has its own place and form', (name, expected) => {
  expect(injected(name)[0]).toMatchObject(expected)
})

test('V53 two headers, two query fields, and one header for each kind of path', () => {
  expect(injected('datadog')).toMatchObject([
    { name: 'DD-API-KEY', value: 'v-api-key-1' },
    { name: 'DD-APPLICATION-KEY', value: 'v-app-key-1' },
  ])
  expect(injected('trello')[1]).toMatchObject({ where: 'query', name: 'token', value: 'v-token-1' })
  expect(injected('postmark', { host: 'api.postmarkapp.com', path: '/email/batch' })).toMatchObject([
    { name: 'X-Postmark-Server-Token' },
  ])
  expect(injected('postmark', { host: 'api.postmarkapp.com', path: '/servers/1' })).toMatchObject([
    { name: 'X-Postmark-Account-Token' },
  ])
})

test('V53 git over https gets Basic on its three endpoints, the API a bearer', () => {
  expect(injected('github', { host: 'api.github.com' })).toMatchObject([{ where: 'header', value: 'Bearer v-access-token-1' }])
  expect(injected('github', { host: 'github.com' })).toMatchObject([
    { value: `Basic ${base64('x-access-token:v-access-token-1')}` },
  ])
  const paths = named('github')
    .hosts.filter(({ host }) => host === '{base_url}')
    .map(({ path }) => path as string)
  const reached = (path: string) => fitsPath(paths, path)
  expect(reached('/acme/site.git/info/refs')).toBe(true)
  for (const path of ['/login/oauth/access_token', '/settings/tokens', '/acme/site'])
    expect([path, reached(path)]).toEqual([path, false])
})

test('V53 the data centre of a key is its host, and no other', () => {
  const definition = named('mailchimp')
  expect(paramsOf(definition)).toEqual({ dc: 'us6' })
  const fits = (host: string) => definition.hosts.some((one) => matchHost(parsePattern(one.host), host, { dc: 'us6' }))
  expect([fits('us6.api.mailchimp.com'), fits('us7.api.mailchimp.com'), fits('api.mailchimp.com')]).toEqual([true, false, false])
  for (const api_key of ['0a-evil.test/', '0a-us6.evil', 'no-centre'])
    expect(() => readParams(definition, {}, { api_key })).toThrow()
})

test('V53 answers, separators and revocations that are not the standard’s', () => {
  const shapes = Object.fromEntries(
    ['github', 'slack', 'hubspot', 'notion', 'linear', 'todoist', 'postiz'].map((name) => {
      const { answer, scopes, revocation, token_body, device_style } = named(name).oauth ?? {}
      return [name, { answer, separator: scopes?.separator, style: revocation?.style, token_body, device_style }]
    }),
  )
  expect(shapes).toMatchObject({
    github: { answer: 'github', style: 'basic_delete' },
    slack: { answer: 'slack', separator: ',', style: 'bearer' },
    hubspot: { style: 'delete_path' },
    notion: { token_body: 'json' },
    linear: { separator: ',' },
    todoist: { separator: ',' },
    postiz: { device_style: 'json' },
  })
  for (const name of ['reddit', 'klaviyo-oauth', 'notion', 'zoom'])
    expect([name, named(name).client?.auth]).toEqual([name, 'basic'])
  for (const name of ['atlassian', 'gitlab', 'microsoft', 'x', 'zoom'])
    expect([name, named(name).oauth?.rotates]).toEqual([name, true])
})

test('V53 hosts are labels: nothing spans a public suffix, and every wildcard has an owner', () => {
  const wild = all.flatMap(({ name, definition }) =>
    definition.hosts.filter(({ host }) => host.includes('*')).map(({ host }) => `${name} ${host}`),
  )
  expect(wild).toEqual(['cloudflare-mcp *.mcp.cloudflare.com'])
})

test('V61 endpoints that hand out credentials are known', () => {
  const mints = (name: string, method: string, path: string) =>
    (named(name).minting ?? []).some(
      ({ methods, paths }) => (methods.includes(method) || methods.includes('*')) && fitsPath(paths, path),
    )
  for (const [name, method, path] of [
    ['github', 'POST', '/user/keys'],
    ['github', 'POST', '/repos/acme/site/keys'],
    ['github', 'POST', '/app/installations/1/access_tokens'],
    ['github', 'POST', '/repos/acme/site/actions/runners/registration-token'],
    ['github', 'GET', '/repos/acme/site/actions/secrets/public-key'],
    ['slack', 'POST', '/api/oauth.v2.access'],
    ['stripe', 'POST', '/v1/ephemeral_keys'],
    ['google', 'POST', '/v1/projects/p/serviceAccounts/a@p.iam/keys'],
  ] as const)
    expect([name, path, mints(name, method, path)]).toEqual([name, path, true])
  expect(mints('github', 'GET', '/user/keys')).toBe(false)
  expect(mints('stripe', 'POST', '/v1/charges')).toBe(false)
})

function copy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-providers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  cpSync(bundleFolder(), folder, { recursive: true })
  return folder
}
const faultsOf = (act: () => unknown): readonly string[] => {
  try {
    act()
  } catch (error) {
    if (error instanceof DefinitionsTampered) return error.faults
    throw error
  }
  return []
}
const put = (folder: string, name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value))

test('V6 a changed, a missing and an added definition are not taken', () => {
  const folder = copy()
  expect(faultsOf(() => readBundle(folder, null))).toEqual([])
  put(folder, 'openai.json', { ...named('openai'), hosts: [{ host: 'api.evil.test' }] })
  rmSync(join(folder, 'stripe.json'))
  put(folder, 'acme.json', { ...named('openai'), name: 'acme' })
  expect([...faultsOf(() => readBundle(folder, null))].sort()).toEqual([
    'acme differs from the manifest.',
    'openai differs from the manifest.',
    'stripe is missing.',
  ])
  writeFileSync(join(folder, 'manifest.json'), '{')
  expect(faultsOf(() => readBundle(folder, null))[0]).toBe('The manifest cannot be read.')
})

test('V6 a release is signed: a manifest of somebody else’s, or none, is not taken', () => {
  const [folder, seed, other] = [copy(), randomBytes(32), randomBytes(32)]
  const manifest: Manifest = {
    schema: 1,
    digests: Object.fromEntries(all.map(({ name, digest }) => [name, digest.toString('hex')])),
  }
  const sign = (by: Buffer) =>
    writeFileSync(join(folder, 'manifest.sig'), ed25519Sign(by, signedText(manifest)).toString('base64'))
  const read = (needsSignature: boolean) => faultsOf(() => readBundle(folder, ed25519PublicKey(seed), needsSignature))
  const refused = ['The signature of the manifest does not hold.']
  expect(read(true)).toEqual(refused)
  expect(read(false)).toEqual([])
  sign(other)
  expect([read(true), read(false)]).toEqual([refused, refused])
  sign(seed)
  expect([read(true), read(false)]).toEqual([[], []])
  // Digests that were made to fit do not help.
  put(folder, 'manifest.json', { ...manifest, digests: { ...manifest.digests, openai: '00' } })
  expect(read(true)).toContain(refused[0])
  expect(canonical(manifest)).toContain('"schema":1')
})
