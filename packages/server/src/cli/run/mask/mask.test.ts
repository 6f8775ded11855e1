// `run --mask` as a person runs it (V131): what the command says, to files, programs and terminals, holds no secret and is otherwise what it was.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli, type Running, start } from '../../../../../../test/harness/process.ts'
import { testWith } from '../testing/programs.ts'
import { grantAll, openRunWorld, type RunWorld } from '../testing/world.ts'

const MS = 240_000
const secretOf = (): string => `mine ${crypto.randomUUID()}`
const stars = (text: string): string => '*'.repeat(Buffer.byteLength(text))

async function granted(): Promise<RunWorld> {
  const world = await openRunWorld()
  await grantAll(world)
  return world
}

/** The command, where a shell leads its streams. */
const by = (world: RunWorld, shell: string, words: readonly string[], env: Record<string, string> = {}): Running =>
  start('sh', ['-c', shell, 'sh', process.execPath, cli, 'run', ...words], {
    cwd: world.folder,
    env: {
      HOME: world.folder,
      TMPDIR: world.folder,
      COUNTERSIGN_URL: world.house.url,
      COUNTERSIGN_KEY: world.house.agent.key,
      ...env,
    },
  })

test(
  'V131 the run token, named values and keys that look like the provider’s are covered in both streams, across what is written in halves',
  async () => {
    const world = await granted()
    const mine = secretOf()
    const key = `ak_${crypto.randomUUID()}`
    const says = [
      'import { setTimeout as pause } from "node:timers/promises"',
      'console.log("token", new URL(process.env.HTTPS_PROXY).password)',
      'console.log("placeholder", process.env.ALPHA_API_KEY)',
      'process.stdout.write("half " + process.env.MINE.slice(0, 20)); await pause(200)',
      'console.log(process.env.MINE.slice(20))',
      'console.error("hex", Buffer.from(process.env.MINE).toString("hex"), process.argv[2])',
      'process.exitCode = 5',
    ].join('\n')
    writeFileSync(join(world.folder, 'says.mjs'), says)
    const running = world.run(
      ['--mask-env', 'MINE', '--', 'sh', '-c', 'node says.mjs "$1"; code=$?; echo again > /dev/stderr; exit $code', 'sh', key],
      {
        env: { MINE: mine },
      },
    )
    expect((await running.ended).code).toBe(5)
    const token = /^token (\*+)$/m.exec(running.stdout())?.[1]
    expect(token).toHaveLength(48)
    expect(running.stdout()).toMatch(/^placeholder csph_conn_[0-9A-Z]{26}$/m)
    expect(running.stdout()).toContain(`half ${stars(mine)}\n`)
    expect(running.stderr()).toContain(`hex ${'*'.repeat(2 * mine.length)} ${stars(key)}\nagain\n`)
    const open = world.run(['--', 'sh', '-c', 'echo "$HTTPS_PROXY"'])
    await open.ended
    expect(open.stdout()).toContain('cs_live_prx_')
  },
  MS,
)

test(
  'V131 where output and errors are one stream, nothing changes places; who stops reading stops the command',
  async () => {
    const world = await granted()
    const lines = Array.from({ length: 300 }, (_, i) => `${i}\n`).join('')
    const loop = 'i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done'
    const one = by(world, 'exec "$@" 2>&1', ['--mask', '--', 'sh', '-c', loop])
    expect((await one.ended).code).toBe(0)
    expect(one.stdout().startsWith(lines)).toBe(true)
    const cut = by(world, '"$@" | head -1; exit 0', ['--mask', '--', 'yes', 'again and again'])
    expect((await cut.ended).code).toBe(0)
    expect(cut.stdout()).toBe('again and again\n')
    const much = world.run(['--mask', '--', 'sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" "x"'])
    expect((await much.ended).code).toBe(0)
    expect(much.stdout()).toHaveLength(3_000_000)
  },
  MS,
)

const whereIs = (program: string): string => spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim()

/** A command before a terminal of the test's own, 33 rows by 77 columns. `shell`: what stands behind it. */
function before(
  world: RunWorld,
  words: readonly string[],
  { shell = '', env = {} }: { shell?: string; env?: Record<string, string> } = {},
) {
  const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
  const line = `stty rows 33 cols 77; ${[process.execPath, cli, 'run', ...words].map(quoted).join(' ')}${shell}; echo "code $?"`
  const own = {
    HOME: world.folder,
    TMPDIR: world.folder,
    COUNTERSIGN_URL: world.house.url,
    COUNTERSIGN_KEY: world.house.agent.key,
  }
  const options = { cwd: world.folder, env: { ...own, SHELL: '/bin/sh', ...env } }
  return start(whereIs('script'), ['-q', '-E', 'never', '-c', line, '/dev/null'], options)
}

