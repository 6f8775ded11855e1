// Where `countersign run` is tried: the server of a house, a proxy with its decision path and a gate, a service behind TLS on loopback under a name of its own, a
// connection whose material is the canary of this test, and the built command as a process. Real sockets throughout; nothing leaves this machine.
import { X509Certificate } from 'node:crypto'
import { rmSync } from 'node:fs'
import { expect, onTestFinished } from 'vitest'
import { newFolder } from '../../../../../../test/harness/place.ts'
import { buildCommand, type Running, start } from '../../../../../../test/harness/process.ts'
import { openText } from '../../../crypto/seal.ts'
import { systemScope } from '../../../db/scope.ts'
import { once, openDb, tx } from '../../../db/tx.ts'
import { type Allowed, parseAllowed } from '../../../egress/address.ts'
import { openDoor } from '../../../egress/fetch.ts'
import { openGuard } from '../../../egress/guard.ts'
import { openDnsStub } from '../../../egress/testing/dns-stub.ts'
import { makeCertificate } from '../../../http/testing/certificate.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { dialChannel, serveChannel } from '../../../proxy/gate/channel.ts'
import { findAuthorityKey, gateOpen, type OpenedRow } from '../../../proxy/gate/sql.ts'
import type { MaterialParams, MaterialResult, OpenParams, OpenResult } from '../../../proxy/gate/wire.ts'
import type { Gatekeeper } from '../../../proxy/gatekeeper.ts'
import { openNode } from '../../../proxy/node/gatekeeper.ts'
import { openProxy } from '../../../proxy/proxy.ts'
import { systemClock } from '../../../std/clock.ts'
import { newId, tenantWire } from '../../../std/id.ts'
import { openLog } from '../../../std/log.ts'
import { openMaterial, type SealedRow } from '../../../vault/material/material.ts'
import { authorityPlace } from '../../../vault/runs/authority.ts'
import { ALPHA, openVault, type VaultTest } from '../../../vault/testing/vault.ts'
import { openService, type Service } from './service.ts'

export const HOST = 'api.example.com'

export type RunWorld = VaultTest & {
  service: Service
  /** Where the service is, as clients of the run call it. */
  origin: string
  /** What the connection holds; nobody but the service may see it. */
  canary: string
  /** A folder of this test, for repositories, scripts and temporary files. */
  folder: string
  proxyPort: number
  /** Each name that the proxy asked for. */
  asked: string[]
  /** `countersign run <words>` as the house's agent. */
  run(words: readonly string[], options?: { env?: Record<string, string>; key?: string; input?: string }): Running
}

const log = openLog({ level: 'silent' })

/** A gatekeeper that is there before what it asks is: the server has to know the proxy's port when it starts. */
function later(): Gatekeeper & { is(one: Gatekeeper): void } {
  let real: Gatekeeper | null = null
  const get = (): Gatekeeper => {
    if (!real) throw new Error('The gatekeeper is not there yet.')
    return real
  }
  const waiting: Parameters<Gatekeeper['onCut']>[0][] = []
  return {
    open: (...given) => get().open(...given),
    connect: (...given) => get().connect(...given),
    judge: (...given) => get().judge(...given),
    settled: (...given) => get().settled(...given),
    isFresh: () => real?.isFresh() ?? false,
    onCut: (listener) => {
      waiting.push(listener)
      return () => undefined
    },
    is(one) {
      real = one
      for (const listener of waiting) one.onCut(listener)
    },
  }
}

export async function openRunWorld(settings: Record<string, string> = {}): Promise<RunWorld> {
  const folder = newFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [service, dns] = await Promise.all([
    openService(HOST, folder),
    openDnsStub((_, type) => ({ records: type === 'A' ? [{ address: '127.0.0.1' }] : [] })),
  ])
  onTestFinished(() => dns.close())
  const gatekeeper = later()
  const guard = openGuard({ nameServers: [dns], allowed: [parseAllowed(`${HOST}:${service.port}`) as Allowed] })
  const door = openDoor({ guard, installation: 'test', version: '0' })
  const proxy = await openProxy({
    ...{ gatekeeper, door, clock: systemClock, log, installation: 'test' },
    listen: [{ host: '127.0.0.1', port: 0 }],
    trust: () => ({ ca: service.ca }),
  })
  onTestFinished(async () => {
    await proxy.close()
    await door.close()
  })
  const proxyPort = proxy.addresses[0]?.port as number
  const vault = await openVault({ settings: { PROXY_URL: `http://127.0.0.1:${proxyPort}`, ...settings } })
  gatekeeper.is(await decisionPath(vault))
  await vault.define({ ...ALPHA, hosts: [{ host: HOST, port: service.port }], facts: {} }, 2)
  const connection = await vault.connect({ version: 2 })
  const { house } = vault
  const cli = await buildCommand()
  return {
    ...vault,
    ...{ service, folder, proxyPort, asked: dns.asked },
    canary: connection.value,
    origin: `https://${HOST}:${service.port}`,
    run: (words, { env = {}, key = house.agent.key, input } = {}) =>
      start(process.execPath, [cli, 'run', ...words], {
        cwd: folder,
        env: { HOME: folder, TMPDIR: folder, COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: key, ...env },
        ...(input === undefined ? {} : { input }),
      }),
  }
}

