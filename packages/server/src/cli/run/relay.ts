// `--relay` (V129): a listener on loopback for programs that cannot say who they are to a proxy. It adds the run's token for connections whose process has our uid and
// was started with this run in its environment, as the system itself says; everybody else gets 407, and nothing is dialled for them. Linux alone.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { NotStarted } from './child.ts'
import { dialOf, type Forwarder, forwarding, listen } from './forwarder.ts'

const LONGEST_HEAD = 65_536
const REFUSED =
  'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="countersign"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
/** What the relay says in their place. */
const OWN = /^(?:proxy-authorization|proxy-connection|connection):/i
const ESTABLISHED = '01'

export async function openRelay(proxy: string, run: { id: string; token: string }): Promise<Forwarder> {
  if (process.platform !== 'linux')
    throw new NotStarted(125, '--relay is for Linux: other systems do not say whose connection it is.')
  const authorization = `Basic ${Buffer.from(`run:${run.token}`).toString('base64')}`
  const server = forwarding(dialOf(proxy), (near, join) => {
    if (!isOfRun(near, run.id)) return void near.end(REFUSED)
    readHead(near, (head) => {
      if (head === null) return void near.destroy()
      join().write(withToken(head, authorization), 'latin1')
    })
  })
  const port = await listen(server, { host: '127.0.0.1', port: 0 })
  return { url: new URL(`http://127.0.0.1:${port}`), close: server.end }
}

/** A tunnel shows the token once. Of other requests one goes over each connection, so that each of them shows it. */
export function withToken(head: string, authorization: string): string {
  const [first = '', ...fields] = head.split('\r\n')
  const kept = fields.filter((line) => !OWN.test(line))
  const once = first.startsWith('CONNECT ') ? [] : ['Connection: close']
  return [first, ...kept, `Proxy-Authorization: ${authorization}`, ...once, '', ''].join('\r\n')
}

/** What came behind the head stays to be read. Null: it is too long, or never came whole. */
function readHead(near: Socket, done: (head: string | null) => void): void {
  let text = Buffer.alloc(0)
  const end = (head: string | null): void => {
    near.off('data', read).off('end', lost)
    done(head)
  }
  const lost = (): void => end(null)
  const read = (chunk: Buffer): void => {
    text = Buffer.concat([text, chunk])
    const at = text.indexOf('\r\n\r\n')
    if (at < 0 && text.length <= LONGEST_HEAD) return
    near.pause()
    if (at >= 0 && text.length > at + 4) near.unshift(text.subarray(at + 4))
    end(at < 0 ? null : text.subarray(0, at).toString('latin1'))
  }
  near.on('data', read).on('end', lost)
}

/** Everybody who holds the other end: it may have been handed on. */
function isOfRun({ remotePort, localPort }: Socket, runId: string): boolean {
  if (remotePort === undefined || localPort === undefined) return false
  const inode = inodeOf(remotePort, localPort)
  const holders = inode === null ? [] : holdersOf(inode)
  return holders.length > 0 && holders.every((pid) => wasStartedWith(pid, `COUNTERSIGN_RUN=${runId}`))
}

/** The peer's socket, as the kernel lists it, if it is of this user. */
function inodeOf(port: number, to: number): string | null {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(4, '0')
  for (const table of ['tcp', 'tcp6'])
    for (const line of linesOf(`/proc/net/${table}`)) {
      const [, local = '', remote = '', state, , , , uid, , inode = ''] = line.trim().split(/\s+/)
      const fits = local.endsWith(`:${hex(port)}`) && remote.endsWith(`:${hex(to)}`) && state === ESTABLISHED
      if (fits) return Number(uid) === process.getuid?.() ? inode : null
    }
  return null
}

function holdersOf(inode: string): string[] {
  const wanted = `socket:[${inode}]`
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    const folder = `/proc/${pid}/fd`
    return gone([], () => readdirSync(folder)).some((fd) => gone('', () => readlinkSync(`${folder}/${fd}`)) === wanted)
  })
}

const wasStartedWith = (pid: string, variable: string): boolean =>
  gone('', () => readFileSync(`/proc/${pid}/environ`, 'utf8'))
    .split('\0')
    .includes(variable)

const linesOf = (file: string): string[] =>
  gone('', () => readFileSync(file, 'utf8'))
    .split('\n')
    .slice(1)

/** Processes end while one looks, and those of others are closed to us. */
function gone<T>(instead: T, look: () => T): T {
  try {
    return look()
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return instead
    throw error
  }
}
