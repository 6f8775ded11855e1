// The state folder: where it is when nobody says so, and that PostgreSQL's account can pass through it. Never changes the rights of a folder that was not
// made for this.
import { accessSync, chmodSync, constants, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { sha256Hex } from '../../crypto/token.ts'
import { type Account, chooseAccount, firstClosedFolder } from './account.ts'
import { dataFolder } from './cluster.ts'
import { PASSWORD_FILE } from './passwords.ts'
import { refusal } from './refusal.ts'

const SHARED_STATE = '/var/lib/countersign'

/** `.countersign` in the working directory; for root, when PostgreSQL's account could not reach that, a folder of this directory's own under /var/lib. */
export function defaultHome(options: { cwd: string; isRoot: boolean }): string {
  const here = join(options.cwd, '.countersign')
  if (!options.isRoot) return here
  const account = chooseAccount({ isRoot: true, data: dataFolder(here) })
  if (!account || !firstClosedFolder(options.cwd, account)) return here
  const cwd = realpathSync(options.cwd)
  return join(SHARED_STATE, `${basename(cwd)}-${sha256Hex(cwd).slice(0, 12)}`)
}

/** The folder's real path and the account that PostgreSQL will have in it. */
export function openHome(path: string): { home: string; account: Account | null } {
  const isRoot = process.getuid?.() === 0
  const made = makeFolder(resolve(path))
  const home = realpathSync(path)
  const account = chooseAccount({ isRoot, data: dataFolder(home) })
  if (account) makeReachable(home, made, account)
  return { home, account }
}

function makeFolder(path: string): string[] {
  try {
    const first = mkdirSync(path, { recursive: true, mode: 0o711 })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return first ? between(first, path) : []
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw refusal(
      `The state folder ${path} cannot be used (${code}). Name a folder that this user may write to with COUNTERSIGN_HOME.`,
      cause,
    )
  }
}

// Search permission only: others may pass through to PostgreSQL's own folders, and still list and read nothing of ours. The umask may have taken it.
function makeReachable(home: string, made: string[], account: Account): void {
  const names = readdirSync(home)
  const isOurs = names.length === 0 || names.includes(PASSWORD_FILE)
  for (const folder of isOurs ? [...made, home] : made) {
    const { mode, uid } = statSync(folder)
    if (uid === 0) chmodSync(folder, (mode & 0o777) | 0o011)
  }
  const closed = firstClosedFolder(home, account)
  if (!closed) return
  throw refusal(
    `As root, PostgreSQL runs under the account ${account.name}, and that cannot enter ${closed}. ` +
      `Set COUNTERSIGN_HOME to a folder that it can reach, for example ${SHARED_STATE}.`,
  )
}

function between(first: string, last: string): string[] {
  return first === last || last === dirname(last) ? [last] : [...between(first, dirname(last)), last]
}
