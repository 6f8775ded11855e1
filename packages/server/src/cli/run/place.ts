// Where a run keeps its files: a folder of its own that nobody else may enter, gone when the run is. What a killed command left is swept by the next start.
// Holds certificates, which are public, and never a token or a key.
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { isAlive } from '../alive.ts'
import { trustStore } from './trust-store.ts'

const PREFIX = 'countersign-run-'
const OWNER = 'owner.json'
const AUTHORITY = 'ca-run.pem'
/** So long another start may be between making its folder and saying whose it is. */
const UNSIGNED_MS = 60_000

/** `until`: of a folder that outlives its command, for containers. */
type Owner = { pid: number; started: string | null; until: number | null }

export type Place = {
  folder: string
  /** Public authorities and the run's own. */
  bundle: string
  /** The run's own authority alone. */
  authority: string
  /** The bundle again, as Java reads it; written when it is asked for. */
  store(authorityPem: string): string
  remove(): void
}

export function openPlace(authorityPem: string, until: Date | null = null): Place {
  const folder = mkdtempSync(join(tmpdir(), PREFIX))
  chmodSync(folder, 0o700)
  const owner: Owner = { pid: process.pid, started: startOf('self'), until: until === null ? null : until.getTime() }
  writeFileSync(join(folder, OWNER), JSON.stringify(owner), { mode: 0o600 })
  const [bundle, authority] = [join(folder, 'ca-bundle.pem'), join(folder, AUTHORITY)]
  const pem = `${authorityPem.trim()}\n`
  // A folder that a container mounts is read by another user of that container; what stands in it is public.
  const mode = until === null ? 0o600 : 0o644
  writeFileSync(authority, pem, { mode })
  writeFileSync(bundle, `${rootCertificates.join('\n')}\n${pem}`, { mode })
  if (until !== null) chmodSync(folder, 0o755)
  const store = (own: string): string => {
    const file = join(folder, 'ca-bundle.p12')
    writeFileSync(file, trustStore(own), { mode: 0o600 })
    return file
  }
  return { folder, bundle, authority, store, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Removes what commands left that live no more, unless something of it is still in use elsewhere. Answers how many. */
export function sweepPlaces(now: number, letGo: (folder: string, authority: string) => boolean): number {
  let swept = 0
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue
    const folder = join(tmpdir(), name)
    if (!isOurs(folder) || isInUse(folder, now) || !letGo(folder, join(folder, AUTHORITY))) continue
    rmSync(folder, { recursive: true, force: true })
    swept += 1
  }
  return swept
}

function isOurs(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false })
  return stat?.isDirectory() === true && (process.getuid === undefined || stat.uid === process.getuid())
}

function isInUse(folder: string, now: number): boolean {
  const owner = ownerOf(folder)
  if (owner === null) return now - (lstatSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0) < UNSIGNED_MS
  if (owner.until !== null) return now < owner.until
  return isAlive(owner.pid) && (owner.started === null || startOf(String(owner.pid)) === owner.started)
}

function ownerOf(folder: string): Owner | null {
  try {
    return JSON.parse(readFileSync(join(folder, OWNER), 'utf8')) as Owner
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** When a process began, in ticks since the machine did: tells it from a later one with the same number. Null where the system has no /proc. */
function startOf(pid: string): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in parentheses and may hold anything; the 22nd field is the 20th behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
