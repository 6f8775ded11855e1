// Makes the data folder by initdb, whole or not at all: it is made under another name and renamed when it is complete.
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, giveTo, spawnAs } from './account.ts'
import type { Binaries } from './binaries.ts'
import { refusal } from './refusal.ts'

export const SUPERUSER = 'countersign_superuser'

export const dataFolder = (home: string): string => join(home, 'data')

/** Refuses a folder that another major version of PostgreSQL made. */
export function checkVersion(data: string, binaries: Binaries): void {
  const made = Number.parseInt(readFileSync(join(data, 'PG_VERSION'), 'utf8'), 10)
  if (made === binaries.major) return
  throw refusal(
    `The database in ${data} was made by PostgreSQL ${made}, and this release brings PostgreSQL ${binaries.major}. ` +
      'Take a backup with the release that made it and restore it here, or move the folder away to begin with an empty database.',
  )
}

export async function initialise(options: {
  home: string
  binaries: Binaries
  account: Account | null
  password: string
  fsync: boolean
}): Promise<void> {
  const { home, account } = options
  removeHalfDone(home)
  // A name of its own each time: the initdb of a process that was killed may still be writing into the folder it was given.
  const half = join(home, `data.${process.pid}.new`)
  const passwordFile = join(home, `password.${process.pid}.new`)
  mkdirSync(half, { mode: 0o700 })
  writeFileSync(passwordFile, options.password, { mode: 0o600, flag: 'wx' })
  try {
    if (account) for (const path of [half, passwordFile]) giveTo(account, path)
    await runInitdb({ ...options, half, passwordFile })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(half, dataFolder(home))
  if (options.fsync) syncFolder(home)
}

// A rename that a power cut takes back would make this database, and all that was acknowledged since, look as if it had never been.
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}

// The C.UTF-8 of PostgreSQL itself orders by code point and needs no locale of the machine, so indexes mean the same everywhere.
function runInitdb(options: {
  home: string
  half: string
  passwordFile: string
  binaries: Binaries
  account: Account | null
  fsync: boolean
}): Promise<void> {
  const flags = [
    `--pgdata=${options.half}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${options.passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(options.fsync ? [] : ['--no-sync']),
  ]
  return new Promise((resolve, reject) => {
    const child = spawnAs(options.account, options.binaries.initdb, flags, {
      cwd: options.home,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: false,
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.on('error', (cause) => reject(refusal(`PostgreSQL's initdb could not be run: ${cause.message}.`, cause)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(refusal(`PostgreSQL's initdb ended with ${signal ?? code}: ${said.trim().slice(-1_000)}`))
    })
  })
}

function removeHalfDone(home: string): void {
  for (const name of readdirSync(home)) {
    if (/^(data|password)\.\d+\.new$/.test(name))
      rmSync(join(home, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}
