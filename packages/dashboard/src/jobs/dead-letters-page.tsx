// Dead letters (Q141): what failed for good, grouped by kind and reason, run again or deleted one by one or a group at a time. The group shown is the address's.
import type { JobRow, RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
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
  useTitle('Dead letters')
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
    retry: closedTo(me, 'dead_letter.retry', 'run dead letters again'),
    purge: closedTo(me, 'dead_letter.purge', 'delete dead letters'),
  }
  const groups = depth.data?.groups ?? []
  const isShown = (group: Group) => group.kind === kind && group.queue === queue && group.reason === reason
  const show = ({ kind, queue, reason }: Group) => setParams({ kind, queue, reason })

  return (
    <JobsFrame title="Dead letters">
      <Refusal error={depth.error ?? query.error ?? act.error} />
      <p role="status" className={told ? '-mt-3 text-sm text-muted' : 'sr-only'}>
        {told}
      </p>
      {depth.data?.total === 0 && <Empty>No dead letter. What fails for good comes here and stays until somebody decides.</Empty>}
      {groups.length > 0 && (
        <Table
          label="Dead letters by kind and reason"
          rows={groups}
          id={(group) => `${group.kind} ${group.queue} ${group.reason}`}
          columns={[
            {
              name: 'Kind and reason',
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
            { name: 'Queue', cell: (group) => group.queue },
            { name: 'Letters', right: true, cell: (group) => figure(group.n) },
            { name: 'Oldest', right: true, cell: (group) => <When at={group.oldest_at} now={now} /> },
            { name: 'Newest', right: true, cell: (group) => <When at={group.newest_at} now={now} /> },
            {
              name: 'Acts',
              right: true,
              cell: ({ kind, queue, reason, n }) => {
                const named = `all ${kind} with ${words(reason)} in ${queue}`
                const filter = { kind, queue, reason }
                return (
                  <span className="flex justify-end gap-2">
                    <Confirm
                      name="Retry all"
                      title={`Retry ${named}`}
                      confirm={`Run ${figure(n)} again`}
                      reason={closed.retry}
                      busy={act.isPending}
                      onConfirm={() => act.mutate({ how: 'retry', filter })}
                    >
                      Each begins anew, with all of its attempts.
                    </Confirm>
                    <Confirm
                      name="Delete all"
                      title={`Delete ${named}`}
                      confirm={`Delete ${figure(n)}`}
                      reason={closed.purge}
                      busy={act.isPending}
                      onConfirm={() => act.mutate({ how: 'purge', filter })}
                    >
                      They are gone with their payloads and errors. This cannot be undone.
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
          Shown: {kind}, {words(reason ?? '')}, in {queue}
          <Button small tone="quiet" onClick={() => setParams({})}>
            Show all
          </Button>
        </div>
      )}
      {query.data && rows.length === 0 && kind && <Empty>Nothing of this group is left.</Empty>}
      {rows.length > 0 && (
        <Table
          label="Dead letters"
          rows={rows}
          id={(job) => job.id}
          columns={[
            {
              name: 'Job',
              cell: (job) => (
                <span className="flex flex-col items-start">
                  <Link href={paths.job(job.id)}>{job.kind}</Link>
                  <span className="font-mono text-xs font-normal text-muted">{job.id}</span>
                </span>
              ),
            },
            {
              name: 'Failed of',
              cell: ({ state_reason, last_error }) => (
                <span className="flex flex-col">
                  {words(state_reason ?? 'error')}
                  <span className="line-clamp-2 text-muted">
                    <AgentText text={last_error?.error ?? ''} />
                  </span>
                </span>
              ),
            },
            { name: 'Attempt', right: true, cell: (job) => `${job.attempt} of ${job.max_attempts}` },
            { name: 'Failed', right: true, cell: (job) => <When at={job.finished_at} now={now} /> },
            {
              name: 'Acts',
              right: true,
              cell: ({ id }) => (
                <span className="flex justify-end gap-2">
                  <Button
                    small
                    reason={closed.retry}
                    busy={act.isPending}
                    aria-label={`Retry ${id}`}
                    onClick={() => act.mutate({ how: 'retry', filter: { ids: [id] } })}
                  >
                    Retry
                  </Button>
                  <Confirm
                    name="Delete"
                    title={`Delete ${id}`}
                    confirm="Delete the letter"
                    reason={closed.purge}
                    busy={act.isPending}
                    onConfirm={() => act.mutate({ how: 'purge', filter: { ids: [id] } })}
                  >
                    It is gone with its payload and its errors. This cannot be undone.
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
  return `${figure(retried)} run again${stayed > 0 ? `, ${figure(stayed)} stayed: another job has the same unique key` : ''}.`
}

async function purgeAll(filter: Filter): Promise<string> {
  let purged = 0
  let more = true
  while (more) {
    const done = await api.call('POST /dead-letters/bulk-purge', { body: { filter } })
    purged += done.purged
    more = done.more
  }
  return `${figure(purged)} deleted.`
}
