// What became of a task: who settled it, how and why.
import type { Decision, Task } from '@countersign/sdk'
import { Attested } from '../task/attested.tsx'
import { Receipt } from '../task/receipt.tsx'
import { Remembered } from '../task/remember.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'

/** One sentence; total over the states. */
export function outcomeOf(task: Task): string {
  if (task.status === 'timed_out') return t('Nobody answered in time.')
  if (task.status === 'cancelled') return t('It was withdrawn.')
  if (task.status === 'revising') return t('It was sent back: the agent changes what it asks, or withdraws it.')
  if (task.status === 'verifying') return t('An answer is being checked.')
  if (task.status === 'returned') return t('The last answer came back from its verifier.')
  if (task.status === 'verification_exhausted') return t('No answer passed its verifier.')
  if (task.status !== 'completed') return t('It is open.')
  if (task.completed_via_channel === 'timeout') return t('The deadline settled it.')
  return t('{name} settled it.', { name: task.completed_by_display_name ?? t('Somebody') })
}

/** The deadline has said so already. */
const THROUGH: Readonly<Record<string, (when: string) => string>> = {
  dashboard: (when) => t('{when}, in the dashboard', { when }),
  email: (when) => t('{when}, by mail', { when }),
  slack: (when) => t('{when}, in Slack', { when }),
  embed: (when) => t('{when}, in an embedded page', { when }),
  webhook: (when) => t('{when}, by a webhook', { when }),
  api: (when) => t('{when}, through the API', { when }),
  cli: (when) => t('{when}, from the command line', { when }),
}

/** Whether it will change yet. */
const isUnderWay = ({ status }: Task): boolean => status === 'revising' || status === 'verifying'

export function TaskOutcome({ task }: { task: Task }) {
  const at = task.completed_at ?? task.timed_out_at ?? task.cancelled_at
  return (
    <Card title={isUnderWay(task) ? t('Where it stands') : t('What became of it')}>
      <div className="flex flex-col gap-2">
        <p>
          <AgentText text={outcomeOf(task)} />
        </p>
        {at && <p className="text-sm text-muted">{THROUGH[task.completed_via_channel ?? '']?.(exact(at)) ?? exact(at)}</p>}
        {typeof task.cancel_reason === 'string' && <Said what={t('Reason')} text={task.cancel_reason} />}
        {task.decisions.map((decision) => (
          <Decided key={decision.id} decision={decision} />
        ))}
        <Remembered task={task} />
        <Receipt task={task} />
      </div>
    </Card>
  )
}

const Decided = ({ decision }: { decision: Decision }) => (
  <>
    {decision.stepped_in && (
      <p className="text-muted">
        {rich('{name} was not asked and stepped in.', { name: <AgentText text={decision.display_name} /> })}
      </p>
    )}
    <Attested decision={decision} />
    {typeof decision.reason === 'string' && <Said what={t('Reason')} text={decision.reason} />}
    {typeof decision.comment === 'string' && <Said what={t('Comment')} text={decision.comment} />}
  </>
)

const Said = ({ what, text }: { what: string; text: string }) => (
  <p>
    <span className="text-muted">{what}:</span> <AgentText text={text} />
  </p>
)
