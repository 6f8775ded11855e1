// kill -9 of servers at random points while root and tenants' keys are rotated under load (V72, V73, vault.md §12.13): each secret opens at every moment, and in the end nothing
// names an older version. Short here; FAULTS=long keeps ten thousand secrets and kills thirty times.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { makeKeyring } from '../../packages/server/src/crypto/keyring.ts'
import { parseKeyText } from '../../packages/server/src/crypto/keyring-file.ts'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { versionBytes, workColumns } from '../../packages/server/src/identity/keys-at-rest/rewrap/move.ts'
import { countWrapsOf } from '../../packages/server/src/identity/keys-at-rest/rewrap/sql.ts'
import { REWRAP } from '../../packages/server/src/identity/keys-at-rest/rewrap/start.ts'
import { keptOwner } from '../../packages/server/src/identity/keys-at-rest/root/prove.ts'
import { userOwner } from '../../packages/server/src/identity/keys-at-rest/user-key.ts'
import { SANDBOX_TENANT } from '../../packages/server/src/relay/sandbox/place.ts'
import { tenantWire } from '../../packages/server/src/std/id.ts'
import { openServers, type Process } from '../harness/installation.ts'
import { cli, start, temporaryFolder } from '../harness/process.ts'
import { keepSecrets, type Operator, rotate } from './rotation.ts'

const IS_LONG = process.env.FAULTS === 'long'
const SECRETS = IS_LONG ? 10_000 : 300
const KILLS = IS_LONG ? 30 : 3
const WIDE = ['api.key', 'api.user', 'api.tenant', 'vault.compare'].map((name) => `${name}=100000000/1m+10000000`)

test(
  `V72 V73 §12.13 §10.2 killed in rotation, at any row: ${SECRETS} secrets under load, ${KILLS} kills at random while data and root keys rotate: every read succeeds, no row names an old version in the end, and the old root key opens nothing`,
  async () => {
    const begun = performance.now()
    const installation = await openServers({
      servers: 2,
      env: { COUNTERSIGN_LIMITS: [...WIDE, 'anonymous=100000/1m+10000'].join(',') },
    })
    const { servers, home, look } = installation
    const file = join(home, 'keys', 'root.key')
    const owner = await installation.owner(servers[0] as Process)
    const bearer = await installation.agentKey('keeper')
    const leases = await leasesOf(installation)
    const secrets = await keepSecrets({ installation, owner, bearer, count: SECRETS, rest: IS_LONG ? 30 : 60 })
    const again = () => tx(installation.data.db, systemScope('test'), (t) => enqueue(t, { kind: REWRAP, payload: {} }))
    const operator = rotate(installation, again)

    const phases = new Map<string, number>()
    for (let n = 0; n < KILLS; n++) {
      const before = secrets.reads
      const more = Math.floor(Math.random() * 200)
      // Every second one dies while keys move.
      await reached(() => secrets.reads >= before + more && (n % 2 === 1 || operator.phase !== null), operator)
      for (const { died } of servers) expect(died).toBeNull()
      const phase = operator.phase ?? 'between runs'
      phases.set(phase, (phases.get(phase) ?? 0) + 1)
      await strike(installation, leases, Math.floor(Math.random() * servers.length), operator)
    }
    await operator.finish()
    expect(operator.rounds).toBeGreaterThan(0)
    await secrets.stop()
    await secrets.readAll()
    process.stdout.write(
      `rotation: ${Math.round((performance.now() - begun) / 1_000)} s, ${SECRETS} secrets, ${KILLS} kills (${[...phases].map(([phase, n]) => `${n} ${phase}`).join(', ')}), ${operator.rounds} rotations of root and tenants' keys, ${secrets.reads} reads, ${secrets.writes} replaced, ${secrets.tasks} tasks, ${secrets.strange.length} wrong\n`,
    )
    expect(secrets.strange).toEqual([])
    for (const { died } of servers) expect(died).toBeNull()

    // No row of any sealed column names an older version, and nothing failed on the way.
    expect(await look('select id from rewraps where failed > 0 or finished_at is null')).toEqual([])
    const [tenant] = await look<{ id: string; version: number }>(
      "select t.id, k.version from tenants t join tenant_keys k on k.tenant_id = t.id where k.state = 'current' and t.id <> $1::uuid",
      [SANDBOX_TENANT],
    )
    const scope = systemScope('test', tenant?.id as string)
    const counts = await tx(installation.data.db, scope, async (t) => countWrapsOf(t, scope, await workColumns(t)), {
      readOnly: true,
    })
    expect(counts.filter(({ version }) => !version.equals(versionBytes(tenant?.version as number)))).toEqual([])
    expect(counts.find(({ item }) => item === 'connections.material')?.rows).toBe(SECRETS)

    // What was the root key opens nothing of what is there; what is it now opens all.
    const wraps = await look<{ owner: string; version: number; wrapped: Buffer }>(`
      select 'tenant ' || tenant_id as owner, version, wrapped from tenant_keys where wrapped is not null
      union all select 'user ' || user_id, version, wrapped from user_keys where wrapped is not null
      union all select 'kept ' || purpose, version, wrapped from kept_keys`)
    expect(wraps.length).toBeGreaterThan(1)
    const { versions } = parseKeyText(readFileSync(file, 'utf8'), file)
    const now = Math.max(...versions.keys())
    expect(now).toBe(operator.rounds + 1)
    for (const [version, secret] of versions) {
      const opened = await openedBy(version, secret, wraps)
      expect([version, opened]).toEqual([version, version === now ? wraps.length : 0])
    }
    await refusesToStart(installation, versions.get(1) as Buffer)
  },
  IS_LONG ? 1_800_000 : 180_000,
)

