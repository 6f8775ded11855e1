// One task as an embed follows it: read whole, then again whenever its version grows. It waits at the server and asks nothing in between.
import { Countersign, Problem, type Task } from '@countersign/sdk'
import { readExact, type Shown } from '../exact.ts'

export type Read = { task: Task; shown: Map<string, Shown> }

export const clientOf = (token: string): Countersign => new Countersign({ url: location.origin, key: token, credentials: 'omit' })

export async function readTask(client: Countersign, id: string, signal?: AbortSignal): Promise<Read> {
  const reply = await client.transport.call<Task>('GET', `/tasks/${encodeURIComponent(id)}`, { taskId: id, signal })
  const shown = readExact(reply.text)
  return { task: reply.body, shown: shown instanceof Map ? shown : new Map() }
}

const WAIT_SECONDS = 25
const PAUSE_MS = 2_000
const FINAL = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']
export const isOver = (task: Task): boolean => FINAL.includes(task.status)

type Hear = { read(read: Read): void; fail(error: unknown): void }

/** Until the task is over, the token is refused, or the signal is given. */
export async function followTask(client: Countersign, id: string, hear: Hear, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const read = await readTask(client, id, signal)
      if (signal.aborted) return
      hear.read(read)
      if (isOver(read.task)) return
      await changed(client, read.task, signal)
    } catch (error) {
      if (signal.aborted) return
      hear.fail(error)
      // A refusal stays one until there is another token; what cannot be reached may come back.
      if (error instanceof Problem && error.status >= 400 && error.status < 500) return
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}

async function changed(client: Countersign, { id, version }: Task, signal: AbortSignal): Promise<void> {
  for (;;) {
    const query = { timeout: WAIT_SECONDS, since_version: version }
    const path = `/tasks/${encodeURIComponent(id)}/poll`
    const { body } = await client.transport.call<{ version: number }>('GET', path, { query, signal, attemptMs: 40_000 })
    if (body.version > version) return
  }
}
