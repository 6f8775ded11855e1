// Other versions of PostgreSQL that the machine happens to have, each started for one test in a folder of its own and gone afterwards. Installs nothing.
import { execFile, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const DEBIAN = '/usr/lib/postgresql'
// Root may not run a server; this account exists everywhere and owns nothing.
const NOBODY = 65534

export type Installed = { version: number; bin: string }
export type Server = { url: string; stop(): Promise<void> }

/** What stands where Debian's packages put it, oldest first. */
export function findServers(): Installed[] {
  if (!existsSync(DEBIAN)) return []
  return readdirSync(DEBIAN)
    .map((name) => ({ version: Number(name), bin: join(DEBIAN, name, 'bin') }))
    .filter(({ version, bin }) => version >= 15 && existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb')))
    .sort((a, b) => a.version - b.version)
}

export async function startServer({ bin }: Installed): Promise<Server> {
  const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : null
  const home = mkdtempSync(join(tmpdir(), 'countersign-version-'))
  if (account) chownSync(home, account.uid, account.gid)
  const data = join(home, 'data')
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  await promisify(execFile)(join(bin, 'initdb'), initdb, { ...account, cwd: home })
  const port = await freePort()
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off', autovacuum: 'off' }
  const server = spawn(
    join(bin, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...account,
      cwd: home,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const over = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const stop = async () => {
    server.kill('SIGINT')
    await over
    rmSync(home, { recursive: true, force: true })
  }
  try {
    await saysReady(server.stderr, over)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop }
}

function saysReady(log: NodeJS.ReadableStream, over: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    log.on('data', (chunk: Buffer) => {
      said += chunk
      if (said.includes('ready to accept connections')) resolve()
    })
    void over.then(() => reject(new Error(`the server ended: ${said}`)))
  })
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
