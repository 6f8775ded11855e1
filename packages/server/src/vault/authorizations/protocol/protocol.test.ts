// The calls to providers, byte for byte, against a server on this machine (V35–V37, V36's answers, §10.1 "token answer").
import { expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../../crypto/secret.ts'
import { randomToken, sha256 } from '../../../crypto/token.ts'
import { type Allowed, parseAllowed } from '../../../egress/address.ts'
import { openDoor } from '../../../egress/fetch.ts'
import { openGuard } from '../../../egress/guard.ts'
import { openVendor, type Says, type Vendor } from '../testing/vendor.ts'
import { authorizationUrl, exchangeCode, newCodeSecrets } from './code.ts'
import { ProviderFault } from './fault.ts'
import { clientCredentials, pollDevice, refreshTokens, startDevice } from './grants.ts'
import { revokeAt } from './revoke.ts'
import type { Outside, ProviderClient, ProviderServer } from './server.ts'
import { materialOf } from './tokens.ts'

const outsideTo = ({ port }: Vendor): Outside => {
  const guard = openGuard({ allowed: [parseAllowed(`127.0.0.1:${port}`) as Allowed], literals: true })
  const door = openDoor({ guard, installation: 'protocol', version: '0' })
  onTestFinished(() => door.close())
  return { door, tenantId: 'ten' }
}

const serverAt = ({ origin }: Vendor, more: Partial<ProviderServer> = {}): ProviderServer => ({
  issuer: null,
  announcesIss: false,
  authorizationUrl: `${origin}/authorize`,
  tokenUrl: `${origin}/token`,
  deviceUrl: `${origin}/device`,
  revocationUrl: `${origin}/revoke`,
  pkce: 'S256',
  answer: 'standard',
  tokenBody: 'form',
  resource: null,
  scopeSeparator: ' ',
  ...more,
})
const clientOf = (auth: ProviderClient['auth'] = 'basic'): ProviderClient => ({
  clientId: 'cli ent:1',
  auth,
  secret: auth === 'none' ? null : new Secret(randomToken()),
})
const wanted = { redirectUri: 'https://cs.example.com/connect/return', scopes: ['read', 'write'], extra: {} }
const TOKENS = { access_token: 'acc-1', token_type: 'Bearer' }

/** A whole code flow with this answer at its end. */
async function codeWith(says: Says, more: Partial<ProviderServer> = {}) {
  const vendor = await openVendor({ '/token': says })
  const server = serverAt(vendor, more)
  const client = clientOf()
  const secrets = newCodeSecrets(server, ['read'])
  const code = randomToken()
  const done = exchangeCode(outsideTo(vendor), server, client, secrets, { code, state: secrets.state }, wanted.redirectUri)
  return { vendor, client, secrets, code, result: await done.catch((error: unknown) => error) }
}

test('V35 the human is sent with PKCE S256, a state of 256 bits and the exact redirect URI; what a definition adds replaces nothing', async () => {
  const vendor = await openVendor()
  const server = serverAt(vendor, { resource: 'https://mcp.example.com/mcp', scopeSeparator: ',' })
  const secrets = newCodeSecrets(server, ['openid'])
  const extra = { access_type: 'offline', state: 'fixed', code_challenge_method: 'plain' }
  const url = new URL(await authorizationUrl(server, clientOf(), secrets, { ...wanted, extra }))
  expect(Object.fromEntries(url.searchParams)).toEqual({
    access_type: 'offline',
    response_type: 'code',
    client_id: 'cli ent:1',
    redirect_uri: 'https://cs.example.com/connect/return',
    scope: 'read,write',
    state: secrets.state,
    code_challenge: sha256(secrets.verifier as string).toString('base64url'),
    code_challenge_method: 'S256',
    nonce: secrets.nonce,
    resource: 'https://mcp.example.com/mcp',
  })
  expect(Buffer.from(secrets.state, 'base64url')).toHaveLength(32)
  expect(secrets.verifier).toMatch(/^[A-Za-z0-9._~-]{43,128}$/)
  const plain = newCodeSecrets(serverAt(vendor, { pkce: 'absent' }), [])
  expect(plain).toMatchObject({ verifier: null, nonce: null })
  const without = await authorizationUrl(serverAt(vendor, { pkce: 'absent' }), clientOf(), plain, wanted)
  expect(without).not.toContain('code_challenge')
})

test('V36 the code is sent once with the verifier; Basic encodes id and secret by RFC 6749 §2.3.1', async () => {
  const { vendor, client, secrets, code, result } = await codeWith({
    json: { ...TOKENS, refresh_token: 'ref-1', expires_in: 3600 },
  })
  expect(result).toMatchObject({ accessToken: 'acc-1', refreshToken: 'ref-1', lifetime: 3600 })
  const [asked] = vendor.asked
  expect(vendor.asked).toHaveLength(1)
  expect(asked?.form).toEqual({
    grant_type: 'authorization_code',
    code,
    code_verifier: secrets.verifier,
    redirect_uri: wanted.redirectUri,
  })
  const [user, password] = Buffer.from(asked?.headers.authorization?.slice('Basic '.length) ?? '', 'base64')
    .toString()
    .split(':')
  expect(user).toBe('cli+ent%3A1')
  expect(decodeURIComponent(password ?? '')).toBe(client.secret?.reveal())
})

test('§10.1 V35 authorization: a foreign state, a wrong iss, a missing iss that was announced, and a refusal never reach the token endpoint', async () => {
  const vendor = await openVendor({ '/token': { json: TOKENS } })
  const issuer = 'https://as.example.com'
  const server = serverAt(vendor, { issuer, announcesIss: true })
  const secrets = newCodeSecrets(server, [])
  const { state } = secrets
  const exchange = (returned: Record<string, string>) =>
    exchangeCode(outsideTo(vendor), server, clientOf(), secrets, returned, wanted.redirectUri)
  await expect(exchange({ code: 'c', state: 'other', iss: issuer })).rejects.toMatchObject({ kind: 'unusable' })
  await expect(exchange({ code: 'c', state, iss: 'https://evil.example.com' })).rejects.toMatchObject({ kind: 'unusable' })
  await expect(exchange({ code: 'c', state })).rejects.toMatchObject({ kind: 'unusable' })
  await expect(exchange({ state, iss: issuer })).rejects.toBeInstanceOf(ProviderFault)
  const denied = exchange({ error: 'access_denied', error_description: 'No\u0007 thanks', state, iss: issuer })
  await expect(denied).rejects.toMatchObject({ kind: 'refused', code: 'access_denied', said: 'No thanks' })
  expect(vendor.asked).toEqual([])
  expect(await exchange({ code: 'c', state, iss: issuer })).toMatchObject({ accessToken: 'acc-1' })
})

const jwt = (claims: object) =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 's'].map((part) => Buffer.from(part).toString('base64url')).join('.')