async function shown(running: Running): Promise<string> {
  await running.ended
  return running.stdout().replaceAll('\r', '')
}

testWith(
  'script',
  'V131 a command before a terminal keeps one, with its size and its end; what leads elsewhere leads there',
  async () => {
    const world = await granted()
    const says = 'for fd in 0 1 2; do test -t $fd && echo "$fd is one"; done; stty size; echo "$HTTPS_PROXY $SHELL"; exit 6'
    const text = await shown(before(world, ['--mask', '--', 'sh', '-c', says]))
    expect(text).toContain('0 is one\n1 is one\n2 is one\n33 77\n')
    expect(text).toContain(`run:${'*'.repeat(48)}@127.0.0.1:${world.proxyPort} /bin/sh\n`)
    expect(text).toContain('code 6\n')
    expect(text).not.toContain('cs_live_prx_')

    const ended = await shown(before(world, ['--mask', '--status-fd', '2', '--', 'sh', '-c', 'kill -TERM $$']))
    expect(ended).toContain('"child":{"code":null,"signal":"SIGTERM"}')
    expect(ended).toContain('code 143')
    const missing = await shown(before(world, ['--mask', '--', '/no/such/program']))
    expect(missing).toContain('there is no such program')
    expect(missing).toContain('code 127')

    writeFileSync(join(world.folder, 'given'), 'from a file\n')
    const tests = 'test -t 1 && echo out; test -t 2 || echo "err $HTTPS_PROXY" >&2; cat'
    const apart = await shown(before(world, ['--mask', '--', 'sh', '-c', tests], { shell: ' < given 2> said' }))
    expect(apart).toContain('out\nfrom a file\n')
    expect(readFileSync(join(world.folder, 'said'), 'utf8')).toContain(`err http://run:${'*'.repeat(48)}@`)
  },
)

testWith('script', 'V131 a signal to the command reaches a child before a terminal of its own', async () => {
  const world = await granted()
  const loop = `trap 'echo heard; exit 9' TERM; echo "ready $PPID"; while :; do sleep 0.1; done`
  const running = before(world, ['--mask', '--', 'sh', '-c', loop], { shell: ' & echo "pid $!"; wait $!' })
  const [, pid] = /^pid (\d+)/.exec(await running.line(/^pid \d+/)) ?? []
  await running.line(/ready \d/)
  process.kill(Number(pid), 'SIGTERM')
  const text = await shown(running)
  expect(text).toContain('heard\n')
  expect(text).toContain('code 9\n')
})

testWith('script', 'V131 where no terminal can be kept a command before one does not start, with 125', async () => {
  const world = await granted()
  const bin = join(world.folder, 'bin')
  mkdirSync(bin)
  for (const one of ['sh', 'stty', 'mkfifo', 'touch']) symlinkSync(whereIs(one), join(bin, one))
  const text = await shown(before(world, ['--mask', '--', 'touch', 'started'], { env: { PATH: bin } }))
  expect(text).toContain('--mask keeps a terminal for the command by `script`')
  expect(text).toContain('code 125')
  expect(existsSync(join(world.folder, 'started'))).toBe(false)
})

test(
  'V131 what cannot be masked is said before anything starts, with 125',
  async () => {
    const world = await granted()
    const said = async (words: string[], env: Record<string, string> = {}) => {
      const running = world.run([...words, '--', 'touch', 'started'], { env })
      expect([words, (await running.ended).code]).toEqual([words, 125])
      return running.stderr()
    }
    expect(await said(['--mask-env', 'NONE'])).toContain('--mask-env NONE: this variable is not set')
    expect(await said(['--mask-env', 'SHORT'], { SHORT: '1234567' })).toContain('fewer than 8 bytes')
    expect((await world.run(['--mask', '--', '/no/such/program']).ended).code).toBe(127)
    const container = world.run(['--mask', '--print-env'])
    expect((await container.ended).code).toBe(125)
    expect(container.stderr()).toContain('--mask is for a command that is started here')
  },
  MS,
)
