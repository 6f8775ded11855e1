import { readFileSync } from 'node:fs'
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { canonical } from '../../crypto/canonical.ts'
import { sha256 } from '../../crypto/token.ts'
import { checkDefinition } from './check.ts'

const ACME = {
  schema: 1,
  name: 'acme',
  kind: 'app',
  display_name: 'Acme',
  docs_url: 'https://docs.acme.example/api',
  hosts: [{ host: 'api.acme.example', path: '/v1' }],
  methods: ['api_key'],
  api_key: { fields: [{ name: 'api_key', label: 'API key', secret: true, pattern: '^ak_.{8,}$' }] },
  inject: [{ where: 'header', name: 'Authorization', template: 'Bearer {{api_key}}' }],
  env: { ACME_API_KEY: 'api_key' },
}
const OAUTH = {
  ...ACME,
  methods: ['code'],
  api_key: undefined,
  env: { ACME_TOKEN: 'access_token' },
  client: { needed: 'always', auth: 'basic' },
  oauth: {
    authorization_url: 'https://www.acme.example/authorize',
    token_url: 'https://api.acme.example/oauth/token',
    pkce: 'required',
  },
  inject: [{ where: 'header', name: 'Authorization', template: 'Bearer {{access_token}}' }],
}

const faultsOf = (source: string, surroundings = {}): string[] => {
  try {
    checkDefinition(source, surroundings)
  } catch (error) {
    if (error instanceof Problem && error.code === 'definition_invalid')
      return error.errors.map(({ path, code }) => `${path} ${code}`)
    throw error
  }
  return []
}
const faults = (change: object, base: object = ACME) => faultsOf(JSON.stringify({ ...base, ...change }))

test('V2 comments and trailing commas are read; the digest is over the canonical form, whatever the text looks like', () => {
  const text = `// Acme\n${JSON.stringify(ACME, null, 2).replace(/\n}$/, ', /* the last */\n}')}`
  const checked = checkDefinition(text)
  expect(checked.definition).toEqual(ACME)
  expect(checked.canonical).toBe(canonical(ACME))
  expect(checked.digest).toEqual(sha256(canonical(ACME)))
  expect(checkDefinition(JSON.stringify(ACME)).digest).toEqual(checked.digest)
  expect(checked.warnings).toEqual([])
})

const header = (more: object) => ({
  inject: [{ where: 'header', name: 'Authorization', template: 'Bearer {{api_key}}', ...more }],
})
const hosts = (...all: object[]) => ({ hosts: all })
test.each<[string, object, string[]]>([
  ['an unknown member', { colour: 'red' }, ['/colour unknown']],
  ['an unknown member inside', header({ colour: 'red' }), ['/inject/0/colour unknown']],
  ['regex: as a host', hosts({ host: 'regex:.*' }), ['/hosts/0/host host_expression']],
  ['*.com', hosts({ host: '*.com' }), ['/hosts/0/host wildcard_too_wide']],
  ['**', hosts({ host: '**' }), ['/hosts/0/host host_invalid']],
  ['an IP literal', hosts({ host: '10.0.0.1' }), ['/hosts/0/host host_invalid']],
  ['an IPv6 literal', hosts({ host: '[fd00::1]' }), ['/hosts/0/host host_invalid']],
  [
    'one host in two spellings',
    hosts({ host: 'bücher.example' }, { host: 'xn--bcher-kva.example' }),
    ['/hosts/1/host duplicate'],
  ],
  ['port 0', hosts({ host: 'api.acme.example', port: 0 }), ['/hosts/0/port invalid']],
  ['a path that no rule could name', hosts({ host: 'api.acme.example', path: '/v1/../admin' }), ['/hosts/0/path path_invalid']],
  ['a wildcard inside a segment', header({ only: { paths: ['/v*'] } }), ['/inject/0/only/paths/0 path_invalid']],
  [
    'a path of minting with a query',
    { minting: [{ methods: ['POST'], paths: ['/keys?x'] }] },
    ['/minting/0/paths/0 path_invalid'],
  ],
  ['userinfo in a URL', { docs_url: 'https://u:p@acme.example/' }, ['/docs_url url_userinfo']],
  ['a template that names an unknown field', header({ template: 'Bearer {{token}}' }), ['/inject/0/template field_unknown']],
  ['a field in base64 that nobody has', header({ template: '{{base64(user:api_key)}}' }), ['/inject/0/template field_unknown']],
  ['a template without a field', header({ template: 'Bearer' }), ['/inject/0 field_missing']],
  ['another template', header({ template: '{{#if x}}' }), ['/inject/0/template template_invalid']],
  ['a header that frames the message', header({ name: 'Transfer-Encoding' }), ['/inject/0/name invalid']],
  ['a header of the proxy', header({ name: 'Proxy-Authorization' }), ['/inject/0/name invalid']],
  ['a host that the definition has not', header({ only: { hosts: ['other.example'] } }), ['/inject/0/only/hosts/0 host_unknown']],
  [
    'the pattern (a+)+$',
    { api_key: { fields: [{ name: 'api_key', label: 'k', secret: true, pattern: '(a+)+$' }] } },
    ['/api_key/fields/0/pattern expression'],
  ],
  ['10,000 hosts', hosts(...Array.from({ length: 10_000 }, (_, i) => ({ host: `h${i}.acme.dev` }))), ['/hosts too_many']],
  ['no injection', { inject: [] }, ['/inject invalid']],
  ['a parameter that nobody declared', hosts({ host: '{dc}.acme.example' }), ['/hosts/0/host param_unknown']],
  ['a variable that steers', { env: { NODE_OPTIONS: 'api_key' } }, ['/env/NODE_OPTIONS name_refused']],
  ['a variable of no field', { env: { ACME: 'token' } }, ['/env/ACME field_unknown']],
  ['plaintext that no operator allowed', { allow_plaintext: true }, ['/allow_plaintext plaintext']],
  ['the same alias twice', { aliases: ['acme-one', 'acme-one', 'acme'] }, ['/aliases/1 duplicate', '/aliases/2 duplicate']],
  [
    'a test that sends the key elsewhere',
    { api_key: { ...ACME.api_key, test: { method: 'GET', url: 'https://evil.example/', expect: [200] } } },
    ['/api_key/test/url auth_host'],
  ],
  ['a placeholder without its id', { placeholder: 'sk-fixed' }, ['/placeholder invalid']],
])('§10.1 V4 definition: %s is refused with its pointer', (_, change, expected) => {
  expect(faults(change)).toEqual(
    expected.map((one) =>
      expect.stringMatching(new RegExp(`^${one.replace(/[.*+?^$()[\]{}|\\]/g, '\\$&').replace(/invalid$/, '\\w+')}$`)),
    ),
  )
})

