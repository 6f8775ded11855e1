// The root key as the settings name it: which sources, how Vault is reached, and the one line at start that tells what was chosen and what was not (V63).
// Never prints a key; the door that it opens leads to the one host that ROOT_KEY names, and is shut again by nobody else's traffic.

import { findRoots, type Roots } from '../crypto/keyring-source.ts'
import type { PostJson } from '../crypto/keyring-transit.ts'
import { Secret } from '../crypto/secret.ts'
import { NO_TENANT } from '../db/scope.ts'
import type { Db } from '../db/tx.ts'
import { parseAllowed } from '../egress/address.ts'
import { openDoor } from '../egress/fetch.ts'
import { openGuard } from '../egress/guard.ts'
import type { Ring } from '../identity/keys-at-rest/root/ring.ts'
import { hasSealedRows } from '../identity/keys-at-rest/tenant-key.ts'
import type { Log } from '../std/log.ts'
import type { Config } from './config.ts'
import { proxyOf } from './proxy.ts'
import { version } from './version.ts'

export const rootsOf = (config: Config, db: Db, log: Log): Promise<Roots> =>
  findRoots({
    given: config.rootKey,
    also: config.rootKeyAlso,
    home: config.home,
    production: config.environment === 'production',
    envAccepted: config.rootKeyEnvAccepted,
    variable: (name) => config.rootKeyValues[name]?.reveal(),
    transit: { token: config.rootKeyVaultToken, post: (url, headers, body) => postTo(config, log, url)(url, headers, body) },
    otherSecrets: Object.entries(config).flatMap(([name, value]) => (value instanceof Secret ? [{ name, value }] : [])),
    mayCreate: async () => !(await hasSealedRows(db)),
  })

const doors = new Map<string, PostJson>()

/** A door whose only exception is the very host and port of Vault: it may stand in a private network, as it should. */
function postTo(config: Config, log: Log, target: string): PostJson {
  const { protocol, hostname, host, port, origin } = new URL(target)
  const known = doors.get(origin)
  if (known) return known
  const number = port || (protocol === 'https:' ? '443' : '80')
  const allowed = parseAllowed(`${port ? host : `${hostname}:${number}`}`)
  const guard = openGuard({
    http: protocol === 'http:',
    ports: [Number(number)],
    literals: true,
    allowed: allowed ? [allowed] : [],
    nameServers: config.egressDnsServers,
    nat64Prefix: config.egressNat64Prefix,
  })
  const door = openDoor({ guard, installation: 'root-key', version: version(), log, proxy: proxyOf(config) })
  const post: PostJson = async (url, headers, body) => {
    const answer = await door.fetch({
      tenantId: NO_TENANT,
      url,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      caps: { wholeMs: 10_000, bodyBytes: 65_536 },
    })
    if ('status' in answer) return { status: answer.status, body: parsed(answer.body) }
    throw new Error(`${origin} is not reached (${answer.failed}).`)
  }
  doors.set(origin, post)
  return post
}

function parsed(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** One line: the source, its fingerprint, and every source that was passed over with the reason. */
export function sayRoots({ keyring, roots }: Ring, log: Log): void {
  const [source] = roots.sources
  const line = {
    source: source?.name,
    fingerprint: keyring.fingerprint(),
    version: keyring.current,
    versions: keyring.versions,
    created: roots.created,
    skipped: roots.skipped.map(({ source: name, reason }) => `${name} (${reason})`),
  }
  if (roots.skipped.some(({ isLoud }) => isLoud)) log.warn(line, 'root key')
  else log.info(line, 'root key')
  for (const warning of roots.warnings) log.warn({ check: 'key.root' }, warning)
}
