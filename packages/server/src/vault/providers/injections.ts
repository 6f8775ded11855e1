// Injections of a definition (V56): that each place has what it needs, names only fields that a connection has, and stays within the hosts of the definition.
// Never lets a definition write what frames a message or speaks for the proxy.
import type { Faults } from './check.ts'
import type { Definition, Injection } from './definition.ts'
import { matchHost, parsePattern } from './pattern.ts'
import { fieldsOf, readTemplate } from './template.ts'

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
// They frame the message, name its way, or are the proxy's own.
const NOT_INJECTED =
  /^(?:host|connection|content-length|content-type|content-encoding|transfer-encoding|te|trailer|upgrade|expect|via|forwarded|keep-alive|cookie|set-cookie|x-forwarded-.*|proxy-.*|countersign-.*|sec-.*)$/i

export function checkInjections(definition: Definition, fields: ReadonlySet<string>, faults: Faults): void {
  definition.inject.forEach((injection, i) => {
    checkMembers(injection, ['inject', i], faults)
    checkTemplates(injection, ['inject', i], fields, faults)
    checkOnly(injection, definition, ['inject', i], faults)
  })
}

const NEEDS: Record<Injection['where'], readonly ('name' | 'template' | 'user' | 'password' | 'service')[]> = {
  header: ['name', 'template'],
  query: ['name', 'template'],
  path: ['name', 'template'],
  body: ['name', 'template'],
  cookie: ['name', 'template'],
  ws_protocol: ['template'],
  basic: ['user', 'password'],
  sigv4: ['service'],
}

function checkMembers(injection: Injection, path: PropertyKey[], { add }: Faults): void {
  const { where, name } = injection
  for (const member of ['name', 'template', 'user', 'password', 'service'] as const) {
    const needed = NEEDS[where].includes(member)
    if (needed && injection[member] === undefined) add([...path, member], 'required', `The place ${where} needs it.`)
    if (!needed && injection[member] !== undefined) add([...path, member], 'unknown', `The place ${where} has none.`)
  }
  if (name === undefined) return
  const wrong = (message: string) => add([...path, 'name'], 'invalid', message)
  if (where === 'header' && (!TOKEN.test(name) || NOT_INJECTED.test(name))) wrong('This header is not for a credential.')
  if (where === 'cookie' && !TOKEN.test(name)) wrong('This is not the name of a cookie.')
  if (where === 'query' && !/^[\x21-\x7e]{1,100}$/.test(name)) wrong('This is not the name of a parameter.')
  if (where === 'path' && !/^[1-9]\d?$/.test(name)) wrong('The number of a segment, counted from 1.')
  if (where === 'body' && !/^(?:(?:\/(?:[^~/]|~[01])+)+|[\x21-\x2e\x30-\x7e]{1,100})$/.test(name))
    wrong('A JSON pointer, or the name of a field of a form.')
}

function checkTemplates(injection: Injection, path: PropertyKey[], fields: ReadonlySet<string>, { add, at }: Faults): void {
  const named = (['template', 'user', 'password'] as const).flatMap((member) => {
    const text = injection[member]
    return text === undefined ? [] : (at([...path, member], () => fieldsOf(readTemplate(text, fields))) ?? ['?'])
  })
  if (injection.where === 'sigv4') {
    if (!fields.has('secret_access_key')) add(path, 'field_unknown', 'Signing needs the method aws.')
  } else if (named.length === 0) add(path, 'field_missing', 'An injection names at least one field of a connection.')
}

function checkOnly({ only }: Injection, { hosts }: Definition, path: PropertyKey[], { add, at }: Faults): void {
  only?.hosts?.forEach((host, i) => {
    const here = [...path, 'only', 'hosts', i]
    const pattern = at(here, () => parsePattern(host))
    const within = hosts.some((one) => {
      const other = at(here, () => parsePattern(one.host))
      return (
        other !== null &&
        pattern !== null &&
        (other.text === pattern.text || (isName(pattern.text) && matchHost(other, pattern.text)))
      )
    })
    if (pattern && !within) add(here, 'host_unknown', 'This is none of the hosts of the definition.')
  })
}

const isName = (text: string): boolean => !/[*{]/.test(text)
