// The sizes of the logs, remembered beside the database: a database that was set back to an earlier copy of itself cannot tell by itself (P117).
// A file of this machine; it is a memory and no truth, and a lost one only costs the alarm.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Log } from '../../std/log.ts'
import type { End } from './sql.ts'

type Heads = Record<string, { size: number; hash: string }>
export type HeadMemory = { read(): Promise<Heads>; remember(ends: readonly End[]): Promise<void> }

export function openHeadMemory(file: string, log: Log): HeadMemory {
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') log.warn({ err: error }, 'the remembered sizes of the logs cannot be read')
        return '{}'
      })
      return parse(text, log)
    },
    async remember(ends) {
      const heads: Heads = Object.fromEntries(
        ends.map((end) => [end.tenant_id, { size: end.size, hash: end.hash.toString('hex') }]),
      )
      try {
        await mkdir(dirname(file), { recursive: true })
        await writeFile(`${file}.new`, JSON.stringify(heads), { mode: 0o600 })
        await rename(`${file}.new`, file)
      } catch (error) {
        log.warn({ err: error }, 'the sizes of the logs cannot be remembered')
      }
    },
  }
}

function parse(text: string, log: Log): Heads {
  try {
    return JSON.parse(text) as Heads
  } catch (error) {
    log.warn({ err: error }, 'the remembered sizes of the logs are not JSON')
    return {}
  }
}