type Servers = Awaited<ReturnType<typeof openServers>>

const PATIENCE_MS = 300_000

async function reached(fact: () => boolean, operator: Operator): Promise<void> {
  for (const begun = performance.now(); !fact(); await new Promise((resolve) => void setTimeout(resolve, 10))) {
    if (operator.fault !== null) throw operator.fault
    if (performance.now() - begun > PATIENCE_MS)
      throw new Error(`Not so after ${PATIENCE_MS} ms; what was seen last: ${operator.told}`)
  }
}

/** Of each server, in their order. */
const leasesOf = async ({ look }: Servers): Promise<string[]> =>
  (await look<{ id: string }>('select id from keyring_leases where expires_at > now() order by since')).map(({ id }) => id)

/** Kills one, ends its leases as time would, and starts it again. */
async function strike(installation: Servers, leases: string[], victim: number, operator: Operator): Promise<void> {
  const { servers, look } = installation
  const server = servers[victim] as Process
  await server.kill()
  await look('delete from keyring_leases where id = $1', [leases[victim]])
  operator.nudged = true
  await server.restart()
  const fresh = (await leasesOf(installation)).filter((id) => !leases.includes(id))
  expect(fresh).toHaveLength(1)
  leases[victim] = fresh[0] as string
}

const NAMES = { tenant: tenantWire, user: userOwner, kept: keptOwner }

async function openedBy(
  version: number,
  secret: Buffer,
  wraps: readonly { owner: string; version: number; wrapped: Buffer }[],
): Promise<number> {
  const alone = makeKeyring({ current: version, versions: new Map([[version, secret]]) })
  const all = await Promise.allSettled(
    wraps.map(({ owner, version: own, wrapped }) => {
      const [kind, id] = owner.split(' ') as [keyof typeof NAMES, string]
      return alone.unwrapTenantKey(NAMES[kind](id), own, wrapped)
    }),
  )
  return all.filter(({ status }) => status === 'fulfilled').length
}

/** A server that has the first root key and no other (V66). */
async function refusesToStart({ data }: Servers, secret: Buffer): Promise<void> {
  const home = join(temporaryFolder(), 'home')
  mkdirSync(join(home, 'keys'), { recursive: true, mode: 0o700 })
  writeFileSync(join(home, 'keys', 'root.key'), `1 current ${secret.toString('base64')}\n`, { mode: 0o600 })
  const refused = start(process.execPath, [cli, 'serve', '--json', '--port', '0'], {
    env: { COUNTERSIGN_ENVIRONMENT: 'development', COUNTERSIGN_HOME: home, COUNTERSIGN_DATABASE_URL: data.runtimeUrl },
  })
  expect((await refused.ended).code).toBe(78)
  expect(refused.stderr()).toMatch(/ key\.root: .*fingerprint/)
}
