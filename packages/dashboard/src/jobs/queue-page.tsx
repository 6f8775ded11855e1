// One queue (Q141): how it stands, its limits, and the keys that hold up its jobs. Limits are shown here; they are set by the API.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
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
        {query.isPending ? <p className="text-muted">Loading…</p> : <Refusal error={query.error} />}
      </JobsFrame>
    )
  return (
    <JobsFrame title={name} aside={<Paused at={queue.paused_at} />}>
      <Acts queue={queue} />
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          name="Waiting"
          value={`${queue.estimated ? '≈ ' : ''}${figure(waiting(queue.depth))}`}
          hint={`${figure(queue.depth.ready ?? 0)} of them ready`}
        />
        <Figure name="Running" value={figure(queue.depth.running ?? 0)} hint={`${figure(queue.workers)} workers serve it`} />
        <Figure
          name="Oldest ready"
          value={span(queue.oldest_ready_ms)}
          hint={`${figure(queue.depth.blocked ?? 0)} blocked by a key or limit`}
        />
        <Figure
          name="Failed"
          value={<Link href={paths.jobs(`queue:${name} state:failed`)}>{figure(queue.depth.failed ?? 0)}</Link>}
          hint={<Link href={paths.jobs(`queue:${name}`)}>All of its jobs</Link>}
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
    ({ cancelled }) => setTold(`${figure(Object.values(cancelled).reduce((sum, n) => sum + n, 0))} cancelled.`),
  )
  const paused = paused_at !== null
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <PauseButton
          name={name}
          paused={paused}
          reason={closedTo(me, 'queue.pause', paused ? 'resume queues' : 'pause queues')}
          act={{ busy: pause.isPending, go: () => pause.mutate({ name, paused }) }}
        />
        <Confirm
          name="Drain"
          title={`Drain ${name}`}
          confirm="Cancel what waits"
          reason={closedTo(me, 'queue.drain', 'drain queues')}
          busy={drain.isPending}
          onConfirm={() => drain.mutate(undefined)}
        >
          Every job of yours that waits in this queue is cancelled. What runs goes on.
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
  `${figure(limit)} in ${span(per_seconds * 1000)}${burst === undefined ? '' : `, bursts of ${figure(burst)}`}`

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
    ['At once', queue.max_running === null ? null : figure(queue.max_running)],
    ['At once per key', rules(queue.max_running_per_key, isNumber, figure)],
    ['Rate', queue.rate && rate(queue.rate)],
    ['Rate per key', rules(queue.rate_per_key, isRate, rate)],
    [
      'Most that wait',
      queue.max_depth === null ? null : `${figure(queue.max_depth)}, then ${queue.on_full === 'reject' ? 'refused' : 'told so'}`,
    ],
    ['Fair by', queue.fair_by && words(queue.fair_by), 'nothing: in order'],
    [
      'Weights',
      weights &&
        Object.entries(weights)
          .map(([group, n]) => `${visible(group)} ${figure(n)}`)
          .join(' · '),
      'none',
    ],
    ['One priority higher', queue.aging_seconds === 0 ? 'never' : `after ${span(queue.aging_seconds * 1000)}`],
    [
      'Kinds nobody declared',
      queue.undeclared === null ? null : queue.undeclared ? 'taken' : 'refused',
      'from SQL and code alone',
    ],
  ]
  return (
    <Card title="Limits">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
        {limits.map(([name, value, otherwise = 'no limit']) => (
          <div key={name} className="min-w-0">
            <dt className="text-sm text-muted">{name}</dt>
            <dd className="wrap-anywhere">{value ?? <span className="text-muted">{otherwise}</span>}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

const BY: Record<Key['by'], string> = { ordering_key: 'order', concurrency_key: 'at once', rate_key: 'rate', kind: 'kind' }

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
    closedTo(me, 'queue.resume', 'free keys') ??
    (key.by === 'ordering_key' ? undefined : 'Only jobs in order wait for one job; here a limit says when.')
  return (
    <>
      <h2 className="text-base font-semibold">Keys that hold up jobs</h2>
      <Refusal error={query.error ?? free.error} />
      {query.data && rows.length === 0 && <Empty>No key holds up a job.</Empty>}
      {rows.length > 0 && (
        <Table
          label="Keys that hold up jobs"
          rows={rows}
          id={(key) => `${key.by} ${key.ref}`}
          columns={[
            { name: 'Key', cell: (key) => <AgentText text={key.key} /> },
            { name: 'Held by', cell: (key) => BY[key.by] },
            { name: 'Waiting', right: true, cell: (key) => figure(key.waiting) },
            { name: 'Running', right: true, cell: (key) => figure(key.running) },
            {
              name: 'First job',
              cell: ({ head }) =>
                head && (
                  <Link href={paths.job(head.id)}>
                    {head.kind} · {head.state}
                  </Link>
                ),
            },
            { name: 'Until', right: true, cell: (key) => <When at={key.until ?? key.head?.run_at} now={now} /> },
            {
              name: 'Acts',
              right: true,
              cell: (key) => (
                <span className="flex justify-end gap-2">
                  <Button
                    small
                    reason={closed(key)}
                    busy={free.isPending}
                    aria-label={`Run the first job of ${visible(key.key)} now`}
                    onClick={() => free.mutate({ how: 'retry', ref: key.ref })}
                  >
                    Retry
                  </Button>
                  <Confirm
                    name="Skip"
                    title={`Skip the first job of ${visible(key.key)}`}
                    confirm="Make it a dead letter"
                    reason={closed(key)}
                    busy={free.isPending}
                    onConfirm={() => free.mutate({ how: 'skip', ref: key.ref })}
                  >
                    The job that the others wait for becomes a dead letter, and the next one goes.
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
