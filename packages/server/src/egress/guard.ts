// The decision before any connection: shape, policy, resolution, every address (P96–P100). Opens no connection but those of the resolver.
import { Resolver } from 'node:dns'
import { Problem } from '@countersign/sdk'
import type { Log } from '../std/log.ts'
import { type Allowed, isAllowed, isLoopback, isPublic, type Network, parseAddress, parseNetwork } from './address.ts'
import { askDns, type NameServer, NoNameServer, TYPES } from './dns.ts'
import { resolveName, resolveTexts } from './resolve.ts'
import { judgeUrl, parseUrl, type Rules } from './url.ts'

export type GuardOptions = Partial<Rules> & {
  /** Empty: those of the system. */
  nameServers?: readonly NameServer[]
  /** The /96 of the operator's own NAT64. */
  nat64Prefix?: string | null
  /** The exceptions of one tenant beside those of the installation (P104). When it fails, the check says `unreachable`. */
  allowedOf?(tenantId: string): Promise<readonly Allowed[]>
  log?: Log
}

/** Where a checked URL may be dialled: at these addresses and no other. */
export type Route = { url: URL; host: string; port: number; addresses: readonly Uint8Array[] }
export type Verdict =
  | { route: Route }
  /** `unresolved`: all but that the name leads nowhere just now. */
  | { refused: 'url_invalid' | 'url_not_allowed' | 'unreachable'; unresolved?: true }

export type Guard = {
  /** The whole check, resolution included: at every dial. Without a tenant only the exceptions of the installation count. */
  check(url: unknown, tenantId?: string): Promise<Verdict>
  /** The same for a server of mail, which has ports of its own. The route's URL is a place to dial, not an address of the web. */
  checkMailServer(host: string, port: number, tenantId?: string): Promise<Verdict>
  /** The texts (TXT) at a name of the DNS; null: no name server answered. Opens nothing that they name. */
  textsAt(name: string): Promise<string[] | null>
}

/** SMTP with TLS from the start, submission, and the two that some providers have beside them. */
const MAIL_PORTS = [465, 587, 25, 2525]

export function openGuard(options: GuardOptions = {}): Guard {
  const { http = false, ports = [], literals = false, allowed = [], ownHosts = [] } = options
  const rules: Rules = {
    http,
    ports,
    literals,
    allowed,
    ownHosts: ownHosts.map((host) => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')),
    ...(options.loopbackBut ? { loopbackBut: options.loopbackBut } : {}),
  }
  const servers = options.nameServers?.length ? options.nameServers : systemServers()
  const nat64: Network | null = options.nat64Prefix ? parseNetwork(options.nat64Prefix) : null

  const check = (text: unknown, tenantId?: string) => judge(text, rules, tenantId)

  const checkMailServer = (host: string, port: number, tenantId?: string) =>
    judge(`https://${host.includes(':') ? `[${host}]` : host}:${port}/`, { ...rules, ports: MAIL_PORTS }, tenantId)

  async function judge(text: unknown, by: Rules, tenantId: string | undefined): Promise<Verdict> {
    const url = parseUrl(text)
    if (!url) return { refused: 'url_invalid' }
    const exceptions = await exceptionsOf(tenantId)
    if (!exceptions) return { refused: 'unreachable' }
    const target = judgeUrl(url, { ...by, allowed: exceptions })
    if (!target) return { refused: 'url_not_allowed' }
    const passes = (address: Uint8Array): boolean =>
      isAllowed(exceptions, target.host, target.port, address) ||
      (target.ordinary && isPublic(address, nat64)) ||
      (target.here && isLoopback(address))
    try {
      const addresses = target.literal ? [target.literal] : await addressesOf(target.host)
      if (!addresses) return { refused: 'url_not_allowed', unresolved: true }
      // One denied answer refuses the name: who can put one in can also reorder them.
      if (!addresses.every(passes)) return { refused: 'url_not_allowed' }
      return { route: { url, host: target.host, port: target.port, addresses } }
    } catch (error) {
      if (error instanceof NoNameServer) return { refused: 'unreachable' }
      throw error
    }
  }

  /** Null: they cannot be read just now, and a guess in either direction would be wrong. */
  async function exceptionsOf(tenantId: string | undefined): Promise<readonly Allowed[] | null> {
    if (tenantId === undefined || !options.allowedOf) return allowed
    try {
      return [...allowed, ...(await options.allowedOf(tenantId))]
    } catch (error) {
      options.log?.warn({ err: error }, 'the exceptions of a tenant could not be read')
      return null
    }
  }

  async function addressesOf(host: string): Promise<Uint8Array[] | null> {
    // localhost is no name of the DNS (RFC 6761); it can only be here by an exception of the operator.
    if (host === 'localhost') return [parseAddress('127.0.0.1') as Uint8Array]
    return resolveName(host, servers).catch((error: unknown) => {
      if (error instanceof RangeError) return null
      throw error
    })
  }

  const textsAt = (name: string): Promise<string[] | null> =>
    resolveTexts(name, servers).catch((error: unknown) => {
      if (error instanceof NoNameServer) return null
      if (error instanceof RangeError) return []
      throw error
    })

  return { check, checkMailServer, textsAt }
}

/**
 * For a kind message when a URL is saved (P100): the normalised form, or a 422 that names the field. Truth is asked for at every dial.
 * `unresolved`: a name that does not resolve yet may be saved (relay.md R101).
 */
export async function checkUrl(
  guard: Guard,
  url: string,
  path: string,
  tenantId?: string,
  unresolved?: 'saved',
): Promise<string> {
  const verdict = await guard.check(url, tenantId)
  if ('route' in verdict) return verdict.route.url.href
  // No name server answers just now: that is no fault of the URL, and the dial asks again.
  if (verdict.refused === 'unreachable' || (verdict.unresolved && unresolved === 'saved')) return (parseUrl(url) as URL).href
  const message =
    verdict.refused === 'url_invalid' ? 'This is not a URL that can be called.' : 'This address may not be called from here.'
  throw new Problem(verdict.refused, { errors: [{ path, code: verdict.refused, message }] })
}

/** Does anybody answer questions about names? Asked for a name that cannot exist: any answer counts. */
export async function answersQuestions(
  given: readonly NameServer[],
  ms: number,
): Promise<{ answers: boolean; servers: string[] }> {
  const servers = given.length > 0 ? given : systemServers()
  const shown = servers.map(({ address, port }) =>
    port === 53 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
  )
  try {
    await askDns(servers, 'invalid', TYPES.A, performance.now() + ms)
    return { answers: true, servers: shown }
  } catch (error) {
    if (error instanceof NoNameServer || error instanceof RangeError) return { answers: false, servers: shown }
    throw error
  }
}

function systemServers(): NameServer[] {
  return new Resolver().getServers().map((text) => {
    const [, six, digits] = /^\[([^\]]+)\]:(\d+)$/.exec(text) ?? /^()[\d.]+:(\d+)$/.exec(text) ?? []
    const address = six || (digits ? text.slice(0, text.lastIndexOf(':')) : text)
    return { address, port: Number(digits ?? 53) }
  })
}
