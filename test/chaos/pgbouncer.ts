// PgBouncer itself, where a machine has it: in transaction mode before a database, with a folder of its own that is gone afterwards.
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { until } from './arena.ts'
import type { Pooler } from './pooler.ts'

/** Where it is: in the path, or where PGBOUNCER says. */
export function findPgBouncer(): string | null {
  const places = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'pgbouncer'))
  const isThere = (path: string) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
      return false
    }
  }
  return [process.env.PGBOUNCER ?? '', ...places, '/usr/sbin/pgbouncer'].find((path) => path !== '' && isThere(path)) ?? null
}

/** Nobody but nobody may run it as root. */
const NOBODY = 65_534

export async function openPgBouncer(binary: string, to: string, size: number): Promise<Pooler> {
  const folder = mkdtempSync('/tmp/countersign-pgbouncer-')
  chmodSync(folder, 0o755)
  const { hostname, port, username, password, pathname } = new URL(to)
  const own = await freePort()
  writeFileSync(join(folder, 'users.txt'), `"${username}" "${password}"\n`)
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
${pathname.slice(1)} = host=${hostname} port=${port} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
auth_type = trust
auth_file = ${folder}/users.txt
pool_mode = transaction
default_pool_size = ${size}
max_client_conn = 200
unix_socket_dir =
ignore_startup_parameters = extra_float_digits
`,
  )
  const url = Object.assign(new URL(to), { port: String(own) }).href
  const start = async (): Promise<ChildProcess> => {
    const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    const child = spawn(binary, ['-q', join(folder, 'pgbouncer.ini')], { stdio: 'ignore', ...account })
    await until('PgBouncer answers', async () => {
      const client = new pg.Client({ connectionString: url })
      client.on('error', () => undefined) // it says so by refusing
      const answered = await client.connect().then(
        () => true,
        () => false,
      )
      await client.end()
      return answered
    })
    return child
  }
  let child = await start()
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  return {
    url,
    async restart() {
      await stop()
      child = await start()
    },
    async close() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
