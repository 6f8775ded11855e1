// The log of a server process. People in it are `u:-` until the keyring is open, then `u:` and a keyed hash, so that one person's lines can be found without naming them.
import { type Keyring, pseudonymOf } from '../crypto/keyring.ts'
import { type Log, openLog } from '../std/log.ts'
import type { Config } from './config.ts'

export function openServerLog(
  config: Config,
  options: { pretty?: boolean } = {},
): { log: Log; told: (keyring: Keyring) => void } {
  let pseudonym = (_: string): string => 'u:-'
  const log = openLog({
    level: config.logLevel,
    personal: config.logPersonal,
    pretty: options.pretty,
    fields: { role: config.roles.join('+') },
    pseudonym: (email) => pseudonym(email),
  })
  return { log, told: (keyring) => (pseudonym = pseudonymOf(keyring)) }
}
