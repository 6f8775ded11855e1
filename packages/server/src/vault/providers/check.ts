// Whether a definition is a good one (V2–V4): form, hosts, URLs, expressions, and that every template names what a connection has. Answers every fault with
// its pointer. Reads no row and asks no host: what only others can know (reachability, who may send in the clear) is handed in or asked elsewhere.
import { type FieldError, Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { sha256 } from '../../crypto/token.ts'
import { judge } from '../../http/input.ts'
import { parsePathPattern } from '../grants/path.ts'
import { checkAddresses } from './addresses.ts'
import type { Definition, Field, Method } from './definition.ts'
import { ExpressionFault, readExpression } from './expression.ts'
import { checkInjections } from './injections.ts'
import { DefinitionFault, readBaseUrl } from './pattern.ts'
import { checkRotation } from './rotation.ts'
import { DefinitionShape, MOST_HOSTS } from './shape.ts'
import { pointerOf, readSource } from './source.ts'

export type Checked = {
  definition: Definition
  /** RFC 8785: what the digest is over. */
  canonical: string
  digest: Buffer
  warnings: FieldError[]
}

/** What only the installation knows. */
export type Surroundings = {
  /** The operator put this host on the list of `egress.allow`: its requests may go in the clear. */
  mayGoInTheClear?(host: string): boolean
}

/** Collects faults; `at` runs a part that may throw one. */
export type Faults = {
  readonly found: FieldError[]
  add(path: readonly PropertyKey[], code: string, message: string): void
  at<T>(path: readonly PropertyKey[], part: () => T): T | null
}

const MOST_FAULTS = 100

/** Throws `definition_invalid` with every fault. */
export function checkDefinition(source: string, surroundings: Surroundings = {}): Checked {
  const { value, faults } = readSource(source)
  if (faults.length > 0) throw invalid(faults)
  const found: FieldError[] = []
  const hosts = (value as { hosts?: unknown } | null)?.hosts
  if (Array.isArray(hosts) && hosts.length > MOST_HOSTS)
    throw invalid([{ path: '/hosts', code: 'too_many', message: `A definition names at most ${MOST_HOSTS} hosts.` }])
  const definition = judge(DefinitionShape, value, found) as Definition | undefined
  if (!definition) throw invalid(found)
  const all = openFaults()
  checkNames(definition, all)
  checkPaths(definition, all)
  checkMethods(definition, all)
  const warnings = checkAddresses(definition, surroundings, all)
  checkExpressions(definition, all)
  checkInjections(definition, fieldsOfConnection(definition), all)
  checkFacts(definition, all)
  checkRotation(definition, fieldsOfConnection(definition), all)
  if (all.found.length > 0) throw invalid(all.found)
  // What was written, not what was understood of it: the digest covers every member.
  const text = canonical(value)
  return { definition, canonical: text, digest: sha256(text), warnings }
}

const invalid = (errors: FieldError[]): Problem => {
  const told = errors.slice(0, MOST_FAULTS)
  return new Problem('definition_invalid', { detail: `${told[0]?.path || 'The text'}: ${told[0]?.message}`, errors: told })
}

function openFaults(): Faults {
  const found: FieldError[] = []
  const add: Faults['add'] = (path, code, message) => found.push({ path: pointerOf(path), code, message })
  return {
    found,
    add,
    at(path, part) {
      try {
        return part()
      } catch (error) {
        if (error instanceof DefinitionFault) add(path, error.code, error.message)
        else if (error instanceof ExpressionFault) add(path, 'expression', error.message)
        else throw error
        return null
      }
    },
  }
}

const OF_TOKENS: readonly Method[] = [
  ...(['code', 'device', 'register', 'client_credentials', 'jwt_bearer', 'token_exchange', 'github_app', 'minted_jwt'] as const),
]

/** What the material of a connection may hold, by the ways in which it comes to be. */
export function fieldsOfConnection({ methods, api_key }: Definition): Set<string> {
  return new Set([
    ...(methods.some((method) => OF_TOKENS.includes(method)) ? ['access_token'] : []),
    ...(methods.includes('aws') ? ['access_key_id', 'secret_access_key', 'session_token'] : []),
    ...(api_key?.fields.map(({ name }) => name) ?? []),
  ])
}

/** What nobody could be under: `..`, a query, a wildcard inside a segment. */
function checkPaths({ hosts, inject, minting = [], mcp }: Definition, { add }: Faults): void {
  const named: [readonly PropertyKey[], string | undefined][] = [
    ...hosts.map(({ path }, i): [PropertyKey[], string | undefined] => [['hosts', i, 'path'], path]),
    ...inject.flatMap(({ only }, i) =>
      (only?.paths ?? []).map((path, j): [PropertyKey[], string] => [['inject', i, 'only', 'paths', j], path]),
    ),
    ...minting.flatMap(({ paths }, i) => paths.map((path, j): [PropertyKey[], string] => [['minting', i, 'paths', j], path])),
    ...(mcp?.paths ?? []).map((path, i): [PropertyKey[], string] => [['mcp', 'paths', i], path]),
  ]
  for (const [at, path] of named)
    if (path !== undefined && parsePathPattern(path) === null)
      add(at, 'path_invalid', 'Whole segments; * is one of them, ** at the end is the rest.')
}

function checkNames({ name, aliases = [], methods, api_key, client }: Definition, { add }: Faults): void {
  const twice = (values: readonly string[], at: (i: number) => PropertyKey[], before: readonly string[] = []) =>
    values.forEach((value, i) => {
      if (before.includes(value) || values.indexOf(value) < i) add(at(i), 'duplicate', `${value} stands here twice.`)
    })
  twice(aliases, (i) => ['aliases', i], [name])
  twice(methods, (i) => ['methods', i])
  twice(api_key?.fields.map((field) => field.name) ?? [], (i) => ['api_key', 'fields', i, 'name'])
  twice(client?.fields?.map((field) => field.name) ?? [], (i) => ['client', 'fields', i, 'name'])
}

const NEEDS: Partial<Record<Method, readonly (keyof NonNullable<Definition['oauth']>)[]>> = {
  code: ['authorization_url', 'token_url'],
  device: ['device_url', 'token_url'],
  register: ['resource'],
  client_credentials: ['token_url'],
  jwt_bearer: ['token_url'],
  token_exchange: ['token_url'],
}
// What an authorization is bound by; a definition that names one of these would replace it.
const OURS =
  /^(?:client_id|client_secret|redirect_uri|response_type|response_mode|scope|state|nonce|code_challenge|code_challenge_method|code|code_verifier|grant_type|resource|refresh_token|device_code)$/

function checkMethods({ methods, oauth, api_key, client }: Definition, { add }: Faults): void {
  for (const method of methods) {
    for (const member of NEEDS[method] ?? [])
      if (oauth?.[member] === undefined) add(['oauth', member], 'required', `The method ${method} needs it.`)
    if ((method === 'api_key' || method === 'basic' || method === 'cookies') && !api_key)
      add(['api_key'], 'required', `The method ${method} needs the fields that a person fills in.`)
  }
  if ((methods.includes('code') || methods.includes('device')) && !client)
    add(['client'], 'required', 'Say whether a client is needed and how it proves itself.')
  const { style = 'none', url } = oauth?.revocation ?? {}
  if (style !== 'none' && url === undefined) add(['oauth', 'revocation', 'url'], 'required', 'This style calls a URL.')
  for (const name of Object.keys(oauth?.extra_params ?? {}))
    if (OURS.test(name) || !/^[\x21-\x7e]{1,100}$/.test(name))
      add(['oauth', 'extra_params', name], 'name_refused', 'This parameter is ours to set.')
  for (const name of Object.keys(oauth?.scopes?.catalogue ?? {}))
    if (name.length > 200 || /[\s"\\]/.test(name)) add(['oauth', 'scopes', 'catalogue', name], 'invalid', 'This is no scope.')
}

function checkExpressions({ api_key, client, params = {} }: Definition, { add, at }: Faults): void {
  const fields = (all: readonly Field[] | undefined, path: PropertyKey[]) =>
    all?.forEach(({ pattern }, i) => {
      if (pattern !== undefined) at([...path, i, 'pattern'], () => readExpression(pattern))
    })
  fields(api_key?.fields, ['api_key', 'fields'])
  fields(client?.fields, ['client', 'fields'])
  for (const [name, param] of Object.entries(params)) {
    const expression =
      param.pattern === undefined ? null : at(['params', name, 'pattern'], () => readExpression(param.pattern as string))
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(name))
      add(['params', name], 'name_refused', 'A parameter has letters, digits and _ in its name.')
    if (param.derive && !api_key?.fields.some((field) => field.name === param.derive?.field))
      add(['params', name, 'derive', 'field'], 'field_unknown', 'There is no such field of a key.')
    if (param.default === undefined) continue
    const allowed = param.values ? param.values.includes(param.default) : (expression?.test(param.default) ?? true)
    if (!allowed || (name === 'base_url' && !readBaseUrl(param.default)))
      add(['params', name, 'default'], 'invalid', 'The default is not a value that it may have.')
  }
}

function checkFacts({ facts = {}, env = {}, placeholder, ...definition }: Definition, { add }: Faults): void {
  for (const [name, fact] of Object.entries(facts)) {
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(name))
      add(['facts', name], 'name_refused', 'A fact has letters, digits and _ in its name.')
    const fits =
      fact.in === 'path'
        ? /^[1-9]\d?$/.test(fact.pointer)
        : fact.in === 'query'
          ? /^[\x21-\x7e]+$/.test(fact.pointer)
          : /^(?:\/(?:[^~/]|~[01])*)+$/.test(fact.pointer)
    if (!fits)
      add(
        ['facts', name, 'pointer'],
        'invalid',
        'A JSON pointer in bodies, a name in a query, the number of a segment in a path.',
      )
  }
  const fields = fieldsOfConnection({ facts, env, ...definition })
  for (const [name, field] of Object.entries(env)) {
    if (!/^[A-Z][A-Z0-9_]{0,99}$/.test(name) || STEERS.test(name))
      add(['env', name], 'name_refused', 'This is no variable for a credential.')
    else if (!fields.has(field)) add(['env', name], 'field_unknown', `No connection has a field ${field}.`)
  }
  if (placeholder !== undefined && placeholder.split('{id}').length !== 2)
    add(['placeholder'], 'invalid', 'A placeholder holds {id} once.')
}

// Variables by which a program is steered, not let in anywhere.
const STEERS =
  /^(?:PATH|HOME|SHELL|IFS|ENV|BASH_ENV|PYTHON.*|PERL5?.*|RUBY.*|JAVA_TOOL_OPTIONS|NODE_.*|LD_.*|DYLD_.*|GIT_.*|SSL_.*|COUNTERSIGN_.*|.*_PROXY)$/
