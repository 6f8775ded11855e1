// How a command calls the server: with what --timeout allows, said on stderr with --verbose, and written down with --log-file. No line holds a key, a query, a body or
// an answer. The file is for its owner alone, begins anew at 10 MB, and five of the older ones are kept (V123).
import { appendFileSync, chmodSync, renameSync, rmSync, statSync } from 'node:fs'
import { Problem } from '@countersign/sdk'

type Calling = {
  timeoutMs: number | null
  /** One line about each call; null where nobody asked for it. */
  say: ((line: string) => void) | null
  logFile: string | null
}

const MOST_BYTES = 10 * 1024 * 1024
const KEPT = 5

/** The fetch that the client is given. All calls of a command share the time that it has. */
export function caller({ timeoutMs, say, logFile }: Calling): typeof fetch {
  const end = timeoutMs === null ? null : performance.now() + timeoutMs
  return async (input, init = {}) => {
    const started = performance.now()
    const left = end === null ? null : AbortSignal.timeout(Math.max(0, Math.ceil(end - started)))
    const signals = [init.signal, left].filter((one): one is AbortSignal => one != null)
    const note = (status: number | null, requestId: string | null) => {
      const { pathname } = new URL(String(input))
      const call = { method: init.method ?? 'GET', path: pathname, status, ms: Math.round(performance.now() - started) }
      say?.(`${call.method} ${call.path} ${status ?? 'no answer'} ${call.ms} ms${requestId === null ? '' : ` ${requestId}`}\n`)
      if (logFile !== null) writeLine(logFile, { ts: new Date().toISOString(), ...call, request_id: requestId })
    }
    try {
      const response = await globalThis.fetch(input, {
        ...init,
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      })
      note(response.status, response.headers.get('x-request-id'))
      return response
    } catch (error) {
      note(null, null)
      if (left?.aborted) throw new Problem('timeout', { detail: `--timeout gave it ${(timeoutMs ?? 0) / 1000} s.` })
      throw error
    }
  }
}

export function writeLine(file: string, line: Record<string, unknown>): void {
  turnOver(file)
  appendFileSync(file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
}

/** file -> file.1 -> … -> file.5 */
function turnOver(file: string): void {
  const now = statSync(file, { throwIfNoEntry: false })
  if (now === undefined) return
  if ((now.mode & 0o077) !== 0) chmodSync(file, 0o600)
  if (now.size < MOST_BYTES) return
  rmSync(`${file}.${KEPT}`, { force: true })
  for (let n = KEPT - 1; n >= 0; n--) {
    const from = n === 0 ? file : `${file}.${n}`
    if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${file}.${n + 1}`)
  }
}