/** What the house's agent may do with its connection: everything, without a question. */
export async function grantAll({ house }: RunWorld): Promise<void> {
  const { data } = (await house.alice.get('/api/v1/connections')).body as { data: { id: string }[] }
  const rules = [{ effect: 'allow' }]
  for (const { id } of data) {
    const made = await house.alice.post('/api/v1/grants', { agent_id: house.agent.id, connection_id: id, rules })
    expect([made.status, made.body.code]).toEqual([201, undefined])
  }
  const policy =
    'permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };'
  const now = await house.admin.one<{ version: number; ordinal: number }>`
    select coalesce(max(version), 0)::integer as version, coalesce((select max(ordinal) from policy_activations where tenant_id = ${house.tenantId}::uuid), 0)::integer as ordinal
    from policies where tenant_id = ${house.tenantId}::uuid`
  await house.admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (${now.version + 1}, ${house.tenantId}::uuid, ${policy}::text, 'saved', 'test', countersign.now())`
  await house.admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (${now.ordinal + 1}, ${house.tenantId}::uuid, ${now.version + 1}, 'test', countersign.now())`
}

/** A node over the house's database as its own login, and a gate that answers with the house's keys. */
async function decisionPath({ house }: VaultTest): Promise<Gatekeeper> {
  const [control, own] = await Promise.all([makeCertificate(), makeCertificate()])
  const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
  const id = newId('nod')
  await house.admin.run`insert into proxy_nodes (id, fingerprint, name, enrolled_by, enrolled_at)
    values (${id}::text, decode(${fingerprint(own.cert)}::text, 'hex'), 'test', 'test', countersign.now())`
  const gate = await serveChannel({
    ...{ identity: { key: control.key, certificate: control.cert }, host: '127.0.0.1', port: 0, log },
    admit: async () => ({
      open: (params) => open(house, id, params as OpenParams),
      material: (params) => materialOf(house, params as MaterialParams),
    }),
  })
  onTestFinished(() => gate.close())
  const identity = { key: own.key, certificate: own.cert }
  const address = { host: '127.0.0.1', port: gate.port, fingerprint: fingerprint(control.cert) }
  const client = dialChannel({ identity, ...address, clock: systemClock, log })
  onTestFinished(() => client.close())
  const db = await openDb({ url: house.urlOf('countersign_run_proxy'), listen: false, clock: house.clock })
  const bundled = new Map()
  const node = openNode({ node: id, db, gate: client, clock: house.clock, log, bundled, guardrails: '' })
  onTestFinished(async () => {
    await node.close()
    await db.close()
  })
  await expect.poll(() => client.isOpen()).toBe(true)
  return node.gatekeeper
}

async function open(house: VaultTest['house'], node: string, { token_hash }: OpenParams): Promise<OpenResult> {
  const [row] = await once<OpenedRow>(house.db, gateOpen(node, Buffer.from(token_hash, 'hex')))
  if (!row) return null
  const scope = systemScope('gate', row.tenant_id)
  const authority = await tx(house.db, scope, async (t) => {
    const found = await findAuthorityKey(t, scope, row.authority_id)
    if (!found?.key) return null
    const key = openText(await tenantKey(house, t, scope), authorityPlace(scope, row.authority_id), found.key)
    return { id: row.authority_id, certificate: found.certificate, key }
  })
  const { id, tenant_id, agent_id, expires_at } = row
  return authority && { run: { id, tenant: tenantWire(tenant_id), agent_id, expires_at: expires_at.toISOString() }, authority }
}

async function materialOf(house: VaultTest['house'], { connection_id: id }: MaterialParams): Promise<MaterialResult> {
  const row = await house.admin.one<SealedRow>`
    select id, generation, material, status, status_cause from connections where id = ${id}::text`
  const scope = systemScope('gate', house.tenantId)
  const material = await tx(house.db, scope, (t) => openMaterial(house, t, scope, row))
  return { material, generation: row.generation, lease_ms: 1_000 }
}
