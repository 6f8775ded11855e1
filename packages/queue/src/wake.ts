// One LISTEN connection a process (Q69): it only shortens sleeps. Reconnects by itself; without it everything works at the poll interval.
// Never carries a statement of anybody else's transaction.

import pg from 'pg'
import { newEnding } from './ending.ts'
import type { Clock, Log } from './host.ts'
import { backendPid, listen, stillThere } from './sql.ts'
import { pause, retryMs } from './store.ts'

export type Notice = { topic: 'work' | 'cancel' | 'pause' | 'result' | 'clock' | 'schema'; name: string }

export type Wake = {
  subscribe(fn: (notice: Notice) => void): () => void
  status(): 'listening' | 'degraded' | 'off'
  close(): Promise<void>
}

const CHECK_MS = 15_000
const ASK_AGAIN_MS = 60_000

export function openWake(config: pg.ClientConfig | null, clock: Clock, log: Log): Wake {
  const listeners = new Set<(notice: Notice) => void>()
  const closing = newEnding()
  let status: 'listening' | 'degraded' | 'off' = config ? 'degraded' : 'off'
  const tell = (notice: Notice) => {
    for (const fn of listeners) fn(notice)
  }

  async function stayConnected(own: pg.ClientConfig): Promise<void> {
    let told = false
    for (let failures = 1; !closing.signal.aborted; failures++) {
      const client = new pg.Client({
        ...own,
        // A pool keeps its password where a spread does not see it.
        password: own.password,
        application_name: 'countersign-queue-listen',
        connectionTimeoutMillis: 5_000,
        query_timeout: 5_000,
      })
      const lost = new AbortController()
      const onLost = () => lost.abort()
      client.on('error', onLost)
      client.on('end', onLost)
      client.on('notification', ({ payload = '' }) => {
        const [topic, ...name] = payload.split(':')
        tell({ topic: topic as Notice['topic'], name: name.join(':') })
      })
      closing.signal.addEventListener('abort', onLost)
      try {
        await client.connect()
        if (await isPooled(client)) {
          if (!told) log.warn({}, 'wake-ups are off: LISTEN would go through a pooler; give `listen` a direct URL')
          told = true
          await client.end()
          closing.signal.removeEventListener('abort', onLost)
          await pause(clock, ASK_AGAIN_MS, closing.signal)
          continue
        }
        await client.query(listen)
        failures = 0
        status = 'listening'
        tell({ topic: 'work', name: '*' }) // what came while nobody listened
        await watch(client, lost.signal)
      } catch (error) {
        if (failures <= 1) log.warn({ err: error }, 'wake-ups are off until the connection is back; polling goes on')
      }
      status = 'degraded'
      closing.signal.removeEventListener('abort', onLost)
      await client.end().catch((error: unknown) => log.debug({ err: error }, 'the listening connection was gone already'))
      await pause(clock, retryMs(failures + 1), closing.signal)
    }
  }

  /** A pooler takes LISTEN and drops what comes of it. It cannot know the number of the backend that will serve, so it says another. */
  async function isPooled(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query<{ pid: number }>(backendPid)
    const { processID } = client as pg.Client & { readonly processID: number } // as the server said at login; not in the driver's types
    return rows[0]?.pid !== processID
  }

  /** A connection that dies without a word is found by a question; returns when it is lost. */
  async function watch(client: pg.Client, lost: AbortSignal): Promise<void> {
    while (!lost.aborted) {
      await pause(clock, CHECK_MS, lost)
      if (!lost.aborted) await client.query(stillThere)
    }
  }

  const connected = config ? stayConnected(config) : Promise.resolve()
  return {
    subscribe(fn) {
      listeners.add(fn)
      return () => void listeners.delete(fn)
    },
    status: () => status,
    async close() {
      closing.abort()
      await connected
      status = 'off'
    },
  }
}