test.each<[string, object, string[]]>([
  ['an http token URL', { token_url: 'http://api.acme.example/token' }, ['/oauth/token_url url_scheme']],
  ['a token URL of somebody else', { token_url: 'https://evil.example/token' }, ['/oauth/token_url auth_host']],
  ['a look-alike', { authorization_url: 'https://acme.example.evil.test/a' }, ['/oauth/authorization_url auth_host']],
  ['an address', { token_url: 'https://127.0.0.1/token' }, ['/oauth/token_url url_host']],
  [
    'a parameter of ours',
    { extra_params: { redirect_uri: 'https://evil.example' } },
    ['/oauth/extra_params/redirect_uri name_refused'],
  ],
  ['no authorization URL', { authorization_url: undefined }, ['/oauth/authorization_url required']],
  ['a revocation without URL', { revocation: { style: 'rfc7009' } }, ['/oauth/revocation/url required']],
])('§10.1 V4 definition: OAuth with %s is refused', (_, change, expected) => {
  expect(faults({ oauth: { ...OAUTH.oauth, ...change } }, OAUTH)).toEqual(expected)
})

test('V4 a foreign authorization host has to be named, and is a warning for the approver', () => {
  const oauth = { ...OAUTH.oauth, token_url: 'https://login.partner.example/token' }
  const { warnings } = checkDefinition(JSON.stringify({ ...OAUTH, auth_hosts: ['login.partner.example'], oauth }))
  expect(warnings).toEqual([expect.objectContaining({ path: '/oauth/token_url', code: 'auth_host' })])
})

test('V4 what is under one public suffix does not share an owner', () => {
  const change = {
    hosts: [{ host: 'acme.github.io' }],
    oauth: { ...OAUTH.oauth, authorization_url: 'https://evil.github.io/a', token_url: 'https://acme.github.io/t' },
  }
  expect(faults(change, { ...OAUTH, inject: OAUTH.inject })).toEqual(['/oauth/authorization_url auth_host'])
})

test('V4 allow_plaintext is taken where the operator allowed the host', () => {
  expect(
    faultsOf(JSON.stringify({ ...ACME, allow_plaintext: true }), {
      mayGoInTheClear: (host: string) => host === 'api.acme.example',
    }),
  ).toEqual([])
})

test.each(['__proto__', 'a'.repeat(64), 'acme ', 'Acme', 'acme😀', '', '-acme'])(
  '§10.1 name %j is refused with the rule',
  (name) => {
    expect(faults({ name })).toEqual([expect.stringMatching(/^\/name /)])
  },
)

