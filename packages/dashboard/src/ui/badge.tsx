// A word or two on a soft ground. The word alone says it; the colour only helps.
import type { Task } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { t } from '../text/t.ts'

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
  open: { word: t('Open'), tone: 'info' },
  answered: { word: t('Answered'), tone: 'good' },
  accepted: { word: t('Accepted'), tone: 'good' },
  edited: { word: t('Edited'), tone: 'good' },
  responded: { word: t('Answered instead'), tone: 'info' },
  ignored: { word: t('Ignored'), tone: 'quiet' },
  denied: { word: t('Denied'), tone: 'bad' },
  defaulted: { word: t('Default taken'), tone: 'warn' },
  timed_out: { word: t('Timed out'), tone: 'warn' },
  cancelled: { word: t('Withdrawn'), tone: 'quiet' },
  completed: { word: t('Completed'), tone: 'good' },
  revising: { word: t('With the agent'), tone: 'warn' },
}

/** What became of a task. */
export function StatusBadge({ task }: { task: Pick<Task, 'status' | 'outcome'> }) {
  const { word, tone } = STATUS[task.outcome ?? ''] ?? STATUS[task.status] ?? { word: task.status, tone: 'quiet' as const }
  return <Badge tone={tone}>{word}</Badge>
}

const PRIORITY: Record<string, { word: string; tone: Tone }> = {
  urgent: { word: t('Urgent'), tone: 'bad' },
  high: { word: t('High priority'), tone: 'warn' },
  low: { word: t('Low priority'), tone: 'quiet' },
}

/** What makes a task unlike the others: its risk and its priority. */
export function TaskBadges({ task }: { task: Pick<Task, 'risk' | 'priority'> }) {
  const priority = PRIORITY[task.priority]
  return (
    <>
      {(task.risk === 'high' || task.risk === 'critical') && (
        <Badge tone="bad">{task.risk === 'high' ? t('High risk') : t('Critical risk')}</Badge>
      )}
      {priority && <Badge tone={priority.tone}>{priority.word}</Badge>}
    </>
  )
}
