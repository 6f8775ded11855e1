// Whether the exchange of a key that a definition declares can be done (V50): it goes to the hosts of the key alone, puts no secret into a URL or a body by itself,
// fetches at least one secret field, and says which key is to be retired. Opens no socket.
import { hostOf, requireOwn } from './addresses.ts'
import type { Faults } from './check.ts'
import type { Definition, Material, Rotate, RotationCall } from './definition.ts'
import { parsePattern } from './pattern.ts'

const BRACES = /\{([^{}]*)\}/g
const POINTER = /^(?:\/(?:[^~/]|~[01])+)+$/
/** They are written into a request that an agent made; an exchange makes its own. */
const NEED_A_REQUEST = ['path', 'body', 'sigv4']

/** What of a key may stand in URLs, in bodies, in logs of a provider. */
function plainFieldsOf({ api_key, methods }: Definition): string[] {
  const declared = api_key?.fields.filter(({ secret }) => !secret).map(({ name }) => name)
  if (declared) return declared
  return [...(methods.includes('aws') ? ['access_key_id'] : []), ...(methods.includes('basic') ? ['username'] : [])]
}

export const plainOf = (definition: Definition, material: Material): Record<string, string> =>
  Object.fromEntries(
    plainFieldsOf(definition).flatMap((name) => (typeof material[name] === 'string' ? [[name, material[name] as string]] : [])),
  )

export function checkRotation(definition: Definition, fields: ReadonlySet<string>, faults: Faults): void {
  const { rotate } = definition
  if (!rotate) return
  const { add } = faults
  const plain = new Set(plainFieldsOf(definition))
  checkWays(definition, rotate, faults)
  for (const name of ['create', 'test', 'retire'] as const)
    if (rotate[name]) checkCall(definition, rotate[name], plain, ['rotate', name], faults)
  for (const [field, pointer] of Object.entries(rotate.create.fields)) {
    const at = ['rotate', 'create', 'fields', field]
    if (!fields.has(field)) add(at, 'field_unknown', `No connection has a field ${field}.`)
    if (!POINTER.test(pointer)) add(at, 'invalid', 'A JSON pointer into the answer.')
  }
  if (rotate.create.ends !== undefined && !POINTER.test(rotate.create.ends))
    add(['rotate', 'create', 'ends'], 'invalid', 'A JSON pointer into the answer.')
  if (!Object.keys(rotate.create.fields).some((field) => !plain.has(field)))
    add(['rotate', 'create', 'fields'], 'field_missing', 'A new key has a new secret.')
  const isNamed = namesIn(rotate.retire).some((name) => plain.has(name) && Object.hasOwn(rotate.create.fields, name))
  if (rotate.retire.by !== 'own' && !isNamed)
    add(
      ['rotate', 'retire'],
      'field_missing',
      'Name the key by a field that is new with each key, or let it retire itself: by own.',
    )
}

function checkWays({ methods, api_key, inject }: Definition, { test }: Rotate, { add }: Faults): void {
  if (!methods.some((method) => method === 'api_key' || method === 'basic'))
    add(['rotate'], 'method', 'Keys are exchanged of the methods api_key and basic.')
  if (!test && !api_key?.test) add(['rotate', 'test'], 'required', 'A new key is tried before it counts.')
  if (inject.some(({ where }) => NEED_A_REQUEST.includes(where)))
    add(['rotate'], 'inject', 'A key that is injected into a path, a body or a signature cannot be exchanged by a call.')
}

function checkCall(
  { hosts, params = {} }: Definition,
  call: Pick<RotationCall, 'url' | 'body'>,
  plain: ReadonlySet<string>,
  path: readonly PropertyKey[],
  faults: Faults,
): void {
  const known = { ...params, ...Object.fromEntries([...plain].map((name) => [name, true])) }
  const host = faults.at([...path, 'url'], () => hostOf(call.url, known))
  const patterns = hosts.map((one, i) => faults.at(['hosts', i, 'host'], () => parsePattern(one.host)))
  if (host !== null) requireOwn(host, patterns, [...path, 'url'], faults)
  for (const [member, text] of Object.entries(call.body ?? {}))
    for (const [, name] of text.matchAll(BRACES))
      if (!Object.hasOwn(known, name as string))
        faults.add([...path, 'body', member], 'param_unknown', `There is no parameter and no public field ${name}.`)
}

const namesIn = ({ url, body = {} }: RotationCall): string[] =>
  [url, ...Object.values(body)].flatMap((text) => [...text.matchAll(BRACES)].map(([, name]) => name as string))
