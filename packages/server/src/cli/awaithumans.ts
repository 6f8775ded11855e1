// `countersign dev --awaithumans` (T67): the file in which the clients of awaithumans look for a server of this machine, so that they find this one with no setting. It holds the
// development agent's key, so it is its owner's alone, and it goes when the server does.
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const fileOf = (): string => join(homedir(), '.awaithumans-dev.json')

/** What takes it away again. */
export function announce(url: string, key: string, startedAt: Date): () => void {
  const { hostname: host, port } = new URL(url)
  const told = { url, host, port: Number(port), pid: process.pid, started_at: startedAt.toISOString(), admin_token: key }
  writeFileSync(fileOf(), `${JSON.stringify(told)}\n`, { mode: 0o600 })
  // A file that was there already keeps its mode when it is written.
  chmodSync(fileOf(), 0o600)
  return () => removeOwn(fileOf())
}

/** Another `countersign dev` may have written its own since, and a person may have taken it away. */
export function removeOwn(file: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
    if (pid === process.pid) rmSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
