// Each shape of examples/deploy, started as its compose file says: the same commands and settings, each process with the login that the file gives it. What a
// container would add (networks, volumes, a host called postgres) is what is replaced here, and nothing else (P19).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { randomBytes } from '../../packages/server/src/crypto/token.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { DENIED_RANGES } from '../../packages/server/src/egress/address.ts'
import { root, start, temporaryFolder } from '../harness/process.ts'

const folder = join(root, 'examples/deploy')
const shapes = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['sdk', 'queue', 'server'])
}, 120_000)

type Node = string | Node[] | { [name: string]: Node }
type Service = {
  image: string
  command?: string[]
  environment: Record<string, string>
  ports?: string[]
  read_only?: string
  cap_drop?: string[]
  ulimits?: { core: string }
}

/** As much YAML as these files use: maps by indentation, lists of one line or of dashes, texts. Anything else is a mistake in the file. */
function readYaml(text: string): { [name: string]: Node } {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
  let at = 0
  const depth = (line: string) => line.length - line.trimStart().length
  const scalar = (value: string): Node =>
    value.startsWith('[')
      ? value.slice(1, -1).split(/,\s+/).map(scalar)
      : value === '{}'
        ? {}
        : /^".*"$/.test(value)
          ? (JSON.parse(value) as string)
          : value
  const block = (indent: number): Node => {
    const items: Node[] = []
    const map: { [name: string]: Node } = {}
    while (at < lines.length && depth(lines[at] as string) === indent) {
      const line = (lines[at++] as string).trim()
      if (line.startsWith('- ')) {
        items.push(scalar(line.slice(2)))
        continue
      }
      const [, name, value] = /^([\w.-]+):(?: (.*))?$/.exec(line) ?? []
      if (name === undefined) throw new Error(`not a line of ours: ${line}`)
      map[name] = value === undefined ? block(depth(lines[at] as string)) : scalar(value)
    }
    return items.length > 0 ? items : map
  }
  return block(0) as { [name: string]: Node }
}

const servicesOf = (name: string) =>
  (readYaml(readFileSync(join(folder, name), 'utf8')) as unknown as { services: Record<string, Service> }).services

test('P19 P156 V71 in every shape what serves is read-only, without capabilities, without core files, and only what must be reached is published', () => {
  expect(shapes).toEqual([
    'all-in-one.yaml',
    'firewalled-worker.yaml',
    'http-workers.yaml',
    'private-admin.yaml',
    'receiver-maintenance.yaml',
    'receiver.yaml',
  ])
  for (const shape of shapes)
    for (const [name, one] of Object.entries(servicesOf(shape)).filter(([service]) => service !== 'postgres')) {
      if (name !== 'migrate') expect([shape, name, one.read_only, one.cap_drop]).toEqual([shape, name, 'true', ['ALL']])
      if (one.image === 'countersign' && name !== 'migrate')
        expect([shape, name, one.ulimits]).toEqual([shape, name, { core: '0' }])
      expect([shape, name, one.ports !== undefined]).toEqual([
        shape,
        name,
        ['countersign', 'web', 'relay', 'callbacks'].includes(name),
      ])
      for (const port of one.ports ?? []) expect(port).toMatch(/^(127\.0\.0\.1|10\.)/)
    }
})

test('P105 P98 P99 the firewall of the worker drops what the guard denies and no more, and the database refuses the network behind it', () => {
  const file = readYaml(readFileSync(join(folder, 'firewalled-worker.yaml'), 'utf8')) as unknown as {
    services: Record<string, Service & { network_mode?: string; networks?: Node; cap_add?: string[]; depends_on?: object }>
    networks: Record<string, { internal?: string; ipam?: { config: string[] } }>
  }
  const { worker, firewall, postgres } = file.services
  expect(worker).toMatchObject({ network_mode: 'service:firewall', depends_on: { firewall: { condition: 'service_healthy' } } })
  expect(worker).not.toHaveProperty('networks')
  expect(firewall).toMatchObject({ networks: ['inside', 'egress'], cap_add: ['NET_ADMIN'] })
  expect(postgres?.networks).toEqual({ inside: { ipv4_address: '10.77.0.2' } })
  const outOf = Object.entries(file.services).filter(([, one]) => Array.isArray(one.networks) && one.networks.includes('egress'))
  expect(outOf.map(([name]) => name)).toEqual(['firewall'])

  const rules = readFileSync(join(folder, 'firewalled-worker.nft'), 'utf8')
  const [first = ''] = rules.split('@denied4 counter drop')
  const ranges = [...rules.matchAll(/elements = \{([^}]*)\}/g)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim()),
  )
  expect(ranges).toEqual(DENIED_RANGES)
  expect(rules).toContain('hook output priority filter; policy drop;')
  expect(rules).toContain('ip6 daddr != 2000::/3 counter drop')
  expect(rules).toContain('ip daddr 10.77.0.2 tcp dport 5432 accept')
  // Nothing but the database and the resolver of the containers is let through before the ranges are dropped.
  expect([...first.matchAll(/ip daddr (\S+) .*accept/g)].map(([, to]) => to)).toEqual(['10.77.0.2', '127.0.0.11'])

  const subnet = (name: string) => file.networks[name]?.ipam?.config[0]?.replace('subnet: ', '')
  expect(file.networks.inside?.internal).toBe('true')
  const hba = readFileSync(join(folder, 'firewalled-worker.pg_hba.conf'), 'utf8')
  const lines = hba.split('\n').filter((line) => line.startsWith('host'))
  expect(lines.map((line) => line.split(/\s+/).slice(3))).toEqual([
    [subnet('egress'), 'reject'],
    [subnet('inside'), 'scram-sha-256'],
  ])
})

