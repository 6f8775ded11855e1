// In which state each event left the task, and so from which one it took it: what an event says of the state, read along the record.
import type { RecordEntry } from '../talk/sentence.ts'
import { t } from '../text/t.ts'

const LEAVES: Record<string, string> = {
  'task.created': 'open',
  'task.verifying': 'verifying',
  'task.returned': 'returned',
  'task.sent_back': 'revising',
  'task.revised': 'open',
  'task.completed': 'completed',
  'task.timed_out': t('timed out'),
  'task.cancelled': 'withdrawn',
  'task.verification_exhausted': t('verification exhausted'),
}

export type Step = { from: string | null; to: string }

/** By the id of the event; newest first, as the record is read. What changed no state is not there. */
export function stepsOf(newestFirst: readonly Pick<RecordEntry, 'id' | 'type'>[]): ReadonlyMap<string, Step> {
  const steps = new Map<string, Step>()
  let from: string | null = null
  for (const { id, type } of [...newestFirst].reverse()) {
    const to = LEAVES[type]
    if (to === undefined) continue
    // Where older pages were not read, nobody knows from where.
    if (to !== from && (from !== null || type === 'task.created')) steps.set(id, { from, to })
    from = to
  }
  return steps
}
