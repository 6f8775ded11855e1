// What runs inside of the namespaces of `--isolate`, between `unshare` and the child: brings loopback up, listens there for the child and leads each connection to the
// socket that the command outside keeps. Says on descriptor 3 whether the child started; ends with the child's own code. Loads nothing of the product.
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Ended, type Grouping, hasLiving, NotStarted, startChild } from './child.ts'
import { forwarding, listen } from './forwarder.ts'
import { sayStarted, tell } from './tell.ts'

const LOOK_MS = 100

const [path = '', port = '', grouping = '', uid = '', gid = '', , ...command] = process.argv.slice(2)

/** Node has no way to do it, so one of the programs that every distribution has. */
function raiseLoopback(): void {
  for (const [program, ...words] of [
    ['ip', 'link', 'set', 'lo', 'up'],
    ['/sbin/ip', 'link', 'set', 'lo', 'up'],
    ['ifconfig', 'lo', 'up'],
    ['/sbin/ifconfig', 'lo', 'up'],
    ['busybox', 'ip', 'link', 'set', 'lo', 'up'],
  ])
    if (spawnSync(program as string, words, { stdio: 'ignore' }).status === 0) return
  throw new NotStarted(125, '--isolate needs `ip` (iproute2), `ifconfig` or `busybox`, to bring up loopback in there.')
}

/** In here we are root over an empty network; the child is again who started the command. */
const asBefore = uid === '0' ? [] : ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--']

async function main(): Promise<Ended> {
  raiseLoopback()
  const server = forwarding(() => connect({ path, allowHalfOpen: true }))
  await listen(server, { host: '127.0.0.1', port: Number(port) })
  // Of a group of its own everybody is told every signal from outside, this process too; at a terminal it passes them on.
  const own: Grouping = grouping === 'own' ? 'told' : 'terminal'
  const child = await startChild([...asBefore, ...command], { env: process.env, grouping: own, note: () => undefined })
  sayStarted()
  const how = await child.ended
  // Its way out lives as long as anybody of its group does.
  while (own === 'told' && hasLiving(process.pid, process.pid)) await pause(LOOK_MS)
  await server.end()
  return how
}

tell(main)