for (const shape of shapes)
  test(`P18 P19 R48 the shape ${shape} starts with its own commands and settings, in production`, {
    timeout: 120_000,
  }, async () => {
    const given = await database({ empty: true })
    await migrate(given.migratorUrl)
    const home = temporaryFolder()
    mkdirSync(join(home, 'lib'), { mode: 0o700 })
    const keys = { keys: [{ id: 'k1', secret: randomBytes(32).toString('hex') }] }
    writeFileSync(join(home, 'callback-keys.json'), JSON.stringify(keys), { mode: 0o600 })
    writeFileSync(join(home, 'http-kinds.json'), JSON.stringify([{ kind: 'mail.send', url: 'https://mail.example.com/work' }]), {
      mode: 0o600,
    })

    const here = (name: string, value: string): string => {
      if (/^COUNTERSIGN_(DATABASE|MIGRATOR)_URL$/.test(name)) {
        const { username } = new URL(value.replace(/\$\{\w+\}/, 'x'))
        return username === 'countersign_migrator'
          ? given.migratorUrl
          : username === 'countersign_runtime'
            ? given.runtimeUrl
            : given.urlOf(username)
      }
      if (/_PORT$/.test(name)) return '0'
      return value.replace('/var/lib/countersign', join(home, 'lib')).replace('/run/secrets', home)
    }
    const begin = (one: Service) => {
      const env = Object.fromEntries(Object.entries(one.environment).map(([name, value]) => [name, here(name, value)]))
      const port: Record<string, string> = { COUNTERSIGN_PORT: '0', COUNTERSIGN_LOG_LEVEL: 'warn' }
      return start(process.execPath, [join(root, 'packages/server/dist/cli.js'), '--json', ...(one.command as string[])], {
        env: { ...port, ...env },
      })
    }
    const { postgres: _, migrate: migration, firewall: __, ...services } = servicesOf(shape)
    const migrated = await begin(migration as Service).ended
    expect(migrated.code).toBe(0)
    const started = Object.entries(services).map(([name, one]) => ({ name, one, running: begin(one) }))
    onTestFinished(async () => {
      for (const { running } of started) running.child.kill('SIGTERM')
      await Promise.all(started.map(({ running }) => running.ended))
    })
    for (const { name, one, running } of started) {
      const line = await Promise.race([running.line(/^\{"ready":true/), running.ended.then(() => `ended: ${running.stderr()}`)])
      expect([name, line]).toEqual([name, expect.stringMatching(/^\{"ready":true/)])
      const { url } = JSON.parse(line) as { url: string }
      // As the proxy in front would ask: by the name of PUBLIC_URL.
      const host = one.environment.COUNTERSIGN_PUBLIC_URL ? { host: 'countersign.example.com' } : {}
      const status = (path: string, method = 'GET') =>
        new Promise<number | undefined>((resolve, reject) => {
          const asked = request(url + path, { method, headers: host }, (answer) => {
            answer.resume()
            resolve(answer.statusCode)
          })
          asked.on('error', reject).end()
        })
      const isReceiver = name === 'callbacks'
      const isRelay = ['web', 'relay', 'countersign'].includes(name)
      await expect.poll(() => status('/readyz'), { timeout: 20_000 }).toBe(isReceiver ? 404 : 200)
      expect([name, await status('/api/v1/me')]).toEqual([name, ['web', 'countersign'].includes(name) ? 401 : 404])
      // R48: who publishes the pages, or stands before agents of other owners, serves both faces of the relay.
      for (const path of ['/agents/sandbox/a2a/jsonrpc', '/api/v1/agents/sandbox/threads'])
        expect([name, path, await status(path, 'POST')]).toEqual([name, path, isRelay ? 401 : 404])
      expect([name, await status('/api/v1/callbacks/cb_1/complete', 'POST')]).toEqual([
        name,
        isReceiver || name === 'countersign' ? 400 : 404,
      ])
    }
  })
