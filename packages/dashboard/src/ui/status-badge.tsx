// What became of a task, in a word and a colour; the word alone says it.
import type { Task } from '@countersign/sdk'

const WORDS: Record<string, { word: string; tone: string }> = {
  open: { word: 'Open', tone: 'bg-info-soft' },
  answered: { word: 'Answered', tone: 'bg-accent-soft' },
  denied: { word: 'Denied', tone: 'bg-danger-soft' },
  defaulted: { word: 'Default taken', tone: 'bg-warn-soft' },
  timed_out: { word: 'Timed out', tone: 'bg-warn-soft' },
  cancelled: { word: 'Cancelled', tone: 'bg-sunken' },
  completed: { word: 'Completed', tone: 'bg-accent-soft' },
}

export function StatusBadge({ task }: { task: Pick<Task, 'status' | 'outcome'> }) {
  const { word, tone } = WORDS[task.outcome ?? ''] ?? WORDS[task.status] ?? { word: task.status, tone: 'bg-sunken' }
  return <span className={`rounded-full px-2.5 py-0.5 text-sm ${tone}`}>{word}</span>
}
