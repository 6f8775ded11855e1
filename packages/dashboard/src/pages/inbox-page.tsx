// The inbox: which questions wait, most pressing first, live. Which of them one sees is the server's choice; the address holds the view and the search.
import type { TaskQuery } from '@countersign/sdk'
import { useRef } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { useKeys } from '../keys.ts'
import { More, useList } from '../list.tsx'
import { useLive } from '../live.tsx'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { RoutingWarnings } from '../routing/warnings.tsx'
import { sample } from '../sample.ts'
import { type Filters, filtersOf, isFiltered, queryOf } from '../talk/filters.ts'
import { InboxFilters } from '../talk/inbox-filters.tsx'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { PageTitle } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TaskRows } from './inbox-rows.tsx'

const VIEWS = {
  open: { label: 'Open', query: { status: ['open'], sort: 'deadline' } },
  mine: { label: 'Mine', query: { status: ['open'], mine: true, sort: 'deadline' } },
  claimable: { label: 'Claimable', query: { claimable: true, sort: 'deadline' } },
  settled: { label: 'Settled', query: { status: ['completed', 'timed_out', 'cancelled'], sort: 'updated' } },
  all: { label: 'All', query: { sort: 'created' } },
} satisfies Record<string, { label: string; query: TaskQuery }>
type View = keyof typeof VIEWS

const isView = (text: string | null): text is View => text !== null && Object.hasOwn(VIEWS, text)

export function InboxPage() {
  const [search, setSearch] = useSearchParams()
  const given = search.get('view')
  const view: View = isView(given) ? given : 'open'
  const filters = filtersOf(search)
  const q = filters.q ?? ''
  const now = useNow()
  const { state, refetchInterval } = useLive()
  const box = useRef<HTMLInputElement>(null)
  useKeys({ '/': () => box.current?.focus() })

  const { rows, query } = useList(
    ['tasks', view, filters],
    (cursor) => api.tasks.list({ ...VIEWS[view].query, ...queryOf(filters), cursor, limit: 50 }),
    { refetchInterval },
  )
  const waiting = view === 'open' && rows.length > 0 ? `(${rows.length}${query.hasNextPage ? '+' : ''}) ` : ''
  useTitle(`${waiting}Inbox`)

  const put = (name: keyof Filters, text: string) =>
    setSearch(
      (params) => {
        if (text) params.set(name, text)
        else params.delete(name)
        return params
      },
      { replace: true },
    )

  return (
    <div className="flex flex-col gap-5">
      <PageTitle title="Inbox">
        <p className="flex items-center gap-2 text-sm text-muted">
          <span aria-hidden="true" className={state === 'live' ? 'text-accent' : 'text-warn'}>
            {state === 'live' ? '●' : '○'}
          </span>
          <span>{{ live: 'Live', connecting: 'Connecting…', lost: 'Not live, refreshing every few seconds' }[state]}</span>
        </p>
      </PageTitle>
      <RoutingWarnings />
      <div className="flex flex-wrap items-center justify-between gap-3">
        <nav aria-label="Views" className="flex flex-wrap gap-1 rounded-xl bg-sunken p-1">
          {(Object.keys(VIEWS) as View[]).map((name) => (
            <Link
              key={name}
              href={paths.inbox(name)}
              aria-current={name === view ? 'page' : undefined}
              className="rounded-lg px-3 py-1 text-muted hover:text-text aria-[current]:bg-raised aria-[current]:font-medium aria-[current]:text-text aria-[current]:shadow-sm"
            >
              {VIEWS[name].label}
            </Link>
          ))}
        </nav>
        <InboxFilters filters={filters} put={put} search={search.toString()} />
        <input
          ref={box}
          type="search"
          aria-label="Search tasks"
          placeholder="Search  /"
          value={q}
          onChange={(event) => put('q', event.target.value)}
          className="min-h-10 w-full rounded-lg border border-line-strong bg-raised px-3 text-base placeholder:text-muted sm:w-64"
        />
      </div>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">Loading…</p>}
      {query.data &&
        rows.length === 0 &&
        (view === 'open' && !q && !isFiltered(filters) ? (
          <NothingWaits />
        ) : (
          <p className="card p-6 text-muted">No task matches.</p>
        ))}
      {rows.length > 0 && <TaskRows rows={rows} now={now} urgency={view === 'open' || view === 'mine' || view === 'claimable'} />}
      <More query={query} />
    </div>
  )
}

function NothingWaits() {
  const me = useUser()
  return (
    <section className="card flex flex-col gap-4 p-6" aria-labelledby="nothing">
      <h2 id="nothing" className="text-lg font-semibold">
        Nothing waits for you
      </h2>
      {Object.hasOwn(me.may, 'agent.create') ? (
        <>
          <p className="max-w-prose text-muted">
            A question appears here the moment an agent asks it. To see one, save this as{' '}
            <code className="font-mono">ask.mjs</code>, put the key of an{' '}
            <Link href={paths.agents()} className="text-accent underline">
              agent
            </Link>{' '}
            in the environment, and run it.
          </p>
          <Copyable label="sample" text={sample(location.origin)} block />
        </>
      ) : (
        <p className="text-muted">A question appears here the moment an agent asks it.</p>
      )}
    </section>
  )
}