test('V35 with openid the nonce and the audience of the id token must fit, also where nobody announced an issuer', async () => {
  const vendor = await openVendor()
  const server = serverAt(vendor)
  for (const [claims, fits] of [
    [{ aud: 'cli ent:1' }, false],
    [{ aud: 'other', nonce: 'own' }, false],
    [{ aud: 'cli ent:1', nonce: 'own' }, true],
  ] as const) {
    const secrets = newCodeSecrets(server, ['openid'])
    const nonce = 'nonce' in claims ? { nonce: secrets.nonce } : { nonce: 'of another visit' }
    vendor.at('/token', { json: { ...TOKENS, id_token: jwt({ ...claims, ...nonce }) } })
    const done = exchangeCode(
      outsideTo(vendor),
      server,
      clientOf(),
      secrets,
      { code: 'c', state: secrets.state },
      wanted.redirectUri,
    )
    if (fits) expect((await done).idToken).not.toBeNull()
    else await expect(done).rejects.toMatchObject({ code: 'id_token_invalid' })
  }
})

// §10.1, row "token answer"; each with what is made of it.
const USABLE: [string, Says, Partial<ProviderServer>, object][] = [
  ['a number', { json: { ...TOKENS, expires_in: 3600 } }, {}, { lifetime: 3600 }],
  ['a digit string', { json: { ...TOKENS, expires_in: '3600' } }, {}, { lifetime: 3600 }],
  ['no expiry', { json: TOKENS }, {}, { lifetime: null }],
  [
    'null members',
    { json: { ...TOKENS, expires_in: null, refresh_token: null, scope: null } },
    {},
    { refreshToken: null, scopes: null },
  ],
  ['no token_type', { json: { access_token: 'acc-1' } }, {}, { accessToken: 'acc-1' }],
  ['a scope wider than asked', { json: { ...TOKENS, scope: 'read admin' } }, {}, { scopes: ['read', 'admin'] }],
  ['scopes with commas', { json: { ...TOKENS, scope: 'read,write' } }, {}, { scopes: ['read', 'write'] }],
  ['unknown members', { json: { ...TOKENS, team: { id: 'T1' } } }, {}, { extra: { team: { id: 'T1' } } }],
  ['a form', { form: { ...TOKENS, scope: 'repo' } }, { answer: 'github' }, { accessToken: 'acc-1', scopes: ['repo'] }],
  ['201', { status: 201, json: TOKENS }, {}, { accessToken: 'acc-1' }],
  [
    'slack, a person',
    { json: { ok: true, authed_user: { access_token: 'xoxp-1', scope: 'a,b', token_type: 'user' } } },
    { answer: 'slack' },
    { accessToken: 'xoxp-1', scopes: ['a', 'b'] },
  ],
  [
    'slack, a workspace',
    { json: { ok: true, access_token: 'xoxb-1', token_type: 'bot', authed_user: { access_token: 'xoxp-2' } } },
    { answer: 'slack' },
    { accessToken: 'xoxb-1' },
  ],
]

