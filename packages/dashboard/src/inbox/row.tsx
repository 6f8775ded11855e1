// A row of the inbox: who asks, what, with what risk, how much time is left, and the votes so far. It decides nothing; it leads to its task.
import type { TaskListItem } from '@countersign/sdk'
import { Link } from 'wouter'
import { paths } from '../paths.ts'
import { isAnswerable } from '../task/facts.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { relative } from '../time.ts'
import { StatusBadge, TaskBadges } from '../ui/badge.tsx'
import { AgentText } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { Deadline } from './ring.tsx'

type Props = {
  task: TaskListItem
  now: number
  me: string
  chosen: boolean
  onChoose: (id: string, on: boolean) => void
  isPreviewed: boolean
  onOpen: (id: string) => void
}

export function Row({ task, now, me, chosen, onChoose, isPreviewed, onOpen }: Props) {
  const said = visible(task.task.slice(0, 150))
  return (
    <li className={`row-on-demand flex items-stretch ${isPreviewed ? 'bg-accent-soft' : 'hover:bg-sunken'}`}>
      <label className="flex w-11 shrink-0 cursor-pointer items-start justify-center pt-4">
        <input
          type="checkbox"
          className="size-4"
          aria-label={t('Choose {said}', { said })}
          checked={chosen}
          onChange={(event) => onChoose(task.id, event.target.checked)}
        />
      </label>
      <Link
        href={paths.task(task.id)}
        data-task={task.id}
        aria-keyshortcuts="Enter"
        onClick={() => onOpen(task.id)}
        className="flex min-w-0 grow flex-col gap-2 py-3 pr-4 focus-visible:-outline-offset-2 @2xl:flex-row @2xl:items-center @2xl:gap-4"
      >
        <span className="min-w-0 grow">
          <span className="line-clamp-2 font-medium">
            <AgentText text={task.task.slice(0, 150)} />
          </span>
          <span className="block text-sm text-muted">
            <AgentText text={task.agent_name ?? t('A person')} />
            {' · '}
            {t('asked {when}', { when: relative(task.created_at, now) })}
            <Held task={task} me={me} />
          </span>
        </span>
        <span className="flex shrink-0 flex-wrap items-center gap-2 text-sm">
          {task.votes_needed > 1 && <Votes voted={task.votes} needed={task.votes_needed} />}
          <TaskBadges task={task} />
          {task.status !== 'open' && <StatusBadge task={task} />}
          {isAnswerable(task) && (
            <span className="@2xl:w-38">
              <Deadline task={task} now={now} />
            </span>
          )}
        </span>
      </Link>
    </li>
  )
}

function Held({ task, me }: { task: TaskListItem; me: string }) {
  if (task.assigned_to_user_id === me)
    return (
      <>
        {' · '}
        {t('held by you')}
      </>
    )
  if (!task.assigned_to_display_name) return null
  return (
    <>
      {' · '}
      {rich('held by {name}', { name: <AgentText text={task.assigned_to_display_name} /> })}
    </>
  )
}

const Votes = ({ voted, needed }: { voted: number; needed: number }) => (
  <span className="whitespace-nowrap text-muted tabular-nums">{t('{voted} of {needed} votes', { voted, needed })}</span>
)
