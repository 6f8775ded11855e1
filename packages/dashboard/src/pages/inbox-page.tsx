// The inbox: which questions wait, most pressing first, live. Which of them one sees is the server's choice; the address holds view, filters, search and preview.
import type { TaskListItem } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { ChosenBar } from '../inbox/chosen.tsx'
import { NothingWaits } from '../inbox/empty.tsx'
import { Preview, useIsWide } from '../inbox/preview.tsx'
import { TaskRows } from '../inbox/rows.tsx'
import { useCounts, ViewTabs } from '../inbox/tabs.tsx'
import { countText, VIEWS, type View, viewOf } from '../inbox/views.ts'
import { useKeys } from '../keyboard/keys.ts'
import { More, useList } from '../list.tsx'
import { useLive } from '../live.tsx'
import { RoutingWarnings } from '../routing/warnings.tsx'
import { type Filters, filtersOf, isFiltered, queryOf } from '../talk/filters.ts'
import { InboxFilters } from '../talk/inbox-filters.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'

const STATES = { live: t('Live'), connecting: t('Connecting…'), lost: t('Not live, refreshing every few seconds') }
const NOBODY: ReadonlySet<string> = new Set()

export function InboxPage() {
  const [search, setSearch] = useSearchParams()
  const view = viewOf(search.get('view'))
  const filters = filtersOf(search)
  const now = useNow()
  const { state, refetchInterval, announce } = useLive()
  const box = useRef<HTMLInputElement>(null)
  const [chosen, setChosen] = useState(NOBODY)
  const counts = useCounts()
  const queries = useQueryClient()

  const { rows, query } = useList(
    ['tasks', view, filters],
    (cursor) => api.tasks.list({ ...VIEWS[view].query, ...queryOf(filters), cursor, limit: 50 }),
    // While one types, the rows stay where they are until others have been found.
    { refetchInterval, keep: (key) => key[1] === view },
  )
  useTitle(counts && counts.all > 0 ? t('({count}) Inbox', { count: countText(counts, 'all') }) : t('Inbox'))

  const put = (name: keyof Filters | 'preview', text: string) =>
    setSearch(
      (params) => {
        if (text) params.set(name, text)
        else params.delete(name)
        return params
      },
      { replace: true },
    )
  const isWide = useIsWide()
  const asked = search.get('preview')
  const preview = isWide ? asked : null
  const togglePreview = () => put('preview', asked ? '' : (standingOn() ?? rows[0]?.id ?? ''))
  const claim = useMutation({
    mutationFn: (task: TaskListItem) => api.tasks.claim(task.id),
    onSuccess: () => announce(t('You hold it now.')),
    onSettled: () => queries.invalidateQueries({ queryKey: ['tasks'] }),
  })
  useKeys({ '/': () => box.current?.focus(), p: () => isWide && togglePreview() })

  const choose = (id: string, on: boolean) =>
    setChosen((before) => new Set(on ? [...before, id] : [...before].filter((one) => one !== id)))
  const kept = new URLSearchParams(search)
  kept.delete('preview')

  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Inbox')}>
        <p className="flex items-center gap-2 text-sm text-muted">
          <span aria-hidden="true" className={state === 'live' ? 'text-accent' : 'text-warn'}>
            {state === 'live' ? '●' : '○'}
          </span>
          <span>{STATES[state]}</span>
        </p>
      </PageTitle>
      <RoutingWarnings />
      <div className="flex flex-wrap items-center justify-between gap-3">
        <ViewTabs view={view} search={search} counts={counts} />
        <InboxFilters filters={filters} put={put} search={kept.toString()} />
        <span className="hidden lg:contents">
          <Button
            small
            aria-pressed={preview !== null}
            aria-keyshortcuts="p"
            title={t('Press p')}
            className="aria-pressed:bg-accent-soft"
            onClick={togglePreview}
          >
            {t('Preview')}
          </Button>
        </span>
        <input
          ref={box}
          type="search"
          aria-label={t('Search tasks')}
          placeholder={t('Search  /')}
          value={filters.q ?? ''}
          onChange={(event) => put('q', event.target.value)}
          className="min-h-10 w-full rounded-lg border border-line-strong bg-raised px-3 text-base placeholder:text-muted sm:w-56"
        />
      </div>
      <ChosenBar tasks={rows.filter(({ id }) => chosen.has(id))} onLeft={(ids) => setChosen(new Set(ids))} />
      <Refusal error={query.error ?? claim.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && <Empty view={view} filters={filters} />}
      <div className={preview ? 'grid grid-cols-[minmax(0,1fr)_minmax(0,26rem)] items-start gap-5' : ''}>
        <div className="flex min-w-0 flex-col gap-5">
          <TaskRows
            rows={rows}
            now={now}
            urgency={view !== 'settled'}
            chosen={chosen}
            onChoose={choose}
            onClaim={(task) => claim.mutate(task)}
            previewed={preview}
            onStand={(id) => preview !== null && preview !== id && put('preview', id)}
          />
          <More query={query} />
        </div>
        {preview && <Preview id={preview} onClose={() => put('preview', '')} />}
      </div>
    </div>
  )
}

/** The task of the row that has the focus. */
const standingOn = (): string | undefined =>
  document.activeElement?.closest('li')?.querySelector<HTMLElement>('a[data-task]')?.dataset.task

function Empty({ view, filters }: { view: View; filters: Filters }) {
  if (filters.q || isFiltered(filters)) return <p className="card p-6 text-muted">{t('No task matches.')}</p>
  if (view === 'all') return <NothingWaits />
  return <p className="card p-6 text-muted">{VIEWS[view].empty}</p>
}
