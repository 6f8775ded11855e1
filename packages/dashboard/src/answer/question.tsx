// The question of an answer page as a person has to judge it: who asks, on whose behalf, what about, until when, and what happens otherwise. What an agent wrote is text.
import type { Task } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { Markdown } from '../content/markdown.tsx'
import type { Shown } from '../exact.ts'
import { Facts } from '../task/facts.tsx'
import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'

type Props = { task: Task; shown: Map<string, Shown>; changed: readonly string[]; children: ReactNode }

export function Question({ task, shown, changed, children }: Props) {
  const member = (name: string): Shown => shown.get(name) ?? null
  const action = member('action')
  const isChanged = (name: string) => changed.some((path) => path === `/${name}` || path.startsWith(`/${name}/`))
  const titled = (title: string, name: string) => (isChanged(name) ? t('{title} (changed)', { title }) : title)
  return (
    <article className="flex flex-col gap-5">
      <header className="flex flex-col gap-4">
        <h1
          tabIndex={-1}
          className={`font-semibold outline-none ${task.task.length > 150 ? 'text-lg leading-snug' : 'text-2xl tracking-tight'}`}
        >
          <AgentText text={task.task} />
        </h1>
        <Facts task={task} onTimeout={member('on_timeout')} />
      </header>
      {typeof task.description === 'string' && task.description !== '' && (
        <Card title={titled(t('Background'), 'description')}>
          <Markdown text={task.description} />
        </Card>
      )}
      {action instanceof Map && (
        <ContentCard title={titled(t('What it wants to do'), 'action')} value={action} label={t('action')} />
      )}
      {member('payload') !== null && (
        <ContentCard title={titled(t('What it is about'), 'payload')} value={member('payload')} label={t('content')} />
      )}
      {children}
    </article>
  )
}
