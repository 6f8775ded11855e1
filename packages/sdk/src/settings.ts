// Which server, with which key: option, then environment, then the file of a living `countersign dev`, then localhost. Nothing here
// is imported from a runtime: where `process` does not exist the later sources are simply empty. It never prints or stores a key.

import { Problem } from './problem.ts'

type Files = { readFileSync(path: string, encoding: 'utf8'): string; statSync(path: string): { mode: number } }
type ProcessLike = {
  env?: Record<string, string | undefined>
  stderr?: { isTTY?: boolean; write(text: string): unknown }
  kill?(pid: number, signal: number): unknown
  getBuiltinModule?(name: string): unknown
}

/** The running `countersign dev` of this machine writes this file into the home folder and removes it when it ends. */
export const DEVELOPMENT_FILE = '.countersign-dev.json'
const FALLBACK = 'http://localhost:3001'

export type Settings = { url: string; key: string | null }

const processLike = () => (globalThis as { process?: ProcessLike }).process

/** T139. Throws `settings_invalid` rather than call a wrong place. */
export function resolveSettings(given: { url?: string; key?: string | null }): Settings {
  const env = processLike()?.env ?? {}
  const url = given.url ?? env.COUNTERSIGN_URL
  // A key belongs to its server: one from the file is never sent to another URL.
  const development = url === undefined ? readDevelopmentFile() : null
  const key = given.key === undefined ? (env.COUNTERSIGN_KEY ?? development?.key ?? null) : given.key
  // A thread token opens one thread for an hour, and the page that reads a thread has nothing else.
  if (key !== null && inPage() && /^cs_(live|test)_(?!thr_)/.test(key)) {
    throw new Problem('settings_invalid', {
      detail: 'A key must not be in a page, where every visitor can read it. Use the session cookie or an embed token.',
    })
  }
  return { url: baseUrl(url ?? development?.url ?? origin() ?? FALLBACK), key }
}

/** Writes one line for a person, when there is a terminal to read it. */
export function tellTerminal(line: string): void {
  const stderr = processLike()?.stderr
  if (stderr?.isTTY) stderr.write(`${line}\n`)
}

const inPage = () => 'window' in globalThis && 'document' in globalThis

const origin = () => (inPage() ? (globalThis as { location?: { origin: string } }).location?.origin : undefined)

function baseUrl(text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new Problem('settings_invalid', { detail: `${JSON.stringify(text)} is not a URL.` }, { cause })
  }
  if (!/^https?:$/.test(url.protocol))
    throw new Problem('settings_invalid', { detail: 'The URL must begin with http:// or https://.' })
  if (url.username || url.password)
    throw new Problem('settings_invalid', { detail: 'The URL must not hold a user name or password.' })
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

function readDevelopmentFile(): Settings | null {
  const process = processLike()
  const fs = process?.getBuiltinModule?.('node:fs') as Files | undefined
  const home = process?.env?.HOME ?? process?.env?.USERPROFILE
  if (!process || !fs || !home) return null
  let file: unknown
  try {
    const path = `${home}/${DEVELOPMENT_FILE}`
    // A file that others may write could send this agent's questions anywhere.
    if ((fs.statSync(path).mode & 0o022) !== 0) return null
    file = JSON.parse(fs.readFileSync(path, 'utf8'))
  } catch {
    return null // absent, unreadable or half written: as if no server ran
  }
  if (typeof file !== 'object' || file === null) return null
  const { url, agent_key: key, pid } = file as { url?: unknown; agent_key?: unknown; pid?: unknown }
  if (typeof url !== 'string' || typeof key !== 'string' || typeof pid !== 'number' || !isAlive(process, pid)) return null
  return { url, key }
}

function isAlive(process: ProcessLike, pid: number): boolean {
  try {
    process.kill?.(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM' // it lives, but belongs to somebody else
  }
}