for (const [name, says, server, expected] of USABLE)
  test(`§10.1 V36 token answer that can be used: ${name}`, async () => {
    expect((await codeWith(says, server)).result).toMatchObject(expected)
  })

const REFUSED: [string, Says, Partial<ProviderServer>, object][] = [
  ['HTML', { text: '<html>access_token=1</html>', type: 'text/html' }, {}, { kind: 'unusable', code: 'answer_invalid' }],
  ['HTML that says JSON', { text: '<html></html>', type: 'application/json' }, {}, { kind: 'unusable' }],
  ['2 MB', { json: { ...TOKENS, pad: 'x'.repeat(2_000_000) } }, {}, { kind: 'outside', code: 'too_large' }],
  ['expires_in −1', { json: { ...TOKENS, expires_in: -1 } }, {}, { kind: 'unusable' }],
  [
    'expires_in 1e20',
    { text: '{"access_token":"a","token_type":"bearer","expires_in":1e20}', type: 'application/json' },
    {},
    { kind: 'unusable' },
  ],
  ['expires_in "soon"', { json: { ...TOKENS, expires_in: 'soon' } }, {}, { kind: 'unusable' }],
  ['no access_token', { json: { token_type: 'Bearer' } }, {}, { kind: 'unusable' }],
  ['access_token with a line break', { json: { ...TOKENS, access_token: 'a\r\nX: 1' } }, {}, { kind: 'unusable' }],
  ['access_token that is a number', { json: { ...TOKENS, access_token: 7 } }, {}, { kind: 'unusable' }],
  ['token_type MAC', { json: { ...TOKENS, token_type: 'MAC' } }, {}, { kind: 'unusable' }],
  ['an array', { json: [TOKENS] }, {}, { kind: 'unusable' }],
  ['a form that says one thing twice', { text: 'access_token=a&access_token=b' }, { answer: 'form' }, { kind: 'unusable' }],
  ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, {}, { kind: 'refused', code: 'http_302' }],
  ['500', { status: 500, text: 'oops' }, {}, { kind: 'outside', code: 'http_500', status: 500 }],
  ['429', { status: 429, headers: { 'retry-after': '7' } }, {}, { kind: 'outside', retryAfterMs: 7_000 }],
  ['silence that ends', 'reset', {}, { kind: 'outside', code: 'unreachable' }],
  [
    'an error',
    { status: 400, json: { error: 'invalid_grant', error_description: 'gone' } },
    {},
    { kind: 'refused', code: 'invalid_grant', said: 'gone' },
  ],
  [
    'an error inside 200',
    { form: { error: 'bad_verification_code', error_description: 'old' } },
    { answer: 'github' },
    { code: 'bad_verification_code', said: 'old' },
  ],
  [
    'slack says no inside 200',
    { json: { ok: false, error: 'invalid_code' } },
    { answer: 'slack' },
    { kind: 'refused', code: 'invalid_code' },
  ],
  [
    'an error object',
    { status: 401, json: { error: { type: 'OAuthException', message: 'no' } } },
    {},
    { code: 'OAuthException', said: 'no' },
  ],
  ['a code that is no word', { status: 400, json: { error: '<script>' } }, {}, { code: 'provider_error' }],
]

