// A word or two on a soft ground. The word alone says it; the colour only helps.
import type { Task } from '@countersign/sdk'
import type { ReactNode } from 'react'

const TONES = {
  info: 'bg-info-soft',
  good: 'bg-accent-soft',
  warn: 'bg-warn-soft text-warn',
  bad: 'bg-danger-soft text-danger',
  quiet: 'bg-sunken text-muted',
}
export type Tone = keyof typeof TONES

export const Badge = ({ tone, children }: { tone: Tone; children: ReactNode }) => (
  <span className={`inline-block whitespace-nowrap rounded-full px-2.5 py-0.5 text-sm ${TONES[tone]}`}>{children}</span>
)

const STATUS: Record<string, { word: string; tone: Tone }> = {
  open: { word: 'Open', tone: 'info' },
  answered: { word: 'Answered', tone: 'good' },
  accepted: { word: 'Accepted', tone: 'good' },
  edited: { word: 'Edited', tone: 'good' },
  responded: { word: 'Answered instead', tone: 'info' },
  ignored: { word: 'Ignored', tone: 'quiet' },
  denied: { word: 'Denied', tone: 'bad' },
  defaulted: { word: 'Default taken', tone: 'warn' },
  timed_out: { word: 'Timed out', tone: 'warn' },
  cancelled: { word: 'Withdrawn', tone: 'quiet' },
  completed: { word: 'Completed', tone: 'good' },
  revising: { word: 'With the agent', tone: 'warn' },
}

/** What became of a task. */
export function StatusBadge({ task }: { task: Pick<Task, 'status' | 'outcome'> }) {
  const { word, tone } = STATUS[task.outcome ?? ''] ?? STATUS[task.status] ?? { word: task.status, tone: 'quiet' as const }
  return <Badge tone={tone}>{word}</Badge>
}

const PRIORITY: Record<string, { word: string; tone: Tone }> = {
  urgent: { word: 'Urgent', tone: 'bad' },
  high: { word: 'High priority', tone: 'warn' },
  low: { word: 'Low priority', tone: 'quiet' },
}

/** What makes a task unlike the others: its risk and its priority. */
export function TaskBadges({ task }: { task: Pick<Task, 'risk' | 'priority'> }) {
  const priority = PRIORITY[task.priority]
  return (
    <>
      {(task.risk === 'high' || task.risk === 'critical') && (
        <Badge tone="bad">{task.risk === 'high' ? 'High risk' : 'Critical risk'}</Badge>
      )}
      {priority && <Badge tone={priority.tone}>{priority.word}</Badge>}
    </>
  )
}
