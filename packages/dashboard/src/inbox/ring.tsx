// What is left of a task's time, as words and as a ring that fills: the words alone say it.
import type { TaskListItem } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { exact, relative } from '../time.ts'

/** From here on it presses. */
const LATE = 0.9

export function Deadline({ task, now }: { task: Pick<TaskListItem, 'created_at' | 'deadline_at'>; now: number }) {
  const start = Date.parse(task.created_at)
  const end = Date.parse(task.deadline_at)
  const gone = Math.max(0, Math.min(1, (now - start) / Math.max(1, end - start)))
  return (
    <span className="flex items-center gap-2 whitespace-nowrap" title={t('Until {when}', { when: exact(task.deadline_at) })}>
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" className="shrink-0 -rotate-90">
        <circle cx="10" cy="10" r="8" fill="none" stroke="var(--line)" strokeWidth="3" />
        <circle
          cx="10"
          cy="10"
          r="8"
          fill="none"
          stroke={gone > LATE ? 'var(--danger)' : 'var(--accent)'}
          strokeWidth="3"
          pathLength="1"
          strokeDasharray={`${gone} 1`}
        />
      </svg>
      <span className={`tabular-nums ${gone > LATE ? 'font-medium text-danger' : 'text-muted'}`}>
        {end > now ? t('due {when}', { when: relative(task.deadline_at, now) }) : t('due now')}
      </span>
    </span>
  )
}