for (const [name, says, server, expected] of REFUSED)
  test(`§10.1 V36 token answer that is of no use: ${name}`, async () => {
    const { result } = await codeWith(says, server)
    expect(result).toBeInstanceOf(ProviderFault)
    expect(result).toMatchObject(expected)
  })

test('V36 what a provider says is cut, kept to one line, and repeats nothing that was secret', async () => {
  const vendor = await openVendor()
  const client = clientOf('post')
  vendor.at('/token', ({ form }) => ({
    status: 400,
    json: {
      error: 'invalid_request',
      error_description: `got ${form.client_secret}\nand ${form.refresh_token} ${'x'.repeat(5_000)}`,
    },
  }))
  const refresh = randomToken()
  const fault = await refreshTokens(outsideTo(vendor), serverAt(vendor), client, refresh).catch((error) => error)
  expect(fault.said).toMatch(/^got \[secret\] and \[secret\] x+$/)
  expect(fault.said).toHaveLength(300)
})

test('V36 a body of JSON for those who want one', async () => {
  const vendor = await openVendor({ '/token': { json: TOKENS } })
  await refreshTokens(
    outsideTo(vendor),
    serverAt(vendor, { tokenBody: 'json', resource: 'https://r.example.com/' }),
    clientOf(),
    'ref-1',
  )
  expect(vendor.asked[0]?.headers['content-type']).toBe('application/json')
  expect(JSON.parse(vendor.asked[0]?.body ?? '')).toEqual({
    grant_type: 'refresh_token',
    refresh_token: 'ref-1',
    resource: 'https://r.example.com/',
  })
})

test('V40 an answer without a refresh token keeps the old one, and unknown members beside those that were there', () => {
  const first = materialOf({ accessToken: 'a', refreshToken: 'r', idToken: null, lifetime: 1, scopes: null, extra: { team: 1 } })
  const second = materialOf(
    { accessToken: 'b', refreshToken: null, idToken: null, lifetime: 1, scopes: null, extra: { site: 2 } },
    first,
  )
  expect(second).toEqual({ access_token: 'b', token_type: 'Bearer', refresh_token: 'r', extra: { team: 1, site: 2 } })
})

test('V42 the service’s own token', async () => {
  const vendor = await openVendor({ '/token': { json: { ...TOKENS, expires_in: 60 } } })
  const extra = { account_id: 'acc' }
  await clientCredentials(outsideTo(vendor), serverAt(vendor), clientOf(), { scopes: ['a', 'b'], extra })
  expect(vendor.asked[0]?.form).toEqual({ grant_type: 'client_credentials', scope: 'a b', account_id: 'acc' })
})

