// What opens the memory of a process to others, and when it is refused (V71).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { countersign, temporaryFolder } from '../../../../../test/harness/process.ts'
import { readConfig } from '../config.ts'
import { checkProcess, coreLimit, openingFlags } from './guards.ts'

const configOf = (roles: string, environment = 'production') =>
  readConfig(
    { COUNTERSIGN_ENVIRONMENT: environment, COUNTERSIGN_ROLES: roles, COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com' },
    { cwd: '/srv/app', isRoot: false },
  )

test('V71 outside of development a process of web, worker or proxy fails its check with an inspector, snapshots of memory or reports, however they are spelled', () => {
  for (const flag of [
    ...['--inspect', '--inspect-brk=0.0.0.0:9229', '--inspect_port=1', '"--inspect"', '--heapsnapshot-signal=SIGUSR2'],
    ...['--heapsnapshot_near_heap_limit=2', '--heap-prof', '--heap_prof', '--report-on-signal', '--report_uncaught_exception'],
    ...['--diagnostic-dir=/tmp', '--abort-on-uncaught-exception', '--abort_on_uncaught_exception'],
  ]) {
    const env = { NODE_OPTIONS: `--max-old-space-size=4096 ${flag}` }
    expect(openingFlags(env, [])).toEqual([flag])
    expect(openingFlags({}, [flag])).toEqual([flag])
    for (const role of ['web', 'worker', 'proxy'])
      expect([flag, role, checkProcess(configOf(role), env, '0')]).toMatchObject([
        flag,
        role,
        [{ status: 'fail', code: 'process', what: expect.stringContaining(flag) }],
      ])
    expect(checkProcess(configOf('web,worker', 'development'), env, '0')).toEqual([])
  }
  const harmless = { NODE_OPTIONS: '--max-old-space-size=4096 --enable-source-maps --import=tsx' }
  expect(checkProcess(configOf('web,worker'), harmless, '0')).toEqual([])
})

test('V71 core files that are not off are a warning, for a proxy a refusal, and each says how they are switched off', () => {
  const found = (roles: string, cores: string | null) => checkProcess(configOf(roles), {}, cores)
  for (const roles of ['web', 'worker', 'web,worker'])
    expect(found(roles, 'unlimited')).toMatchObject([
      { status: 'warn', code: 'process', what: expect.stringContaining('unlimited') },
    ])
  expect(found('proxy', '4096')).toMatchObject([{ status: 'fail', mend: expect.stringContaining('LimitCORE=0') }])
  for (const roles of ['web', 'proxy']) for (const cores of ['0', null]) expect(found(roles, cores)).toEqual([])

  const file = join(temporaryFolder(), 'limits')
  writeFileSync(
    file,
    'Limit                     Soft Limit           Hard Limit           Units\nMax core file size        unlimited            0                    bytes\n',
  )
  expect([coreLimit(file), coreLimit(`${file}.none`)]).toEqual(['unlimited', null])
})

test('V71 a server that is started so in production ends with 78 and the rule before it listens', async () => {
  const { runtimeUrl } = await database({ listen: false })
  const home = temporaryFolder()
  const refused = countersign(['serve', '--roles', 'web', '--json', '--port', '0'], {
    env: {
      COUNTERSIGN_ENVIRONMENT: 'production',
      COUNTERSIGN_HOME: join(home, 'home'),
      COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com',
      COUNTERSIGN_DATABASE_URL: runtimeUrl,
      NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${home}`,
    },
  })
  expect([(await refused.ended).code, refused.stdout().includes('"ready":true')]).toEqual([78, false])
  expect(refused.stderr()).toContain('process: The process was started with --heapsnapshot-signal=SIGUSR2')
})
