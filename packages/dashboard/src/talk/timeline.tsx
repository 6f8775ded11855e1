// What happened to a task, newest first, as one sentence each. The record itself says more; here is what a reader wants to know at a glance.
import type { Task } from '@countersign/sdk'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { sentenceOf } from './sentence.ts'
import { whoOf } from './who.ts'

export function Timeline({ task }: { task: Task }) {
  const { rows, query } = useList(['task', task.id, 'record'], (cursor) => api.tasks.record(task.id, { cursor, limit: 50 }))
  const now = useNow(30_000)
  const me = useUser()
  return (
    <Card
      title={t('What happened')}
      aside={
        <Link href={paths.taskRecord(task.id)} className="text-sm text-muted underline underline-offset-4 hover:text-text">
          {t('The whole record')}
        </Link>
      }
    >
      <Refusal error={query.error} />
      <ol className="flex flex-col gap-2">
        {rows.map((one) => (
          <li key={one.id} className="flex flex-wrap items-baseline justify-between gap-x-4">
            <span className="min-w-0 wrap-anywhere">
              <AgentText text={sentenceOf(one, whoOf(one.actor, task, me))} />
            </span>
            <time dateTime={one.occurred_at} title={exact(one.occurred_at)} className="text-sm whitespace-nowrap text-muted">
              {relative(one.occurred_at, now)}
            </time>
          </li>
        ))}
      </ol>
      <More query={query} />
    </Card>
  )
}
