// Every job (Q141): found by a search whose words stand in the address, changed many at once. A row leads to its job.
import type { JobRow } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { Empty, figure, JobsFrame, LIVE, STATES, StateBadge, Table, useAct, When } from './frame.tsx'
import { readSearch } from './search.ts'

export function JobsPage() {
  useTitle(t('Jobs'))
  const me = useUser()
  const now = useNow()
  const [params, setParams] = useSearchParams()
  const line = params.get('search') ?? ''
  const [typed, setTyped] = useState(line)
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [told, setTold] = useState('')
  const search = readSearch(line)
  const { rows, query } = useList<JobRow>(
    ['queue', 'jobs', line],
    (cursor) => api.call('GET /jobs', { query: { ...search, limit: 50, cursor } }),
    LIVE,
  )
  const go = (next: string) => {
    setTyped(next)
    setChosen(new Set())
    setParams(next ? { search: next } : {})
  }
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    go(typed.trim())
  }
  const ids = rows.filter((job) => chosen.has(job.id)).map((job) => job.id)
  const bulk = useAct(
    (act: 'retry' | 'cancel') =>
      api.call(act === 'retry' ? 'POST /jobs/bulk-retry' : 'POST /jobs/bulk-cancel', { body: { ids } }),
    (answer) => {
      const left = answer.data.filter((one) => !one.changed)
      setTold(
        left.length > 0
          ? t('{changed} changed, {left} left as they are.', { changed: figure(answer.changed), left: figure(left.length) })
          : t('{changed} changed.', { changed: figure(answer.changed) }),
      )
      setChosen(new Set())
    },
  )
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen)
    if (on) next.add(id)
    else next.delete(id)
    setChosen(next)
  }
  const none = ids.length === 0 ? t('Choose jobs first.') : undefined

  return (
    <JobsFrame title={t('Jobs')}>
      <form onSubmit={onSubmit} className="flex flex-wrap items-end gap-3">
        <div className="min-w-64 grow">
          <TextField
            label={t('Search')}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            placeholder={t('kind:mail.send queue:mail state:failed tag:vip key:…')}
          />
        </div>
        <Button type="submit" tone="primary">
          {t('Search')}
        </Button>
      </form>
      <ul className="flex flex-wrap gap-1" aria-label={t('States')}>
        {STATES.map((state) => (
          <li key={state}>
            <Button
              small
              tone="quiet"
              aria-pressed={search.state === state}
              className="aria-pressed:bg-accent-soft aria-pressed:text-text"
              onClick={() => go(withState(line, search.state === state ? '' : state))}
            >
              {wireWord(state)}
            </Button>
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap items-center gap-3">
        <Button
          small
          reason={closedTo(me, 'job.retry', t('retry jobs')) ?? none}
          busy={bulk.isPending}
          onClick={() => bulk.mutate('retry')}
        >
          {ids.length > 0 ? t('Retry {count} chosen', { count: ids.length }) : t('Retry chosen')}
        </Button>
        <Button
          small
          tone="danger"
          reason={closedTo(me, 'job.cancel', t('cancel jobs')) ?? none}
          busy={bulk.isPending}
          onClick={() => bulk.mutate('cancel')}
        >
          {ids.length > 0 ? t('Cancel {count} chosen', { count: ids.length }) : t('Cancel chosen')}
        </Button>
        <p role="status" className="text-sm text-muted">
          {told}
        </p>
      </div>
      <Refusal error={query.error ?? bulk.error} />
      {query.data && rows.length === 0 && (
        <Empty>{t('No job matches. Jobs that were done are kept for a while; what failed stays with the dead letters.')}</Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Jobs')}
          rows={rows}
          id={(job) => job.id}
          columns={[
            {
              name: t('Job'),
              cell: (job) => (
                <span className="flex items-start gap-3">
                  <input
                    type="checkbox"
                    className="mt-1 size-4"
                    aria-label={t('Choose {id}', { id: job.id })}
                    checked={chosen.has(job.id)}
                    onChange={(event) => choose(job.id, event.target.checked)}
                  />
                  <span className="flex flex-col items-start">
                    <Link href={paths.job(job.id)}>{job.kind}</Link>
                    <span className="font-mono text-xs font-normal text-muted">{job.id}</span>
                  </span>
                </span>
              ),
            },
            { name: t('State'), cell: (job) => <StateBadge job={job} /> },
            { name: t('Queue'), cell: (job) => <span data-content="">{job.queue}</span> },
            {
              name: t('Attempt'),
              right: true,
              cell: (job) => t('{attempt} of {maxAttempts}', { attempt: job.attempt, maxAttempts: job.max_attempts }),
            },
            { name: t('Enqueued'), right: true, cell: (job) => <When at={job.enqueued_at} now={now} /> },
            { name: t('Due or ended'), right: true, cell: (job) => <When at={job.finished_at ?? job.run_at} now={now} /> },
          ]}
        />
      )}
      {rows.length === 0 && query.hasNextPage && (
        <Banner tone="info">{t('Looked through some thousand jobs; there are more.')}</Banner>
      )}
      <More query={query} />
    </JobsFrame>
  )
}

const withState = (line: string, state: string): string =>
  [...line.split(/\s+/).filter((word) => word && !word.startsWith('state:')), ...(state ? [`state:${state}`] : [])].join(' ')
