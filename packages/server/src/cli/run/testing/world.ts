// Where `countersign run` is tried: the server of a house with an open gate, a proxy as a process of its own, a service behind TLS on loopback under a name of its own, a
// connection whose material is the canary of this test, and the built command as a process. Nothing is stood in for, and nothing leaves this machine.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { newFolder } from '../../../../../../test/harness/place.ts'
import { buildCommand, type Running, start } from '../../../../../../test/harness/process.ts'
import { openDnsStub } from '../../../egress/testing/dns-stub.ts'
import { makeCertificate } from '../../../http/testing/certificate.ts'
import { startBeside } from '../../../main/node/beside.ts'
import { openLog } from '../../../std/log.ts'
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
  /** What the proxy's own listener shows, where it speaks TLS. */
  proxyCertificate: string
  /** Each time that the proxy asked for the service's name. */
  asked(): string[]
  /** `countersign run <words>` as the house's agent. */
  run(words: readonly string[], options?: { env?: Record<string, string>; key?: string; input?: string }): Running
}

/** People may do what their role lets them; a grant's own mode decides what its agent may send. */
const RULES = `permit (principal is User, action, resource);
permit (principal is Agent, action == Action::"proxy.request", resource) when { context.grant.mode == "allow" };`

/** `tls`: the proxy's own listener speaks it, as that of a proxy on another machine does. */
export async function openRunWorld({ tls = false } = {}): Promise<RunWorld> {
  const folder = newFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const cli = await buildCommand()
  const [service, dns] = await Promise.all([
    openService(HOST, folder),
    openDnsStub((_, type) => ({ records: type === 'A' ? [{ address: '127.0.0.1' }] : [] })),
  ])
  onTestFinished(() => dns.close())
  const vault = await openVault({ settings: { GATE_LISTEN: '127.0.0.1:0', GATE_KEY_FILE: join(folder, 'gate.pem') } })
  const { house } = vault
  const trust = join(folder, 'trust.json')
  writeFileSync(join(folder, 'origin.pem'), service.ca)
  writeFileSync(trust, JSON.stringify([{ host: HOST, port: service.port, ca_file: 'origin.pem' }]), { mode: 0o600 })
  const proxyCertificate = join(folder, 'proxy.pem')
  const proxyKey = join(folder, 'proxy.key')
  if (tls) {
    const { cert, key } = await makeCertificate()
    writeFileSync(proxyCertificate, cert)
    writeFileSync(proxyKey, key, { mode: 0o600 })
  }
  if (house.server.gate === null) throw new Error('The gate does not listen.')
  const proxy = await startBeside({
    config: house.configOf(),
    given: {
      PATH: process.env.PATH,
      COUNTERSIGN_ENVIRONMENT: 'development',
      COUNTERSIGN_LOG_LEVEL: 'warn',
      COUNTERSIGN_PROXY_LISTEN: '127.0.0.1:0',
      // A machine that is busy with other tests is not a control plane that is away.
      COUNTERSIGN_PROXY_STALE_AFTER: '10s',
      COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}`,
      COUNTERSIGN_EGRESS_ALLOW: `${HOST}:${service.port}`,
      COUNTERSIGN_PROXY_TRUST_FILE: trust,
      ...(tls ? { COUNTERSIGN_PROXY_TLS_CERT_FILE: proxyCertificate, COUNTERSIGN_PROXY_TLS_KEY_FILE: proxyKey } : {}),
    },
    db: house.db,
    databaseUrl: house.urlOf('countersign_run_proxy'),
    gate: house.server.gate,
    log: openLog({ level: 'silent' }),
  })
  onTestFinished(() => proxy.close())
  house.server.tellProxy(proxy.url)
  const form = { fields: [{ name: 'api_key', label: 'Key', secret: true, pattern: '^ak_.{8,}$' }] }
  await vault.define({ ...ALPHA, hosts: [{ host: HOST, port: service.port }], facts: {}, api_key: form }, 2)
  const connection = await vault.connect({ version: 2 })
  return {
    ...vault,
    ...{ service, folder, proxyCertificate },
    asked: () => dns.asked.filter((one) => one.includes(HOST)),
    proxyPort: Number(new URL(proxy.url).port),
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
  await house.admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (100, ${house.tenantId}::uuid, ${RULES}::text, 'saved', 'test', countersign.now())`
  await house.admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (100, ${house.tenantId}::uuid, 100, 'test', countersign.now())`
  const { data } = (await house.alice.get('/api/v1/connections')).body as { data: { id: string }[] }
  for (const { id } of data) {
    const body = { agent_id: house.agent.id, connection_id: id, rules: [{ effect: 'allow' }] }
    const made = await house.alice.post('/api/v1/grants', body)
    expect([made.status, made.body.code]).toEqual([201, undefined])
  }
}
