// A task as its pages read it: the typed body, and every member digit for digit as it was sent (T6).
import type { Task } from '@countersign/sdk'
import { api } from '../api.ts'
import { readExact, type Shown } from '../exact.ts'

export type Read = { task: Task; shown: Map<string, Shown> }

export async function readTask(id: string): Promise<Read> {
  const reply = await api.transport.call<Task>('GET', `/tasks/${encodeURIComponent(id)}`, { taskId: id })
  const shown = readExact(reply.text)
  return { task: reply.body, shown: shown instanceof Map ? shown : new Map() }
}
