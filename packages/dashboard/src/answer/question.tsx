// The question of an answer page as a person has to judge it: who asks, on whose behalf, what about, until when, and what happens otherwise. What an agent wrote is text.
import type { Task } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { type Shown, writeExact } from '../exact.ts'
import { clock, exact, relative, useNow } from '../time.ts'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'

type Props = { task: Task; shown: Map<string, Shown>; changed: readonly string[]; children: ReactNode }

export function Question({ task, shown, changed, children }: Props) {
  const member = (name: string): Shown => shown.get(name) ?? null
  const action = member('action')
  const isChanged = (name: string) => changed.some((path) => path === `/${name}` || path.startsWith(`/${name}/`))
  const titled = (title: string, name: string) => (isChanged(name) ? `${title} (changed)` : title)
  return (
    <article className="flex flex-col gap-5">
      <header className="flex flex-col gap-4">
        <h1 tabIndex={-1} className="text-2xl font-semibold tracking-tight outline-none">
          <AgentText text={task.task} />
        </h1>
        <Facts task={task} onTimeout={member('on_timeout')} />
      </header>
      {typeof task.description === 'string' && task.description !== '' && (
        <Card title={titled('Background', 'description')}>
          <AgentText text={task.description} />
        </Card>
      )}
      {action instanceof Map && <ContentCard title={titled('What it wants to do', 'action')} value={action} label="action" />}
      {member('payload') !== null && (
        <ContentCard title={titled('What it is about', 'payload')} value={member('payload')} label="content" />
      )}
      {children}
    </article>
  )
}

function Facts({ task, onTimeout }: { task: Task; onTimeout: Shown }) {
  const now = useNow()
  return (
    <dl className="grid grid-cols-1 gap-x-8 gap-y-3 border-y border-line py-3 sm:grid-cols-[repeat(3,auto)] sm:justify-start">
      <Fact name="Asked by">
        <strong className="font-medium">
          <AgentText text={task.agent_name ?? 'A colleague'} />
        </strong>
        {task.on_behalf_of !== null && (
          <>
            {' '}
            for <AgentText text={task.on_behalf_of} />
          </>
        )}
      </Fact>
      <Fact name="Answer by">
        <time dateTime={task.deadline_at} title={exact(task.deadline_at)}>
          {clock(task.deadline_at, now)}
        </time>
        <span className="text-muted">, {relative(task.deadline_at, now)}</span>
      </Fact>
      <Fact name="If nobody answers">{atDeadline(onTimeout)}</Fact>
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
  if (onTimeout === 'deny') return 'It counts as a no'
  if (!(onTimeout instanceof Map)) return 'The agent is told so'
  if (onTimeout.has('escalate')) return 'Others are asked'
  return (
    <>
      The agent gets{' '}
      <code className="font-mono text-sm">{writeExact(onTimeout.get('default') ?? null).replace(/\s+/g, ' ')}</code>
    </>
  )
}