for (const style of ['form', 'json'] as const)
  test(`V37 the device flow in ${style}: pending, slower, and then tokens`, async () => {
    const answers: Says[] = [
      { status: 400, json: { error: 'authorization_pending' } },
      { status: 400, json: { error: 'slow_down' } },
      { json: { ...TOKENS, refresh_token: 'ref-1' } },
    ]
    const vendor = await openVendor({
      '/device': {
        json: { device_code: 'dev-1', user_code: 'AB-CD', verification_uri: 'https://v.example.com/', expires_in: 900 },
      },
      '/token': () => answers.shift() ?? 'reset',
    })
    const outside = outsideTo(vendor)
    const server = serverAt(vendor)
    const started = await startDevice(outside, server, clientOf('none'), style, ['read'])
    expect(started).toMatchObject({
      deviceCode: 'dev-1',
      userCode: 'AB-CD',
      lifetime: 900,
      interval: 5,
      verificationUriComplete: null,
    })
    const poll = () => pollDevice(outside, server, clientOf('none'), style, 'dev-1')
    expect(await poll()).toBe('pending')
    expect(await poll()).toBe('slow_down')
    expect(await poll()).toMatchObject({ accessToken: 'acc-1', refreshToken: 'ref-1' })
    await expect(poll()).rejects.toMatchObject({ kind: 'outside' })
    const [first, second] = vendor.asked
    const read = (body = '') => (style === 'json' ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body)))
    expect(read(first?.body)).toEqual({ client_id: 'cli ent:1', scope: 'read' })
    expect(read(second?.body)).toMatchObject({ device_code: 'dev-1', grant_type: 'urn:ietf:params:oauth:grant-type:device_code' })
  })

test('V37 github says "pending" inside 200', async () => {
  const vendor = await openVendor({ '/token': { json: { error: 'authorization_pending', error_description: 'wait' } } })
  const server = serverAt(vendor, { answer: 'github' })
  expect(await pollDevice(outsideTo(vendor), server, clientOf('none'), 'form', 'dev-1')).toBe('pending')
})

test('V51 each way in which a provider takes a token back', async () => {
  const vendor = await openVendor({
    '/revoke': {},
    '/app/cli%20ent%3A1/grant': { status: 204 },
    '/tokens/r%2F1': { status: 404 },
  })
  const outside = outsideTo(vendor)
  const server = serverAt(vendor)
  const client = clientOf()
  const material = { access_token: 'a1', refresh_token: 'r/1' }
  const at = (path: string) => `${vendor.origin}${path}`
  await revokeAt(outside, server, client, { style: 'rfc7009', url: at('/revoke') }, material)
  await revokeAt(outside, server, client, { style: 'bearer', url: at('/revoke') }, material)
  await revokeAt(outside, server, client, { style: 'delete_path', url: at('/tokens/{token}') }, material)
  await revokeAt(outside, server, client, { style: 'basic_delete', url: at('/app/{client_id}/grant') }, material)
  expect(
    vendor.asked.map(({ method, path, form, headers }) => [method, path, form.token, headers.authorization?.split(' ')[0]]),
  ).toEqual([
    ['POST', '/revoke', 'r/1', 'Basic'],
    ['POST', '/revoke', 'a1', 'Basic'],
    ['POST', '/revoke', undefined, 'Bearer'],
    ['DELETE', '/tokens/r%2F1', undefined, undefined],
    ['DELETE', '/app/cli%20ent%3A1/grant', undefined, 'Basic'],
  ])
  vendor.at('/revoke', { status: 503 })
  const again = revokeAt(outside, server, client, { style: 'rfc7009', url: at('/revoke') }, material)
  await expect(again).rejects.toMatchObject({ kind: 'outside' })
  vendor.at('/revoke', { json: { ok: false, error: 'missing_scope' } })
  await expect(revokeAt(outside, server, client, { style: 'bearer', url: at('/revoke') }, material)).rejects.toMatchObject({
    kind: 'refused',
  })
  vendor.at('/revoke', { json: { ok: false, error: 'token_revoked' } })
  await revokeAt(outside, server, client, { style: 'bearer', url: at('/revoke') }, material)
})
