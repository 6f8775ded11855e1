// Hosts and URLs of a definition (V3, V4): patterns, https alone, and that what is told a token belongs to whoever owns the hosts, or is named for the approver to see.
// Opens no socket.
import type { FieldError } from '@countersign/sdk'
import { getDomain } from 'tldts'
import type { Faults, Surroundings } from './check.ts'
import type { Definition } from './definition.ts'
import { DefinitionFault, matchHost, normalHost, type Pattern, parsePattern } from './pattern.ts'
import { pointerOf } from './source.ts'

/** What stands between braces in the URLs of revocations: a token or an id of ours, filled when it is called. */
const FILLED = ['token', 'client_id']
const BASE_URL = '{base_url}'

export function checkAddresses(definition: Definition, surroundings: Surroundings, faults: Faults): FieldError[] {
  const { hosts, auth_hosts = [], params = {} } = definition
  const patterns = hosts.map(({ host }, i) => faults.at(['hosts', i, 'host'], () => parsePattern(host)))
  const auth = auth_hosts.map((host, i) => faults.at(['auth_hosts', i], () => exact(parsePattern(host))))
  const known = (pattern: Pattern | null, path: PropertyKey[]) =>
    pattern?.params.forEach((name) => {
      if (!Object.hasOwn(params, name)) faults.add(path, 'param_unknown', `There is no parameter ${name}.`)
    })
  patterns.forEach((pattern, i) => {
    known(pattern, ['hosts', i, 'host'])
    const key = (j: number) => `${patterns[j]?.text}:${hosts[j]?.port ?? 443}${hosts[j]?.path ?? ''}`
    if (pattern && patterns.some((_, j) => j < i && key(j) === key(i)))
      faults.add(['hosts', i, 'host'], 'duplicate', `${pattern.text} stands here twice.`)
  })
  auth.forEach((pattern, i) => {
    known(pattern, ['auth_hosts', i])
  })
  checkPlaintext(definition, patterns, surroundings, faults)
  const owners = ownersOf(patterns)
  const warnings: FieldError[] = []
  for (const { path, url, told } of urlsOf(definition)) {
    const host = faults.at(path, () => hostOf(url, params, told))
    if (host === null || !told) continue
    if (auth.some((pattern) => pattern?.text === host))
      warnings.push({
        path: pointerOf(path),
        code: 'auth_host',
        message: `${host} belongs to none of the hosts, and is told credentials.`,
      })
    else if (!patterns.some((pattern) => pattern?.text === host) && !owners.has(getDomain(host, OWNED) ?? ''))
      faults.add(path, 'auth_host', `${host} shares no registered domain with the hosts; name it in auth_hosts if it is meant.`)
  }
  checkTest(definition, patterns, faults)
  return warnings
}

const OWNED = { allowPrivateDomains: true }

const exact = (pattern: Pattern): Pattern => {
  if (pattern.labels.some(({ kind }) => kind !== 'parts'))
    throw new DefinitionFault('wildcard_place', 'A host that is told tokens is named whole.')
  return pattern
}

const ownersOf = (patterns: readonly (Pattern | null)[]): Set<string> =>
  new Set(patterns.flatMap((one) => (one && !one.ofBaseUrl ? [getDomain(one.text.replace(/[*{}]/g, 'x'), OWNED) ?? ''] : [])))

function checkPlaintext(
  { allow_plaintext, hosts }: Definition,
  patterns: readonly (Pattern | null)[],
  { mayGoInTheClear }: Surroundings,
  { add }: Faults,
) {
  if (!allow_plaintext) return
  patterns.forEach((pattern, i) => {
    if (pattern && !mayGoInTheClear?.(pattern.text))
      add(
        ['allow_plaintext'],
        'plaintext',
        `${hosts[i]?.host} is not on the operator's list of what may be reached in the clear.`,
      )
  })
}

type Place = { path: PropertyKey[]; url: string; told: boolean }

/** `told`: it gets a token, a code or a secret of ours. */
function urlsOf({ docs_url, oauth }: Definition): Place[] {
  const all: [PropertyKey[], string | undefined, boolean][] = [
    [['docs_url'], docs_url, false],
    [['oauth', 'resource'], oauth?.resource, false],
    [['oauth', 'authorization_url'], oauth?.authorization_url, true],
    [['oauth', 'token_url'], oauth?.token_url, true],
    [['oauth', 'device_url'], oauth?.device_url, true],
    [['oauth', 'revocation', 'url'], oauth?.revocation?.url, true],
    [['oauth', 'userinfo', 'url'], oauth?.userinfo?.url, true],
  ]
  return all.flatMap(([path, url, told]) => (url === undefined ? [] : [{ path, url, told }]))
}

/** The normal form of the host of a URL, its parameters left in. */
export function hostOf(text: string, params: object, isCalled = true): string {
  const names = [...text.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name as string)
  for (const name of names)
    if (!FILLED.includes(name) && !Object.hasOwn(params, name))
      throw new DefinitionFault('param_unknown', `There is no parameter ${name}.`)
  if (text.startsWith(BASE_URL)) {
    if (!/^(?:\/[\x21-\x7e]*)?$/.test(text.slice(BASE_URL.length)))
      throw new DefinitionFault('url_invalid', 'Behind {base_url} stands a path.')
    return BASE_URL
  }
  const filled = text.replace(/\{[^}]*\}/g, 'x')
  if (!URL.canParse(filled) || /\s/.test(text)) throw new DefinitionFault('url_invalid', 'This is not a URL.')
  const url = new URL(filled)
  if (url.protocol !== 'https:') throw new DefinitionFault('url_scheme', 'Only https.')
  if (url.username || url.password) throw new DefinitionFault('url_userinfo', 'A URL names nobody.')
  if (isCalled && url.hash) throw new DefinitionFault('url_invalid', 'A URL has no fragment here.')
  if (url.port === '0') throw new DefinitionFault('url_port', 'No service has the port 0.')
  if (normalHost(url.hostname) === null || !url.hostname.includes('.'))
    throw new DefinitionFault('url_host', 'A URL names a host with at least two labels, no address.')
  const written = /^https:\/\/([^/?#:]*)/i.exec(text)?.[1] ?? ''
  return parsePattern(written).text
}

/** The call that tries a key goes where the key may go, and nowhere else. */
function checkTest({ api_key, params = {} }: Definition, patterns: readonly (Pattern | null)[], faults: Faults): void {
  const url = api_key?.test?.url
  if (url === undefined) return
  const path = ['api_key', 'test', 'url']
  const host = faults.at(path, () => hostOf(url, params))
  if (host !== null) requireOwn(host, patterns, path, faults)
}

/** A key goes where its agents may take it, and nowhere else. */
export function requireOwn(
  host: string,
  patterns: readonly (Pattern | null)[],
  path: readonly PropertyKey[],
  { add }: Faults,
): void {
  if (!patterns.some((pattern) => pattern && (pattern.text === host || (!host.includes('{') && matchHost(pattern, host)))))
    add(path, 'auth_host', `${host} is none of the hosts, so the key does not go there.`)
}
