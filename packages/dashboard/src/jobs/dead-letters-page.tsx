// Dead letters (Q141): what failed for good, grouped by kind and reason, run again or deleted one by one or a group at a time. The group shown is the address's.
import type { JobRow, RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Empty, figure, JobsFrame, LIVE, Table, useAct, When, words } from './frame.tsx'

type Group = RouteAnswer<'GET /dead-letters/depth'>['groups'][number]
type Filter = { kind: string; queue: string; reason: string } | { ids: string[] }
type Act = { how: 'retry' | 'purge'; filter: Filter }

export function DeadLettersPage() {
  useTitle(t('Dead letters'))
  const me = useUser()
  const now = useNow()
  const [params, setParams] = useSearchParams()
  const [told, setTold] = useState('')
  const kind = params.get('kind') ?? undefined
  const queue = params.get('queue') ?? undefined
  const reason = params.get('reason') ?? undefined
  const depth = useQuery({ queryKey: ['queue', 'dead', 'depth'], queryFn: () => api.call('GET /dead-letters/depth'), ...LIVE })
  const { rows, query } = useList<JobRow>(
    ['queue', 'dead', kind, queue, reason],
    (cursor) => api.call('GET /dead-letters', { query: { kind, queue, reason, limit: 50, cursor } }),
    LIVE,
  )
  const act = useAct(({ how, filter }: Act) => (how === 'retry' ? retryAll(filter) : purgeAll(filter)), setTold)
  const closed = {
    retry: closedTo(me, 'dead_letter.retry', t('run dead letters again')),
    purge: closedTo(me, 'dead_letter.purge', t('delete dead letters')),
  }
  const groups = depth.data?.groups ?? []
  const isShown = (group: Group) => group.kind === kind && group.queue === queue && group.reason === reason
  const show = ({ kind, queue, reason }: Group) => setParams({ kind, queue, reason })

  return (
    <JobsFrame title={t('Dead letters')}>
      <Refusal error={depth.error ?? query.error ?? act.error} />
      <p role="status" className={told ? '-mt-3 text-sm text-muted' : 'sr-only'}>
        {told}
      </p>
      {depth.data?.total === 0 && (
        <Empty>{t('No dead letter. What fails for good comes here and stays until somebody decides.')}</Empty>
      )}
      {groups.length > 0 && (
        <Table
          label={t('Dead letters by kind and reason')}
          rows={groups}
          id={(group) => `${group.kind} ${group.queue} ${group.reason}`}
          columns={[
            {
              name: t('Kind and reason'),
              cell: (group) => (
                <button
                  type="button"
                  className="flex cursor-pointer flex-col text-left"
                  aria-pressed={isShown(group)}
                  onClick={() => (isShown(group) ? setParams({}) : show(group))}
                >
                  <span
                    className={isShown(group) ? 'underline decoration-2' : 'underline decoration-line-strong underline-offset-4'}
                  >
                    {group.kind}
                  </span>
                  <span className="font-normal text-muted">{words(group.reason)}</span>
                </button>
              ),
            },
            { name: t('Queue'), cell: (group) => <span data-content="">{group.queue}</span> },
            { name: t('Letters'), right: true, cell: (group) => figure(group.n) },
            { name: t('Oldest'), right: true, cell: (group) => <When at={group.oldest_at} now={now} /> },
            { name: t('Newest'), right: true, cell: (group) => <When at={group.newest_at} now={now} /> },
            {
              name: t('Acts'),
              right: true,
              cell: ({ kind, queue, reason, n }) => {
                const named = t('all {kind} with {reason} in {queue}', { kind, reason: words(reason), queue })
                const filter = { kind, queue, reason }
                return (
                  <span className="flex justify-end gap-2">
                    <Confirm
                      name={t('Retry all')}
                      title={t('Retry {named}', { named })}
                      confirm={t('Run {n} again', { n: figure(n) })}
                      reason={closed.retry}
                      busy={act.isPending}
                      onConfirm={() => act.mutate({ how: 'retry', filter })}
                    >
                      {t('Each begins anew, with all of its attempts.')}
                    </Confirm>
                    <Confirm
                      name={t('Delete all')}
                      title={t('Delete {named}', { named })}
                      confirm={t('Delete {n}', { n: figure(n) })}
                      reason={closed.purge}
                      busy={act.isPending}
                      onConfirm={() => act.mutate({ how: 'purge', filter })}
                    >
                      {t('They are gone with their payloads and errors. This cannot be undone.')}
                    </Confirm>
                  </span>
                )
              },
            },
          ]}
        />
      )}
      {kind && (
        <div className="flex flex-wrap items-center gap-3 text-sm">
          {t('Shown: {kind}, {reason}, in {queue}', { kind, reason: words(reason ?? ''), queue })}
          <Button small tone="quiet" onClick={() => setParams({})}>
            {t('Show all')}
          </Button>
        </div>
      )}
      {query.data && rows.length === 0 && kind && <Empty>{t('Nothing of this group is left.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Dead letters')}
          rows={rows}
          id={(job) => job.id}
          columns={[
            {
              name: t('Job'),
              cell: (job) => (
                <span className="flex flex-col items-start">
                  <Link href={paths.job(job.id)}>{job.kind}</Link>
                  <span className="font-mono text-xs font-normal text-muted">{job.id}</span>
                </span>
              ),
            },
            {
              name: t('Failed of'),
              cell: ({ state_reason, last_error }) => (
                <span className="flex flex-col">
                  {words(state_reason ?? 'error')}
                  <span className="line-clamp-2 text-muted">
                    <AgentText text={last_error?.error ?? ''} />
                  </span>
                </span>
              ),
            },
            {
              name: t('Attempt'),
              right: true,
              cell: (job) => t('{attempt} of {maxAttempts}', { attempt: job.attempt, maxAttempts: job.max_attempts }),
            },
            { name: t('Failed'), right: true, cell: (job) => <When at={job.finished_at} now={now} /> },
            {
              name: t('Acts'),
              right: true,
              cell: ({ id }) => (
                <span className="flex justify-end gap-2">
                  <Button
                    small
                    reason={closed.retry}
                    busy={act.isPending}
                    aria-label={t('Retry {id}', { id })}
                    onClick={() => act.mutate({ how: 'retry', filter: { ids: [id] } })}
                  >
                    {t('Retry')}
                  </Button>
                  <Confirm
                    name={t('Delete')}
                    title={t('Delete {id}', { id })}
                    confirm={t('Delete the letter')}
                    reason={closed.purge}
                    busy={act.isPending}
                    onConfirm={() => act.mutate({ how: 'purge', filter: { ids: [id] } })}
                  >
                    {t('It is gone with its payload and its errors. This cannot be undone.')}
                  </Confirm>
                </span>
              ),
            },
          ]}
        />
      )}
      <More query={query} />
    </JobsFrame>
  )
}

/** A call does a part of many; this goes on to the end. */
async function retryAll(filter: Filter): Promise<string> {
  let retried = 0
  let stayed = 0
  let after: string | undefined
  do {
    const done = await api.call('POST /dead-letters/bulk-retry', { body: { filter: { ...filter, after } } })
    retried += done.retried
    stayed += done.conflicts.length
    after = done.next ?? undefined
  } while (after !== undefined)
  return stayed > 0
    ? t('{retried} run again, {stayed} stayed: another job has the same unique key.', {
        retried: figure(retried),
        stayed: figure(stayed),
      })
    : t('{retried} run again.', { retried: figure(retried) })
}

async function purgeAll(filter: Filter): Promise<string> {
  let purged = 0
  let more = true
  while (more) {
    const done = await api.call('POST /dead-letters/bulk-purge', { body: { filter } })
    purged += done.purged
    more = done.more
  }
  return t('{purged} deleted.', { purged: figure(purged) })
}
