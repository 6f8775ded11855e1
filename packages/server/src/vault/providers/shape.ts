// What a definition may hold, member by member (V2). Form alone: what its parts mean to each other is `check.ts`. Unknown members are refused here, on write;
// what is stored is read without this file, so that a later release's members are kept.
import { s } from '../../http/route.ts'
import { KINDS, METHODS, PLACES } from './definition.ts'

// One bundled provider is called by a single letter.
export const NAME = /^x$|^[a-z0-9][a-z0-9_-]{1,62}$/
export const NAME_RULE = 'Two to 63 of a-z, 0-9, _ and -, the first a letter or a digit.'
export const MOST_HOSTS = 100

const name = () => s.pattern(NAME, NAME_RULE)
const url = () => s.line({ max: 2_000 })
const path = () => s.pattern(/^\/[\x21-\x7e]{0,499}$/, 'Begins with / and holds visible ASCII alone.')
const word = () => s.pattern(/^[a-z][a-z0-9_]{0,62}$/, 'Letters, digits and _, the first a letter, all in lower case.')
const expression = () => s.line({ max: 1_000 })
const token = () => s.pattern(/^[A-Za-z][A-Za-z0-9-]{0,19}$/, 'The name of a method.')

const field = s.object({
  name: word(),
  label: s.line({ max: 100 }),
  secret: s.boolean(),
  pattern: s.optional(expression()),
  hint: s.optional(s.line({ max: 500 })),
})

const param = s.object({
  pattern: s.optional(expression()),
  values: s.optional(s.array(s.line({ max: 200 }), { min: 1, max: 500 })),
  derive: s.optional(s.object({ field: word(), after_last: s.line({ max: 1 }) })),
  default: s.optional(s.line({ max: 500 })),
  label: s.optional(s.line({ max: 100 })),
})

const oauth = s.object({
  authorization_url: s.optional(url()),
  token_url: s.optional(url()),
  device_url: s.optional(url()),
  device_style: s.optional(s.oneOf('form', 'json')),
  pkce: s.optional(s.oneOf('required', 'supported', 'absent')),
  scopes: s.optional(
    s.object({
      default: s.array(s.line({ max: 200 }), { max: 200 }),
      catalogue: s.optional(s.record(s.line({ max: 500 }))),
      separator: s.optional(s.pattern(/^[ ,+;]$/, 'One of space, comma, plus and semicolon.')),
    }),
  ),
  extra_params: s.optional(s.record(s.line({ max: 500 }))),
  resource: s.optional(url()),
  answer: s.optional(s.oneOf('standard', 'github', 'slack', 'form')),
  token_body: s.optional(s.oneOf('form', 'json')),
  revocation: s.optional(
    s.object({
      url: s.optional(url()),
      style: s.oneOf('rfc7009', 'bearer', 'delete_path', 'basic_delete', 'none'),
      send: s.optional(s.oneOf('refresh', 'access', 'both')),
    }),
  ),
  rotates: s.optional(s.boolean()),
  idle_days: s.optional(s.int({ min: 1, max: 3_650 })),
  userinfo: s.optional(s.object({ url: url(), id: s.line({ max: 200 }), label: s.line({ max: 200 }) })),
})

const called = {
  method: s.oneOf('GET', 'POST', 'PUT', 'DELETE'),
  url: url(),
  expect: s.array(s.int({ min: 100, max: 599 }), { min: 1, max: 20 }),
}
const withBody = {
  ...called,
  body: s.optional(s.record(s.line({ min: 0, max: 500 }))),
  body_style: s.optional(s.oneOf('json', 'form')),
}

const rotate = s.object({
  create: s.object({ ...withBody, fields: s.record(s.line({ max: 200 })), ends: s.optional(s.line({ max: 200 })) }),
  test: s.optional(s.object(called)),
  retire: s.object({ ...withBody, by: s.optional(s.oneOf('other', 'own')) }),
  overlap_seconds: s.optional(s.int({ min: 60, max: 604_800 })),
})

const injection = s.object({
  where: s.oneOf(...PLACES),
  name: s.optional(s.line({ max: 200 })),
  template: s.optional(s.line({ min: 0, max: 1_000 })),
  user: s.optional(s.line({ min: 0, max: 1_000 })),
  password: s.optional(s.line({ min: 0, max: 1_000 })),
  when_present: s.optional(s.oneOf('replace', 'deny', 'keep')),
  only: s.optional(
    s.object({
      hosts: s.optional(s.array(s.line({ max: 300 }), { min: 1, max: MOST_HOSTS })),
      paths: s.optional(s.array(path(), { min: 1, max: 100 })),
    }),
  ),
  service: s.optional(word()),
})

/** Too many hosts are told once, not each. */
export const DefinitionShape = s.object({
  schema: s.literal(1),
  name: name(),
  aliases: s.optional(s.array(name(), { max: 20 })),
  kind: s.oneOf(...KINDS),
  display_name: s.line({ max: 100 }),
  description: s.optional(s.text({ max: 2_000 })),
  docs_url: s.optional(url()),
  verified_on: s.optional(s.pattern(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/, 'A day, such as 2026-01-31.')),
  hosts: s.array(
    s.object({ host: s.line({ max: 300 }), port: s.optional(s.int({ min: 1, max: 65_535 })), path: s.optional(path()) }),
    { min: 1, max: MOST_HOSTS },
  ),
  auth_hosts: s.optional(s.array(s.line({ max: 300 }), { max: MOST_HOSTS })),
  params: s.optional(s.record(param)),
  methods: s.array(s.oneOf(...METHODS), { min: 1, max: METHODS.length }),
  client: s.optional(
    s.object({
      needed: s.oneOf('always', 'optional', 'never'),
      auth: s.oneOf('basic', 'post', 'none', 'private_key_jwt'),
      fields: s.optional(s.array(field, { max: 20 })),
      record: s.optional(name()),
    }),
  ),
  oauth: s.optional(oauth),
  api_key: s.optional(
    s.object({
      fields: s.array(field, { min: 1, max: 20 }),
      test: s.optional(
        s.object({ method: token(), url: url(), expect: s.array(s.int({ min: 100, max: 599 }), { min: 1, max: 20 }) }),
      ),
    }),
  ),
  rotate: s.optional(rotate),
  inject: s.array(injection, { min: 1, max: 20 }),
  facts: s.optional(
    s.record(
      s.object({
        in: s.oneOf('body', 'query', 'path', 'response'),
        pointer: s.line({ max: 200 }),
        type: s.oneOf('long', 'string', 'bool'),
      }),
    ),
  ),
  minting: s.optional(
    s.array(
      s.object({
        methods: s.array(s.pattern(/^(?:\*|[A-Z]{1,20})$/, 'A method in capitals, or *.'), { min: 1, max: 20 }),
        paths: s.array(path(), { min: 1, max: 100 }),
      }),
      { max: 50 },
    ),
  ),
  mcp: s.optional(s.object({ paths: s.array(path(), { min: 1, max: 20 }) })),
  capture: s.optional(s.object({ cookies: s.array(s.line({ max: 200 }), { min: 1, max: 50 }) })),
  placeholder: s.optional(s.pattern(/^[\x21-\x7e]{1,200}$/, 'Visible ASCII, with {id} in it.')),
  env: s.optional(s.record(word())),
  allow_plaintext: s.optional(s.boolean()),
  retry_on_401: s.optional(s.oneOf('safe', 'always', 'never')),
})
