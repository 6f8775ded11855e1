// The generated passwords of the three logins, in one file that only we can read. They never leave it but for the connection URLs.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomToken } from '../../crypto/token.ts'
import { refusal } from './refusal.ts'

export type Passwords = { superuser: string; migrator: string; runtime: string }

export const PASSWORD_FILE = 'passwords.json'

export function loadPasswords(home: string, options: { isNew: boolean }): Passwords {
  const file = join(home, PASSWORD_FILE)
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Passwords
  if (!options.isNew) {
    throw refusal(
      `The file ${file} is gone, and with it the passwords of the database beside it. Put it back, or move ${home} away to begin with an empty database.`,
    )
  }
  const fresh = { superuser: randomToken(), migrator: randomToken(), runtime: randomToken() }
  writeFileSync(`${file}.new`, JSON.stringify(fresh), { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
  return fresh
}
