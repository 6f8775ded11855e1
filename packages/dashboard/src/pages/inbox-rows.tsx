// The rows of the inbox: who asks what, what is unlike the others about it, and how much time is left. It decides nothing; a row leads to its task.
import type { TaskListItem } from '@countersign/sdk'
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { Link } from 'wouter'
import { useKeys } from '../keys.ts'
import { paths } from '../paths.ts'
import { exact, relative } from '../time.ts'
import { StatusBadge, TaskBadges } from '../ui/badge.tsx'
import { AgentText } from '../ui/content.tsx'

const HOUR_MS = 3_600_000
const GROUPS = [
  { name: 'Within the hour', upTo: HOUR_MS },
  { name: 'Within a day', upTo: 24 * HOUR_MS },
  { name: 'Later', upTo: Number.POSITIVE_INFINITY },
]

// Who comes back from a task stands where they left.
let lastOpened = ''

export function TaskRows({ rows, now, urgency }: { rows: TaskListItem[]; now: number; urgency: boolean }) {
  const list = useRef<HTMLDivElement>(null)
  const step = (by: number) => {
    const links = [...(list.current?.querySelectorAll('a') ?? [])]
    const at = links.indexOf(document.activeElement as HTMLAnchorElement)
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus()
  }
  useKeys({ j: () => step(1), k: () => step(-1) })
  useEffect(() => {
    const links = [...(list.current?.querySelectorAll('a') ?? [])]
    links.find((link) => link.getAttribute('href') === lastOpened)?.focus()
    lastOpened = ''
  }, [])

  if (!urgency)
    return (
      <div ref={list}>
        <Rows>{rows.map((task) => row(task, now))}</Rows>
      </div>
    )
  const left = (task: TaskListItem) => Date.parse(task.deadline_at) - now
  const groups = GROUPS.map(({ name, upTo }, i) => {
    const from = GROUPS[i - 1]?.upTo ?? Number.NEGATIVE_INFINITY
    return { name, tasks: rows.filter((task) => left(task) > from && left(task) <= upTo) }
  })
  return (
    <div ref={list} className="flex flex-col gap-5">
      {groups.map(
        ({ name, tasks }) =>
          tasks.length > 0 && (
            <Group key={name} name={name}>
              {tasks.map((task) => row(task, now))}
            </Group>
          ),
      )}
    </div>
  )
}

const row = (task: TaskListItem, now: number) => <Row key={task.id} task={task} now={now} />

function Group({ name, children }: { name: string; children: ReactNode }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="flex flex-col gap-2">
      <h2 id={id} className="text-sm font-medium text-muted">
        {name}
      </h2>
      <Rows>{children}</Rows>
    </section>
  )
}

const Rows = ({ children }: { children: ReactNode }) => <ul className="card divide-y divide-line overflow-hidden">{children}</ul>

function Row({ task, now }: { task: TaskListItem; now: number }) {
  const href = paths.task(task.id)
  return (
    <li className="row-on-demand">
      <Link
        href={href}
        onClick={() => {
          lastOpened = href
        }}
        className="flex flex-col gap-2 px-4 py-3 hover:bg-sunken focus-visible:-outline-offset-2 sm:flex-row sm:items-center sm:gap-4"
      >
        <span className="min-w-0 grow">
          <span className="line-clamp-2 font-medium">
            <AgentText text={task.task.slice(0, 150)} />
          </span>
          <span className="block text-sm text-muted">
            <AgentText text={task.agent_name ?? 'A person'} /> · asked {relative(task.created_at, now)}
            {task.assigned_to_display_name ? ` · held by ${task.assigned_to_display_name}` : ''}
            {task.votes_needed > 1 ? ` · ${task.votes} of ${task.votes_needed} votes` : ''}
          </span>
        </span>
        <span className="flex shrink-0 flex-wrap items-center gap-2 text-sm">
          <TaskBadges task={task} />
          {task.status === 'open' ? <Deadline task={task} now={now} /> : <StatusBadge task={task} />}
        </span>
      </Link>
    </li>
  )
}

/** What is left of the time, as words and as a ring that fills. */
function Deadline({ task, now }: { task: TaskListItem; now: number }) {
  const start = Date.parse(task.created_at)
  const end = Date.parse(task.deadline_at)
  const gone = Math.max(0, Math.min(1, (now - start) / Math.max(1, end - start)))
  return (
    <span className="flex items-center gap-2 whitespace-nowrap sm:w-40" title={`Until ${exact(task.deadline_at)}`}>
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" className="-rotate-90">
        <circle cx="10" cy="10" r="8" fill="none" stroke="var(--line)" strokeWidth="3" />
        <circle
          cx="10"
          cy="10"
          r="8"
          fill="none"
          stroke={gone > 0.9 ? 'var(--danger)' : 'var(--accent)'}
          strokeWidth="3"
          pathLength="1"
          strokeDasharray={`${gone} 1`}
        />
      </svg>
      <span className="text-muted tabular-nums">{end > now ? `due ${relative(task.deadline_at, now)}` : 'due now'}</span>
    </span>
  )
}
