// Who runs PostgreSQL: ourselves, or as root an unprivileged account of this machine, for PostgreSQL refuses to run as root.
// Never creates an account and never changes the rights of a folder that is not the state folder.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { chownSync, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { refusal } from './refusal.ts'

export type Account = { name: string; uid: number; gid: number }

// PostgreSQL's own account where one exists; nobody has a passwd entry everywhere. initdb fails for a uid that has none.
const ACCOUNTS = ['postgres', '_postgres', 'nobody']

/** The account PostgreSQL is dropped to, or null: it runs as we do. A data folder that exists keeps its owner, for nobody else may open it. */
export function chooseAccount(options: { isRoot: boolean; data: string }): Account | null {
  const owner = existsSync(options.data) ? statSync(options.data).uid : null
  if (!options.isRoot) {
    const { uid } = ourselves()
    if (owner === null || owner === uid) return null
    throw refusal(
      `The data folder ${options.data} belongs to uid ${owner} and we run as ${uid}. Run as that user or as root, or choose another COUNTERSIGN_HOME.`,
    )
  }
  const all = accounts()
  if (owner !== null) {
    const found = all.find((one) => one.uid === owner && owner !== 0)
    if (found) return found
    throw refusal(
      `The data folder ${options.data} belongs to uid ${owner}, under which PostgreSQL cannot run. Give it to an account of this machine: chown -R nobody ${options.data}`,
    )
  }
  for (const name of ACCOUNTS) {
    const found = all.find((one) => one.name === name && one.uid !== 0)
    if (found) return found
  }
  throw refusal(
    'PostgreSQL does not run as root, and this machine has no account named postgres or nobody to run it. Add one, or set DATABASE_URL to a PostgreSQL of your own.',
  )
}

/** Makes the account the owner of a folder or file of ours. */
export function giveTo(account: Account, path: string): void {
  try {
    chownSync(path, account.uid, account.gid)
  } catch (cause) {
    throw powerless(account, cause)
  }
}

/** Starts a binary as the account. With an environment of its own, for ours holds secrets, and in a folder that the account can be in. */
export function spawnAs(
  account: Account | null,
  binary: string,
  args: string[],
  options: { cwd: string; stdio: StdioOptions; detached: boolean },
): ChildProcess {
  try {
    const who = account ? { uid: account.uid, gid: account.gid } : {}
    return spawn(binary, args, { ...options, ...who, env: { LC_ALL: 'C', TZ: 'UTC' } })
  } catch (cause) {
    throw account ? powerless(account, cause) : cause
  }
}

function powerless(account: Account, cause: unknown): Error {
  return refusal(
    `PostgreSQL does not run as root, and this root cannot become the account ${account.name} (${(cause as NodeJS.ErrnoException).code}), ` +
      'as in a container without CHOWN, SETUID and SETGID. Run it as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.',
    cause,
  )
}

/** The first folder on the way to `path` that the account cannot enter, or null. Folders that do not exist yet are ours to make. */
export function firstClosedFolder(path: string, account: Account): string | null {
  const whole = resolve(path)
  const real = existsSync(whole) ? realpathSync(whole) : whole
  for (const folder of [...folders(whole), ...folders(real)]) {
    if (!existsSync(folder)) continue
    const { mode, uid, gid } = statSync(folder)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if (!(mode & bit)) return folder
  }
  return null
}

function folders(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [...folders(parent), path]
}

function accounts(): Account[] {
  const file = '/etc/passwd'
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
}

function ourselves(): { uid: number } {
  try {
    return userInfo()
  } catch (cause) {
    throw refusal(
      `PostgreSQL needs a named account, and uid ${process.getuid?.()} has no entry in /etc/passwd. Run as a named user, or set DATABASE_URL to a PostgreSQL of your own.`,
      cause,
    )
  }
}
