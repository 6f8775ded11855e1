// The generated passwords of the logins that are used here, in one file that only we can read. They never leave it but for the connection URLs.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomToken } from '../../crypto/token.ts'
import { refusal } from './refusal.ts'

export type Passwords = { superuser: string; migrator: string; runtime: string; proxy: string }

export const PASSWORD_FILE = 'passwords.json'

export function loadPasswords(home: string, options: { isNew: boolean }): Passwords {
  const file = join(home, PASSWORD_FILE)
  if (existsSync(file)) {
    const known = JSON.parse(readFileSync(file, 'utf8')) as Omit<Passwords, 'proxy'> & Partial<Passwords>
    // A home of an earlier release knows no login of the proxy.
    return known.proxy === undefined ? write(file, { ...known, proxy: randomToken() }) : { ...known, proxy: known.proxy }
  }
  if (!options.isNew) {
    throw refusal(
      `The file ${file} is gone, and with it the passwords of the database beside it. Put it back, or move ${home} away to begin with an empty database.`,
    )
  }
  return write(file, { superuser: randomToken(), migrator: randomToken(), runtime: randomToken(), proxy: randomToken() })
}

function write(file: string, passwords: Passwords): Passwords {
  writeFileSync(`${file}.new`, JSON.stringify(passwords), { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
  return passwords
}
