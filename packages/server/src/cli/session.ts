// As whom a person signed this machine's commands in, for each server: the key in the keyring of the system or, where that cannot be used, in a file of their own that nobody
// else may read (V123). A variable, a profile and an option speak before it. Never prints a key, and sends one to the server that gave it and to no other.
import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigRefused, type Environment, processContext } from '../main/config.ts'
import { dropFromOsKeyring, readOsKeyring, writeOsKeyring } from './os-keyring.ts'

export type Session = { url: string; key_id: string; expires_at: string; kept: 'keyring' | 'file'; key: string }
type Entry = Omit<Session, 'url' | 'key'> & { key?: string }
/** `current`: where one signed in last. */
type Sessions = { current: string | null; servers: Record<string, Entry> }

export const sessionsFile = (env: Environment): string =>
  join(env.XDG_STATE_HOME || join(env.HOME ?? '.', '.local', 'state'), 'countersign', 'sessions.json')

const none = (): Sessions => ({ current: null, servers: {} })

function read(file: string): Sessions {
  try {
    const found = lstatSync(file)
    if (!found.isFile()) throw new ConfigRefused([`${file} is not a regular file.`])
    if ((found.mode & 0o077) !== 0) throw new ConfigRefused([`${file} can be read by others: chmod 600 ${file}`])
    const all = JSON.parse(readFileSync(file, 'utf8')) as Partial<Sessions> | null
    return { ...none(), ...all }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return none()
    if (error instanceof SyntaxError) throw new ConfigRefused([`${file} is not JSON: remove it, and sign in again.`])
    throw error
  }
}

/** Whole or not at all: another command may be reading. */
function write(file: string, all: Sessions): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.new`
  writeFileSync(draft, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 })
  renameSync(draft, file)
}

/** Of this server, or of the one where somebody signed in last; null where there is none, or its key cannot be had. */
export async function readSession(url: string | undefined): Promise<{ session: Session | null; fault: string | null }> {
  const all = read(sessionsFile(processContext().env))
  const at = url === undefined ? all.current : originOf(url)
  const entry = at === null ? undefined : all.servers[at]
  if (at === null || !entry) return { session: null, fault: null }
  if (entry.kept === 'file' && entry.key !== undefined) return { session: { ...entry, url: at, key: entry.key }, fault: null }
  const { text, fault } = await readOsKeyring(at)
  if (text !== null) return { session: { ...entry, url: at, key: text }, fault: null }
  return { session: null, fault: fault ?? 'it holds no entry of this server' }
}

const originOf = (url: string): string | null => (URL.canParse(url) ? new URL(url).href.replace(/\/+$/, '') : null)

/** Answers where it is kept, and why not in the keyring. */
export async function keepSession(
  one: Omit<Session, 'kept'>,
): Promise<{ kept: Session['kept']; file: string; fault: string | null }> {
  const file = sessionsFile(processContext().env)
  const url = originOf(one.url) ?? one.url
  const { text, fault } = await writeOsKeyring(url, one.key)
  const kept = text === one.key ? 'keyring' : 'file'
  const all = read(file)
  const entry: Entry = { key_id: one.key_id, expires_at: one.expires_at, kept, ...(kept === 'file' && { key: one.key }) }
  write(file, { current: url, servers: { ...all.servers, [url]: entry } })
  return { kept, file, fault }
}

export async function dropSession({ url, kept }: Session): Promise<void> {
  const file = sessionsFile(processContext().env)
  const all = read(file)
  const { [url]: _, ...servers } = all.servers
  write(file, { current: all.current === url ? null : all.current, servers })
  if (kept === 'keyring') await dropFromOsKeyring(url)
}
