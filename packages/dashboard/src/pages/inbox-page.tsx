// The inbox: which questions wait, most pressing first, live. Which of them one sees is the server's choice; the address holds the view and the search.
import type { TaskListItem, TaskQuery } from '@countersign/sdk'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Link, useLocation, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { useLiveTasks } from '../live.ts'
import { paths } from '../paths.ts'
import { speak } from '../problem.ts'
import { sample } from '../sample.ts'
import { useKeys } from '../shell.tsx'
import { exact, relative, useNow } from '../time.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { StatusBadge } from '../ui/status-badge.tsx'

const VIEWS = {
  open: { label: 'Open', query: { status: ['open'], sort: 'deadline' } },
  mine: { label: 'Mine', query: { status: ['open'], mine: true, sort: 'deadline' } },
  settled: { label: 'Settled', query: { status: ['completed', 'timed_out', 'cancelled'], sort: 'updated' } },
  all: { label: 'All', query: { sort: 'created' } },
} satisfies Record<string, { label: string; query: TaskQuery }>
type View = keyof typeof VIEWS

const isView = (text: string | null): text is View => text !== null && Object.hasOwn(VIEWS, text)

export function InboxPage() {
  const [search, setSearch] = useSearchParams()
  const given = search.get('view')
  const view: View = isView(given) ? given : 'open'
  const q = search.get('q') ?? ''
  const now = useNow()
  const [news, setNews] = useState('')
  const live = useLiveTasks(
    (type) => type === 'task.created' && setNews(`A new task arrived at ${new Date().toLocaleTimeString()}.`),
  )

  const tasks = useInfiniteQuery({
    queryKey: ['tasks', view, q],
    queryFn: ({ pageParam }) =>
      api.tasks.list({ ...VIEWS[view].query, q: q || undefined, cursor: pageParam || undefined, limit: 50 }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: live === 'lost' ? 5_000 : false,
  })
  const rows = tasks.data?.pages.flatMap((page) => page.data) ?? []

  useEffect(() => {
    document.title = view === 'open' && rows.length > 0 ? `(${rows.length}) Inbox · Countersign` : 'Inbox · Countersign'
  }, [rows.length, view])

  const change = (member: 'view' | 'q', value: string) =>
    setSearch(
      (params) => {
        if (value) params.set(member, value)
        else params.delete(member)
        return params
      },
      { replace: member === 'q' },
    )

  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-2xl font-semibold tracking-tight">Inbox</h1>
        <p className="flex items-center gap-2 text-sm text-muted">
          <span aria-hidden="true" className={live === 'live' ? 'text-accent' : 'text-warn'}>
            {live === 'live' ? '●' : '○'}
          </span>
          {{ live: 'Live', connecting: 'Connecting…', lost: 'Not live, refreshing every few seconds' }[live]}
        </p>
      </div>
      <p aria-live="polite" className="sr-only">
        {news}
      </p>
      <div className="flex flex-wrap items-center gap-3">
        <nav aria-label="Views" className="flex gap-1 rounded-xl bg-sunken p-1">
          {(Object.keys(VIEWS) as View[]).map((name) => (
            <Link
              key={name}
              href={paths.inbox(name)}
              aria-current={name === view ? 'page' : undefined}
              className="rounded-lg px-3 py-1.5 text-muted hover:text-text aria-[current]:bg-raised aria-[current]:font-medium aria-[current]:text-text aria-[current]:shadow-sm"
            >
              {VIEWS[name].label}
            </Link>
          ))}
        </nav>
        <input
          type="search"
          aria-label="Search tasks"
          placeholder="Search…"
          value={q}
          onChange={(event) => change('q', event.target.value)}
          className="min-h-10 w-full rounded-lg border border-line-strong bg-raised px-3 sm:w-56"
        />
      </div>
      {tasks.error && <Banner tone="error">{speak(tasks.error).text}</Banner>}
      {tasks.isPending && <p className="text-muted">Loading…</p>}
      {tasks.data &&
        rows.length === 0 &&
        (view === 'open' && !q ? <NothingWaits /> : <p className="card p-6 text-muted">No task matches.</p>)}
      {rows.length > 0 && <Rows rows={rows} now={now} />}
      {tasks.hasNextPage && (
        <div>
          <Button busy={tasks.isFetchingNextPage} onClick={() => tasks.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </div>
  )
}

function Rows({ rows, now }: { rows: TaskListItem[]; now: number }) {
  const [, go] = useLocation()
  const list = useRef<HTMLUListElement>(null)
  const links = () => [...(list.current?.querySelectorAll('a') ?? [])]
  const step = (by: number) => {
    const all = links()
    const at = all.indexOf(document.activeElement as HTMLAnchorElement)
    all[Math.max(0, Math.min(all.length - 1, at + by))]?.focus()
  }
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    o: () => (document.activeElement instanceof HTMLAnchorElement ? go(document.activeElement.pathname) : undefined),
  })
  return (
    <ul ref={list} className="card divide-y divide-line overflow-hidden">
      {rows.map((task) => (
        <li key={task.id}>
          <Link
            href={paths.task(task.id)}
            className="flex flex-col gap-1 px-4 py-3 hover:bg-sunken focus-visible:-outline-offset-2 sm:flex-row sm:items-center sm:gap-4"
          >
            <span className="min-w-0 grow">
              <span className="line-clamp-2 font-medium">
                <AgentText text={task.task.slice(0, 150)} />
              </span>
              <span className="block text-sm text-muted">
                {String(task.agent_name ?? 'a person')} · asked {relative(task.created_at, now)}
                {task.assigned_to_display_name ? ` · held by ${task.assigned_to_display_name}` : ''}
              </span>
            </span>
            <span className="flex shrink-0 flex-wrap items-center gap-2 text-sm">
              {task.risk === 'high' && <Tag word="High risk" strong />}
              {(task.priority === 'urgent' || task.priority === 'high') && (
                <Tag word={task.priority === 'urgent' ? 'Urgent' : 'High priority'} />
              )}
              {task.status === 'open' ? <Deadline task={task} now={now} /> : <StatusBadge task={task} />}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  )
}

const Tag = ({ word, strong = false }: { word: string; strong?: boolean }) => (
  <span className={`rounded-full px-2.5 py-0.5 ${strong ? 'bg-danger-soft text-danger' : 'bg-warn-soft text-warn'}`}>{word}</span>
)

/** What is left of the time, as a ring that fills and as words. */
function Deadline({ task, now }: { task: TaskListItem; now: number }) {
  const start = Date.parse(task.created_at)
  const end = Date.parse(task.deadline_at)
  const gone = Math.max(0, Math.min(1, (now - start) / Math.max(1, end - start)))
  return (
    <span className="flex items-center gap-2" title={`Until ${exact(task.deadline_at)}`}>
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
      <span className="text-muted">{end > now ? `due ${relative(task.deadline_at, now)}` : 'due now'}</span>
    </span>
  )
}

function NothingWaits() {
  const agents = useQuery({ queryKey: ['agents'], queryFn: () => api.agents.list() })
  return (
    <section className="card flex flex-col gap-4 p-6" aria-labelledby="nothing">
      <h2 id="nothing" className="text-lg font-semibold">
        Nothing waits for you
      </h2>
      <p className="text-muted">
        A question appears here the moment an agent asks it. Save this as <code className="font-mono">ask.mjs</code>, give it{' '}
        {agents.data?.data.length === 0 ? (
          <>
            the key of an agent (make one under{' '}
            <Link href={paths.agents()} className="text-accent underline">
              Agents
            </Link>
            )
          </>
        ) : (
          <>an agent’s key</>
        )}{' '}
        and run it.
      </p>
      <Copyable label="sample" text={sample(location.origin)} block />
    </section>
  )
}
