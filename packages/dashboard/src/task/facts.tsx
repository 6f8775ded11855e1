// Who asks, on whose behalf, until when, and what happens otherwise (T3): the same words wherever a person answers.
import type { Task } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { AgentText } from '../content/text.tsx'
import { type Shown, writeExact } from '../exact.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, exact, relative, useNow } from '../time.ts'

export const isAnswerable = ({ status }: Pick<Task, 'status'>): boolean => status === 'open' || status === 'returned'

/** `onTimeout` as it was read digit for digit; `narrow`: one below the other, however wide the window is. */
export function Facts({ task, onTimeout, narrow = false }: { task: Task; onTimeout: Shown; narrow?: boolean }) {
  const now = useNow()
  return (
    <dl
      className={`grid grid-cols-1 gap-x-8 gap-y-3 border-y border-line py-3 ${narrow ? '' : 'sm:grid-cols-[repeat(3,auto)] sm:justify-start'}`}
    >
      <Fact name={t('Asked by')}>
        <strong className="font-medium">
          <AgentText text={task.agent_name ?? t('A person')} />
        </strong>
        {task.on_behalf_of !== null && <> {rich('for {onBehalfOf}', { onBehalfOf: <AgentText text={task.on_behalf_of} /> })}</>},{' '}
        <time dateTime={task.created_at}>{relative(task.created_at, now)}</time>
        {isAnswerable(task) && task.assigned_to_display_name && (
          <>
            {' · '}
            {rich('held by {name}', { name: <AgentText text={task.assigned_to_display_name} /> })}
          </>
        )}
      </Fact>
      {(isAnswerable(task) || task.status === 'revising') && (
        <>
          <Fact name={task.status === 'revising' ? t('Deadline') : t('Answer by')}>
            <time dateTime={task.deadline_at} title={exact(task.deadline_at)}>
              {clock(task.deadline_at, now)}
            </time>
            <span className="text-muted">, {relative(task.deadline_at, now)}</span>
          </Fact>
          <Fact name={t('If nobody answers')}>{atDeadline(onTimeout)}</Fact>
        </>
      )}
    </dl>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="min-w-0">
    <dt className="text-sm text-muted">{name}</dt>
    <dd className="wrap-anywhere">{children}</dd>
  </div>
)

function atDeadline(onTimeout: Shown): ReactNode {
  // What was handed on already is no longer what happens next; the server says where it stands by `escalation_level`.
  if (onTimeout === 'deny') return t('It counts as a no')
  if (!(onTimeout instanceof Map)) return t('The agent is told so')
  const on = onTimeout.get('escalate')
  if (on instanceof Map) return rich('Others are asked too; then: {next}', { next: atDeadline(on.get('then') ?? null) })
  return rich('The agent gets {code}', {
    code: <code className="font-mono text-sm">{writeExact(onTimeout.get('default') ?? null).replace(/\s+/g, ' ')}</code>,
  })
}
