// What a provider is: one definition (V2), as every part of the vault and the proxy reads it. Only shapes stand here; `check.ts` says what is a good one.
// A stored definition may hold members that this release does not know: they are kept, and mean nothing.

export const METHODS = [
  'code',
  'device',
  'register',
  'client_credentials',
  'jwt_bearer',
  'token_exchange',
  'github_app',
  'api_key',
  'basic',
  'aws',
  'minted_jwt',
  'cookies',
] as const
/** How a connection comes to be. */
export type Method = (typeof METHODS)[number]

export const KINDS = ['app', 'llm', 'mcp', 'cookies', 'custom'] as const
export type ProviderKind = (typeof KINDS)[number]

/** `host` is a pattern of labels (V3); `path` a prefix of whole segments. Port 443 unless named. */
export type Host = { host: string; port?: number; path?: string }

/** A parameter of a connection, for `{name}` in hosts and URLs. `derive` computes it from a field: the text after the last occurrence of a character. */
export type Param = {
  pattern?: string
  values?: string[]
  derive?: { field: string; after_last: string }
  default?: string
  label?: string
}

export type ClientAuth = 'basic' | 'post' | 'none' | 'private_key_jwt'
/** `record`: the provider whose client record serves this one too, where a vendor has one registration for many products. */
export type ClientRule = { needed: 'always' | 'optional' | 'never'; auth: ClientAuth; fields?: Field[]; record?: string }

export type Scopes = { default: string[]; catalogue?: Record<string, string>; separator?: string }

export type Revocation = {
  url?: string
  style: 'rfc7009' | 'bearer' | 'delete_path' | 'basic_delete' | 'none'
  send?: 'refresh' | 'access' | 'both'
}

export type OAuth = {
  authorization_url?: string
  token_url?: string
  device_url?: string
  device_style?: 'form' | 'json'
  pkce?: 'required' | 'supported' | 'absent'
  scopes?: Scopes
  extra_params?: Record<string, string>
  /** The URL of the protected resource (RFC 8707), sent on authorization, token and refresh. */
  resource?: string
  answer?: 'standard' | 'github' | 'slack' | 'form'
  /** How the body of a call to the token endpoint is written; `form` unless named. */
  token_body?: 'form' | 'json'
  revocation?: Revocation
  /** Each refresh answers with a new refresh token. */
  rotates?: boolean
  /** A token that nobody uses for so many days is worth nothing (V47); what is kept is used before. */
  idle_days?: number
  userinfo?: { url: string; id: string; label: string }
}

/** What a human types in. `secret` fields are sealed and never shown again. */
export type Field = { name: string; label: string; secret: boolean; pattern?: string; hint?: string }

export type ApiKey = { fields: Field[]; test?: { method: string; url: string; expect: number[] } }

/**
 * A call that exchanges keys. In its URL and its body `{name}` stands for a parameter of the connection, or for a field of the key that is no secret.
 * `body` is sent as JSON, or as a form where it says so.
 */
export type RotationCall = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: string
  body?: Record<string, string>
  body_style?: 'json' | 'form'
  expect: number[]
}

/**
 * How a key is exchanged for a new one at its provider (V50). `create` is called with the key in use, and its answer holds the new one: `fields` says by JSON pointers
 * where, `ends` where it says when that one ends. `test` is called with the new one; without it, the test of `api_key` is. `retire` ends the key whose fields stand in
 * it: called with the key that stays, or with the one that goes where `by` is `own`.
 */
export type Rotate = {
  create: RotationCall & { fields: Record<string, string>; ends?: string }
  test?: { method: RotationCall['method']; url: string; expect: number[] }
  retire: RotationCall & { by?: 'other' | 'own' }
  /** For so long both count; an hour unless named. */
  overlap_seconds?: number
}

export const PLACES = ['header', 'query', 'path', 'body', 'basic', 'sigv4', 'cookie', 'ws_protocol'] as const
export type Place = (typeof PLACES)[number]

/**
 * Where the credential goes (V56). `name`: of the header, query parameter, cookie or form field, the JSON pointer of a body, the segment of a path.
 * Templates know `{{field}}` and `{{base64(user:pass)}}` and nothing else; `basic` has `user` and `password` in place of `template`.
 */
export type Injection = {
  where: Place
  name?: string
  template?: string
  user?: string
  password?: string
  when_present?: 'replace' | 'deny' | 'keep'
  only?: { hosts?: string[]; paths?: string[] }
  /** For `sigv4`. */
  service?: string
}

export type Fact = { in: 'body' | 'query' | 'path' | 'response'; pointer: string; type: 'long' | 'string' | 'bool' }

export type Definition = {
  schema: 1
  name: string
  aliases?: string[]
  kind: ProviderKind
  display_name: string
  description?: string
  docs_url?: string
  /** The day on which somebody compared it with the vendor's documentation; absent: not verified (V52). */
  verified_on?: string
  hosts: Host[]
  /** Hosts of OAuth endpoints that share no registrable domain with `hosts`; an approver sees them in red (V4). */
  auth_hosts?: string[]
  params?: Record<string, Param>
  methods: Method[]
  client?: ClientRule
  oauth?: OAuth
  api_key?: ApiKey
  rotate?: Rotate
  inject: Injection[]
  facts?: Record<string, Fact>
  /** Endpoints that hand out new credentials (V61). */
  minting?: { methods: string[]; paths: string[] }[]
  mcp?: { paths: string[] }
  capture?: { cookies: string[] }
  /** A template that satisfies client-side checks of keys; `{id}` is the connection's id. Unless named `csph_{id}` (V59). */
  placeholder?: string
  /** Variables of a child's environment: name → field; each holds the placeholder. */
  env?: Record<string, string>
  allow_plaintext?: boolean
  retry_on_401?: 'safe' | 'always' | 'never'
}

/**
 * What is sealed in a connection's `material`: the fields that injections and flows name. Written as canonical JSON, padded with spaces to a multiple of 64 (V68).
 * Of OAuth: `access_token`, `refresh_token`, `token_type`, `id_token`, and under `extra` what else the answer held (V40). Of fields: their names.
 */
export type Material = { readonly [field: string]: string | { readonly [name: string]: unknown } }