test('§10.1 V2 definition, duplicate JSON keys: what is not one JSON value with each member once is refused', () => {
  expect(faultsOf('{"schema":1,"schema":1}')).toEqual(['/schema duplicate'])
  expect(faultsOf('{"api_key":{"a":1,"a":2},"x":{"__proto__":{"admin":true}}}')).toEqual([
    '/api_key/a duplicate',
    '/x/__proto__ name_refused',
  ])
  expect(faultsOf('{"schema":1')).toEqual([' json_invalid'])
  expect(faultsOf('')).toEqual([' json_invalid'])
  expect(faultsOf('{} {}')).toEqual([' json_invalid'])
  expect(faultsOf('null')).toHaveLength(1)
  expect(faultsOf(`{"x":"${'a'.repeat(1_000_000)}"}`)).toEqual([' too_large'])
  expect(faultsOf('['.repeat(100_000))).toEqual([' too_deep'])
  expect(faultsOf('{"schema":1e999}')).toEqual(['/schema number'])
  expect(faultsOf('{"name":"\\ud800"}')).toEqual(['/name text'])
})

test('V2 the definition in the documentation is one', () => {
  const page = readFileSync(new URL('../../../../../docs/vault/providers.md', import.meta.url), 'utf8')
  const [, source] = /^```jsonc\n([\s\S]*?)^```/m.exec(page) ?? []
  expect(checkDefinition(source as string).definition.name).toBe('acme')
})

test('V50 an exchange of keys goes to the hosts of the key, puts no secret into a URL, and says which key it ends', () => {
  const faults = (rotate: object, more: object = {}): string[] => {
    try {
      checkDefinition(JSON.stringify({ ...WITH_KEYS, ...more, rotate }))
      return []
    } catch (error) {
      return (error as { members: { errors: { path: string; code: string }[] } }).members.errors.map(
        ({ path, code }) => `${path} ${code}`,
      )
    }
  }
  expect(faults(ROTATE)).toEqual([])
  expect(faults({ ...ROTATE, retire: { ...ROTATE.retire, url: 'https://api.example.com/keys/me' } })).toEqual([
    '/rotate/retire field_missing',
  ])
  expect(faults({ ...ROTATE, retire: { ...ROTATE.retire, url: 'https://api.example.com/keys/me', by: 'own' } })).toEqual([])
  expect(faults({ ...ROTATE, create: { ...ROTATE.create, url: 'https://evil.test/keys' } })).toEqual([
    '/rotate/create/url auth_host',
  ])
  expect(faults({ ...ROTATE, create: { ...ROTATE.create, url: 'http://api.example.com/keys' } })).toEqual([
    '/rotate/create/url url_scheme',
  ])
  expect(faults({ ...ROTATE, retire: { ...ROTATE.retire, url: 'https://api.example.com/keys/{key_id}/{api_key}' } })).toEqual([
    '/rotate/retire/url param_unknown',
  ])
  expect(faults({ ...ROTATE, create: { ...ROTATE.create, body: { key: '{api_key}' } } })).toEqual([
    '/rotate/create/body/key param_unknown',
  ])
  expect(faults({ ...ROTATE, create: { ...ROTATE.create, fields: { key_id: '/id' } } })).toEqual([
    '/rotate/create/fields field_missing',
  ])
  expect(faults({ ...ROTATE, create: { ...ROTATE.create, fields: { ...ROTATE.create.fields, other: '/x' } } })).toEqual([
    '/rotate/create/fields/other field_unknown',
  ])
  expect(faults({ ...ROTATE, create: { ...ROTATE.create, fields: { ...ROTATE.create.fields, api_key: 'secret' } } })).toEqual([
    '/rotate/create/fields/api_key invalid',
  ])
  const { test: _, ...untested } = ROTATE
  expect(faults(untested)).toEqual(['/rotate/test required'])
  expect(faults({ ...ROTATE, overlap_seconds: 5 })).toEqual(['/rotate/overlap_seconds too_small'])
  expect(faults({ ...ROTATE, surprise: 1 })).toHaveLength(1)
  expect(faults(ROTATE, { inject: [{ where: 'path', name: '1', template: '{{api_key}}' }] })).toEqual(['/rotate inject'])
})

const WITH_KEYS = {
  ...{
    schema: 1,
    name: 'keys',
    kind: 'custom',
    display_name: 'Keys',
    hosts: [{ host: 'api.example.com' }],
    methods: ['api_key'],
  },
  api_key: {
    fields: [
      { name: 'api_key', label: 'Key', secret: true },
      { name: 'key_id', label: 'Its id', secret: false },
    ],
  },
  inject: [{ where: 'header', name: 'x-api-key', template: '{{api_key}}' }],
}
const ROTATE = {
  create: { method: 'POST', url: 'https://api.example.com/keys', expect: [201], fields: { api_key: '/secret', key_id: '/id' } },
  test: { method: 'GET', url: 'https://api.example.com/me', expect: [200] },
  retire: { method: 'DELETE', url: 'https://api.example.com/keys/{key_id}', expect: [204] },
}
