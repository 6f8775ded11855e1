// countersign whoami: as whom commands act, where, and what of it needs somebody. Prints no part of a key.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { version } from '../main/version.ts'
import { plain, print, unlessRefused } from './output.ts'
import type { Door } from './tasks.ts'
import { connectionsOf } from './which-connection.ts'

type Principal = RouteAnswer<'GET /principal'>
type Vault = RouteAnswer<'GET /vault/status'>
type Who = {
  version: string
  server: string
  tenant: { id: string; name: string; state: string }
  principal: { type: Principal['type']; id: string; name: string; email: string | null; role: string | null }
  key: { id: string; scopes: string[] } | null
  /** Null: not told to everybody. */
  root_key: Vault['root_key'] | null
  vault_status: Vault['state'] | null
  proxy: { address: string | null; reachable: boolean | null }
  connections: { count: number; by_status: Record<string, number> }
  issues: string[]
}

export function whoamiCommand(program: Command, door: Door): void {
  program
    .command('whoami')
    .description('as whom commands act, where, and what of it needs somebody')
    .action(async () => print(door.output(), await whoAmI(door), described))
}

async function whoAmI(door: Door): Promise<Who> {
  const client = door.client()
  const me = await client.call('GET /principal')
  const vault = await unlessRefused(() => client.call('GET /vault/status'))
  const all = (await unlessRefused(() => connectionsOf(door))) ?? []
  const live = all.filter(({ status }) => status !== 'removed')
  const byStatus: Record<string, number> = {}
  for (const { status } of live) byStatus[status] = (byStatus[status] ?? 0) + 1
  const address = vault?.proxy_url ?? null
  const reachable = address === null ? null : await answers(address)
  return {
    version: version(),
    server: client.settings.url,
    tenant: { id: me.tenant_id, name: me.tenant_name, state: me.tenant_state },
    principal: { type: me.type, id: me.id, name: me.name, email: me.email, role: me.role },
    key: me.key_id === null ? null : { id: me.key_id, scopes: me.scopes ?? [] },
    root_key: vault?.root_key ?? null,
    vault_status: vault?.state ?? null,
    proxy: { address, reachable },
    connections: { count: live.length, by_status: byStatus },
    issues: [
      ...(me.tenant_state === 'active' ? [] : [`The tenant is ${me.tenant_state}.`]),
      ...((byStatus.needs_reauth ?? 0) > 0
        ? [`${byStatus.needs_reauth} of the connections need somebody to sign in again.`]
        : []),
      ...((byStatus.suspended ?? 0) > 0 ? [`${byStatus.suspended} of the connections are suspended.`] : []),
      ...(reachable === false ? [`The proxy at ${address} does not answer.`] : []),
    ],
  }
}

/** Any answer: a proxy refuses what is not for a proxy, and says so. Where it asks for its own credential (407), fetch fails for a reason that no socket gave. */
export async function answers(url: string): Promise<boolean> {
  try {
    await globalThis.fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(3_000) })
    return true
  } catch (error) {
    if (error instanceof DOMException) return false
    if (!(error instanceof TypeError)) throw error
    return (error.cause as { code?: string } | undefined)?.code === undefined
  }
}

function described(who: Who): string {
  const { principal, tenant, key, root_key: root, connections, proxy, issues } = who
  const statuses = Object.entries(connections.by_status).map(([status, n]) => `${n} ${status}`)
  const proxied =
    proxy.address === null ? 'none that this key is told of' : `${proxy.address}${proxy.reachable ? '' : ', does not answer'}`
  return [
    `you          ${plain(principal.name)}, ${principal.type} ${principal.id}${principal.email === null ? '' : `, ${plain(principal.email)}`}`,
    ...(principal.role === null ? [] : [`role         ${principal.role}`]),
    `tenant       ${plain(tenant.name)}, ${tenant.id}, ${tenant.state}`,
    `server       ${who.server}, client ${who.version}`,
    ...(key === null ? [] : [`key          ${key.id}`]),
    ...(root === null ? [] : [`root key     version ${root.version} (${root.fingerprint}), from ${plain(root.source)}`]),
    `connections  ${connections.count}${statuses.length === 0 ? '' : `: ${statuses.join(', ')}`}`,
    `proxy        ${proxied}`,
    ...issues.map((issue) => `warn  ${issue}`),
  ].join('\n')
}
