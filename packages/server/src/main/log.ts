// The log of a server process. People in it are `u:-` until the keyring is open, then `u:` and a keyed hash, so that one person's lines can be found without naming them.
import { type Keyring, pseudonymOf } from '../crypto/keyring.ts'
import { type Log, openLog } from '../std/log.ts'
import type { Config } from './config.ts'
import { logMemory } from './log-memory.ts'

export function openServerLog(
  config: Config,
  options: { pretty?: boolean } = {},
): { log: Log; told: (keyring: Keyring) => void } {
  let pseudonym = (_: string): string => 'u:-'
  const log = openLog({
    // Whom it shows ends by itself, and what was shown before must not be then.
    ...(config.logPersonal ? {} : { memory: logMemory }),
    sink: boundedSink(process.stderr),
    level: config.logLevel,
    personal: config.logPersonal,
    pretty: options.pretty,
    fields: { role: config.roles.join('+') },
    pseudonym: (email) => pseudonym(email),
  })
  return { log, told: (keyring) => (pseudonym = pseudonymOf(keyring)) }
}

/** Of lines that nobody has read yet. */
const MOST_UNREAD_BYTES = 1_048_576

type Out = { write(text: string): unknown; readonly writableLength: number }

/** Whoever reads the log too slowly, or not at all, costs lines and never a process its memory: they are counted, and the next line that goes out says how many. */
export function boundedSink(out: Out): (line: string) => void {
  let dropped = 0
  return (line) => {
    if (out.writableLength + line.length > MOST_UNREAD_BYTES) {
      dropped += 1
      return
    }
    if (dropped > 0) {
      out.write(
        `${JSON.stringify({ level: 'warn', dropped, message: 'lines of this log were dropped: nobody read them in time' })}\n`,
      )
      dropped = 0
    }
    out.write(line)
  }
}
