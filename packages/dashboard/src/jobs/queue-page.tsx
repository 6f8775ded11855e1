// One queue (Q141): how it stands, its limits, and the keys that hold up its jobs. Limits are shown here; they are set by the API.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import {
  Empty,
  Figure,
  figure,
  JobsFrame,
  LIVE,
  PauseButton,
  Paused,
  span,
  Table,
  useAct,
  When,
  waiting,
  words,
} from './frame.tsx'
import { usePauseQueue } from './pause-queue.ts'

type Queue = RouteAnswer<'GET /queues/:name'>
type Key = RouteAnswer<'GET /queues/:name/keys'>['data'][number]

export function QueuePage({ name }: { name: string }) {
  useTitle(name)
  const query = useQuery({
    queryKey: ['queue', 'queues', name],
    queryFn: () => api.call('GET /queues/:name', { params: { name } }),
    ...LIVE,
  })
  const queue = query.data
  if (!queue)
    return (
      <JobsFrame title={name}>
        {query.isPending ? <p className="text-muted">{t('Loading…')}</p> : <Refusal error={query.error} />}
      </JobsFrame>
    )
  return (
    <JobsFrame title={name} aside={<Paused at={queue.paused_at} />}>
      <Acts queue={queue} />
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          name={t('Waiting')}
          value={`${queue.estimated ? '≈ ' : ''}${figure(waiting(queue.depth))}`}
          hint={t('{ready} of them ready', { ready: figure(queue.depth.ready ?? 0) })}
        />
        <Figure
          name={t('Running')}
          value={figure(queue.depth.running ?? 0)}
          hint={t('{workers} workers serve it', { workers: figure(queue.workers) })}
        />
        <Figure
          name={t('Oldest ready')}
          value={span(queue.oldest_ready_ms)}
          hint={t('{blocked} blocked by a key or limit', { blocked: figure(queue.depth.blocked ?? 0) })}
        />
        <Figure
          name={t('Failed')}
          value={<Link href={paths.jobs(`queue:${name} state:failed`)}>{figure(queue.depth.failed ?? 0)}</Link>}
          hint={<Link href={paths.jobs(`queue:${name}`)}>{t('All of its jobs')}</Link>}
        />
      </dl>
      <Limits queue={queue} />
      <Keys name={name} />
    </JobsFrame>
  )
}

function Acts({ queue: { name, paused_at } }: { queue: Queue }) {
  const me = useUser()
  const [told, setTold] = useState('')
  const pause = usePauseQueue()
  const drain = useAct(
    () => api.call('POST /queues/:name/drain', { params: { name } }),
    ({ cancelled }) =>
      setTold(t('{count} cancelled.', { count: figure(Object.values(cancelled).reduce((sum, n) => sum + n, 0)) })),
  )
  const paused = paused_at !== null
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <PauseButton
          name={name}
          paused={paused}
          reason={closedTo(me, 'queue.pause', paused ? t('resume queues') : t('pause queues'))}
          act={{ busy: pause.isPending, go: () => pause.mutate({ name, paused }) }}
        />
        <Confirm
          name={t('Drain')}
          title={t('Drain {name}', { name })}
          confirm={t('Cancel what waits')}
          reason={closedTo(me, 'queue.drain', t('drain queues'))}
          busy={drain.isPending}
          onConfirm={() => drain.mutate(undefined)}
        >
          {t('Every job of yours that waits in this queue is cancelled. What runs goes on.')}
        </Confirm>
        <p role="status" className="text-sm text-muted">
          {told}
        </p>
      </div>
      <Refusal error={pause.error ?? drain.error} />
    </div>
  )
}

type Rate = NonNullable<Queue['rate']>
const rate = ({ limit, per_seconds, burst }: Rate): string =>
  burst === undefined
    ? t('{limit} in {span}', { limit: figure(limit), span: span(per_seconds * 1000) })
    : t('{limit} in {span}, bursts of {burst}', {
        limit: figure(limit),
        span: span(per_seconds * 1000),
        burst: figure(burst),
      })

/** A rule for every key, or one by the beginning of the key. */
function rules<T>(
  rule: T | { [prefix: string]: T } | null,
  isOne: (rule: unknown) => rule is T,
  say: (one: T) => string,
): string | null {
  if (rule === null) return null
  if (isOne(rule)) return say(rule)
  return Object.entries(rule as { [prefix: string]: T })
    .map(([prefix, one]) => `${visible(prefix)}…: ${say(one)}`)
    .join(' · ')
}
const isNumber = (rule: unknown): rule is number => typeof rule === 'number'
const isRate = (rule: unknown): rule is Rate => typeof (rule as Rate).limit === 'number'

