// countersign whoami: as whom commands act, where, and what of it needs somebody. Prints no part of a key.
import { existsSync } from 'node:fs'
import type { Countersign, RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { version } from '../main/version.ts'
import { didOf } from './did.ts'
import { keyFileOf, readKeyFile } from './key-file.ts'
import { plain, print, unlessRefused } from './output.ts'
import { readSession } from './session.ts'
import type { Door } from './tasks.ts'
import { usedAgent } from './used-agent.ts'
import { connectionsOf } from './which-connection.ts'

type Principal = RouteAnswer<'GET /principal'>
type Vault = RouteAnswer<'GET /vault/status'>
type Who = {
  version: string
  server: string
  tenant: { id: string; name: string; state: string }
  principal: { type: Principal['type']; id: string; handle: string; name: string; email: string | null; role: string | null }
  key: { id: string; scopes: string[] } | null
  /** From where the key was taken. */
  key_source: KeySource
  /** Of an agent with a key pair, or of the one that `run` runs where nobody is named. */
  agent: { id: string; did: string | null; thumbprint: string | null } | null
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
    .action(async () => print(door.output(), await whoAmI(program, door), described))
}

async function whoAmI(program: Command, door: Door): Promise<Who> {
  const client = door.client()
  const me = await client.call('GET /principal')
  const { profile } = program.opts<{ profile?: string }>()
  const source = await keySource(client.settings, profile)
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
    principal: { type: me.type, id: me.id, handle: me.email ?? me.name, name: me.name, email: me.email, role: me.role },
    key: me.key_id === null ? null : { id: me.key_id, scopes: me.scopes ?? [] },
    key_source: source,
    agent: await agentOf(door, me),
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

export type KeySource = 'profile' | 'environment' | 'keyring' | 'file' | 'development' | null

/** In the order in which commands look for one. */
export async function keySource({ url, key }: Countersign['settings'], profile: string | undefined): Promise<KeySource> {
  const { env } = processContext()
  if (profile ?? env.COUNTERSIGN_PROFILE) return 'profile'
  if (env.COUNTERSIGN_KEY) return 'environment'
  const { session } = await readSession(url)
  if (session !== null && session.key === key) return session.kept
  return key === null ? null : 'development'
}

async function agentOf(door: Door, me: Principal): Promise<Who['agent']> {
  const client = door.client()
  if (me.type === 'agent') {
    const { agent, key } = await client.call('GET /agents/self')
    return named(agent.id, key.thumbprint)
  }
  const id = usedAgent(client.settings)
  if (id === undefined) return null
  const keys = await unlessRefused(() => client.keys.list({ agent_id: id, limit: 200 }))
  return named(id, keys?.data.find((one) => one.thumbprint !== null && one.state === 'active')?.thumbprint ?? null)
}

/** The DID is the public key in other letters: it stands where the private half is kept. */
function named(id: string, thumbprint: string | null): NonNullable<Who['agent']> {
  const file = thumbprint === null ? null : keyFileOf(processContext().env, thumbprint)
  if (file === null || !existsSync(file)) return { id, did: null, thumbprint }
  return { id, did: didOf(readKeyFile(file).jwk), thumbprint }
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

export const FROM: Record<NonNullable<KeySource>, string> = {
  profile: 'of the profile',
  environment: 'of COUNTERSIGN_KEY',
  keyring: 'of `countersign login`, in the keyring of the system',
  file: 'of `countersign login`, in a file',
  development: 'of the `countersign dev` on this machine',
}

function described(who: Who): string {
  const { principal, tenant, key, key_source: source, agent, root_key: root, connections, proxy, issues } = who
  const statuses = Object.entries(connections.by_status).map(([status, n]) => `${n} ${status}`)
  const proxied =
    proxy.address === null ? 'none that this key is told of' : `${proxy.address}${proxy.reachable ? '' : ', does not answer'}`
  return [
    `you          ${plain(principal.name)}, ${principal.type} ${principal.id}${principal.email === null ? '' : `, ${plain(principal.email)}`}`,
    ...(principal.role === null ? [] : [`role         ${principal.role}`]),
    `tenant       ${plain(tenant.name)}, ${tenant.id}, ${tenant.state}`,
    `server       ${who.server}, client ${who.version}`,
    ...(key === null ? [] : [`key          ${key.id}${source === null ? '' : `, ${FROM[source]}`}`]),
    ...(agent === null
      ? []
      : [`agent        ${agent.id}${agent.thumbprint === null ? '' : `, ${agent.did ?? agent.thumbprint}`}`]),
    ...(root === null ? [] : [`root key     version ${root.version} (${root.fingerprint}), from ${plain(root.source)}`]),
    `connections  ${connections.count}${statuses.length === 0 ? '' : `: ${statuses.join(', ')}`}`,
    `proxy        ${proxied}`,
    ...issues.map((issue) => `warn  ${issue}`),
  ].join('\n')
}
