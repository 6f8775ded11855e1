// The gate's listener in the control plane (V80): who shows the certificate of an enrolled node gets the three verbs, everybody else is closed unread; who is
// expelled is cut in the middle of what they say. Decides nothing: the verbs do.
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Db } from '../db/tx.ts'
import { admitted, NODES_TOPIC, strangersAmong } from '../proxy/enrol/node.ts'
import { serveChannel, type Verbs } from '../proxy/gate/channel.ts'
import type { Log } from '../std/log.ts'
import type { Config } from './config.ts'
import { keptIdentity } from './node/identity.ts'
import { BootRefused } from './refused.ts'
import type { Endpoint } from './setting.ts'

export type Gate = { address: Endpoint; fingerprint: string; close(): Promise<void> }

export const gateFile = ({ gateKeyFile, home }: Config): string => gateKeyFile ?? join(home, 'keys', 'gate.pem')

/** Null: this process takes no calls of proxies. */
export async function openGate(
  config: Config,
  given: { db: Db; verbsOf(node: { id: string }): Verbs; log: Log },
): Promise<Gate | null> {
  const { db, verbsOf, log } = given
  const at = config.gateListen
  if (at === null || !(config.roles.includes('web') || config.roles.includes('worker'))) return null
  const identity = await keptIdentity(gateFile(config), 'gate', 'gate.listen')
  if ('path' in at) makeFolder(at.path)
  const server = await serveChannel({
    ...at,
    identity,
    log,
    async admit(fingerprint) {
      const id = await admitted({ db }, fingerprint)
      return id === null ? null : verbsOf({ id })
    },
  })
  if ('path' in at) chmodSync(at.path, 0o600)
  let looking = false
  const look = () => {
    const present = server.present()
    if (looking || present.length === 0) return
    looking = true
    strangersAmong({ db }, present)
      .then((all) => all.forEach(server.cut))
      // While the database is away nobody is expelled either; the next second asks again.
      .catch((error: unknown) => log.debug({ err: error }, 'the gate could not look who is expelled'))
      .finally(() => {
        looking = false
      })
  }
  const forget = db.listen.subscribe(NODES_TOPIC, look)
  log.info({ fingerprint: identity.fingerprint }, 'the gate is open')
  return {
    address: 'path' in at ? at : { host: at.host, port: server.port },
    fingerprint: identity.fingerprint,
    async close() {
      forget()
      await server.close()
    },
  }
}

/** A folder that nobody else enters; what a process that was killed left in it is taken away. */
function makeFolder(socket: string): void {
  const folder = dirname(socket)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { mode, uid } = lstatSync(folder)
  if ((mode & 0o077) !== 0 || uid !== process.getuid?.())
    throw new BootRefused([`gate.listen: ${folder} must belong to this user and be closed to all others: chmod 700 ${folder}`])
  const left = lstatSync(socket, { throwIfNoEntry: false })
  if (left && !left.isSocket()) throw new BootRefused([`gate.listen: ${socket} is there and is no socket.`])
  rmSync(socket, { force: true })
}