function Limits({ queue }: { queue: Queue }) {
  const { weights } = queue
  const limits: [string, string | null, string?][] = [
    [t('At once'), queue.max_running === null ? null : figure(queue.max_running)],
    [t('At once per key'), rules(queue.max_running_per_key, isNumber, figure)],
    [t('Rate'), queue.rate && rate(queue.rate)],
    [t('Rate per key'), rules(queue.rate_per_key, isRate, rate)],
    [
      t('Most that wait'),
      queue.max_depth === null
        ? null
        : queue.on_full === 'reject'
          ? t('{count}, then refused', { count: figure(queue.max_depth) })
          : t('{count}, then told so', { count: figure(queue.max_depth) }),
    ],
    [t('Fair by'), queue.fair_by && words(queue.fair_by), t('nothing: in order')],
    [
      t('Weights'),
      weights &&
        Object.entries(weights)
          .map(([group, n]) => `${visible(group)} ${figure(n)}`)
          .join(' · '),
      t('none'),
    ],
    [
      t('One priority higher'),
      queue.aging_seconds === 0 ? t('never') : t('after {span}', { span: span(queue.aging_seconds * 1000) }),
    ],
    [
      t('Kinds nobody declared'),
      queue.undeclared === null ? null : queue.undeclared ? t('taken') : t('refused'),
      t('from SQL and code alone'),
    ],
  ]
  return (
    <Card title={t('Limits')}>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
        {limits.map(([name, value, otherwise = t('no limit')]) => (
          <div key={name} className="min-w-0">
            <dt className="text-sm text-muted">{name}</dt>
            <dd className="wrap-anywhere">{value ?? <span className="text-muted">{otherwise}</span>}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

const BY: Record<Key['by'], string> = {
  ordering_key: t('order'),
  concurrency_key: t('at once'),
  rate_key: t('rate'),
  kind: t('kind'),
}

function Keys({ name }: { name: string }) {
  const me = useUser()
  const now = useNow()
  const { rows, query } = useList<Key>(
    ['queue', 'queues', name, 'keys'],
    (cursor) => api.call('GET /queues/:name/keys', { params: { name }, query: { limit: 50, cursor } }),
    LIVE,
  )
  const free = useAct(({ how, ref }: { how: 'skip' | 'retry'; ref: string }) =>
    api.call(how === 'skip' ? 'POST /queues/:name/keys/:key/skip' : 'POST /queues/:name/keys/:key/retry', {
      params: { name, key: ref },
    }),
  )
  const closed = (key: Key) =>
    closedTo(me, 'queue.resume', t('free keys')) ??
    (key.by === 'ordering_key' ? undefined : t('Only jobs in order wait for one job; here a limit says when.'))
  return (
    <>
      <h2 className="text-base font-semibold">{t('Keys that hold up jobs')}</h2>
      <Refusal error={query.error ?? free.error} />
      {query.data && rows.length === 0 && <Empty>{t('No key holds up a job.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Keys that hold up jobs')}
          rows={rows}
          id={(key) => `${key.by} ${key.ref}`}
          columns={[
            { name: t('Key'), cell: (key) => <AgentText text={key.key} /> },
            { name: t('Held by'), cell: (key) => BY[key.by] },
            { name: t('Waiting'), right: true, cell: (key) => figure(key.waiting) },
            { name: t('Running'), right: true, cell: (key) => figure(key.running) },
            {
              name: t('First job'),
              cell: ({ head }) =>
                head && (
                  <Link href={paths.job(head.id)}>
                    {head.kind} · {words(head.state)}
                  </Link>
                ),
            },
            { name: t('Until'), right: true, cell: (key) => <When at={key.until ?? key.head?.run_at} now={now} /> },
            {
              name: t('Acts'),
              right: true,
              cell: (key) => (
                <span className="flex justify-end gap-2">
                  <Button
                    small
                    reason={closed(key)}
                    busy={free.isPending}
                    aria-label={t('Run the first job of {key} now', { key: visible(key.key) })}
                    onClick={() => free.mutate({ how: 'retry', ref: key.ref })}
                  >
                    {t('Retry')}
                  </Button>
                  <Confirm
                    name={t('Skip')}
                    title={t('Skip the first job of {key}', { key: visible(key.key) })}
                    confirm={t('Make it a dead letter')}
                    reason={closed(key)}
                    busy={free.isPending}
                    onConfirm={() => free.mutate({ how: 'skip', ref: key.ref })}
                  >
                    {t('The job that the others wait for becomes a dead letter, and the next one goes.')}
                  </Confirm>
                </span>
              ),
            },
          ]}
        />
      )}
      <More query={query} />
    </>
  )
}
