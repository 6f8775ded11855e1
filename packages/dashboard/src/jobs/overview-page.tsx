// The queue at a glance (Q141): what runs, how fast, what fails, and whether the engine is well. Every figure is read again as it changes.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { paths } from '../paths.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Chart } from './chart.tsx'
import { Figure, figure, JobsFrame, LIVE, span, Table, waiting } from './frame.tsx'
import { RingPicture } from './ring.tsx'

const SPAN_MS = 60 * 60_000
const STEP_S = 60

export function OverviewPage() {
  useTitle('Queue')
  const now = useNow(15_000)
  const stats = useQuery({ queryKey: ['queue', 'stats'], queryFn: () => api.call('GET /stats'), ...LIVE })
  const queues = useQuery({ queryKey: ['queue', 'stats', 'queues'], queryFn: () => api.call('GET /stats/queues'), ...LIVE })
  const ring = useQuery({ queryKey: ['queue', 'ring'], queryFn: () => api.call('GET /ring'), ...LIVE })
  const series = useQuery({
    queryKey: ['queue', 'series'],
    queryFn: () => api.call('GET /stats/timeseries', { query: { from: new Date(now - SPAN_MS).toISOString(), step: STEP_S } }),
    refetchInterval: 5_000,
  })
  // The minute that goes on is not told: it would look as if everything had stopped.
  const points = (series.data?.series[0]?.points ?? []).filter(
    (point) => Date.parse(point.at) + STEP_S * 1000 <= Date.parse(series.data?.to ?? point.at),
  )
  const times = points.map((point) => point.at)
  const depth = stats.data?.depth ?? {}
  const minute = stats.data?.last_minute

  return (
    <JobsFrame title="Queue">
      <Refusal error={stats.error ?? series.error} />
      {ring.data?.ring_blocked && (
        <Banner tone="error">
          No slot of the ring can be freed: {ring.data.blocked_reason ?? 'something holds it'}. Jobs go on; the tables grow.
        </Banner>
      )}
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          name="Completed in the last minute"
          value={figure(minute?.completed)}
          hint={`${figure(minute?.failed)} failed, ${figure(minute?.retried)} retried`}
        />
        <Figure name="Waiting" value={figure(waiting(depth))} hint={`oldest ready ${span(stats.data?.oldest_ready_ms)}`} />
        <Figure name="Running" value={figure(depth.running ?? 0)} hint={`${figure(stats.data?.workers)} workers`} />
        <Figure
          name="Dead letters"
          value={<Link href={paths.deadLetters()}>{figure(stats.data?.dead_letters)}</Link>}
          hint={`${figure(depth.waiting ?? 0)} wait for callbacks`}
        />
      </dl>
      <div className="grid gap-4 lg:grid-cols-2">
        <Chart
          title="Ended per minute"
          times={times}
          unit={(n) => figure(Math.round(n))}
          lines={[
            { name: 'completed', colour: 'var(--accent)', values: points.map((point) => point.completed) },
            { name: 'failed', colour: 'var(--danger)', dashed: true, values: points.map((point) => point.failed) },
          ]}
        />
        <Chart
          title="Wait and work"
          times={times}
          unit={span}
          lines={[
            { name: 'work p50', colour: 'var(--accent)', values: points.map((point) => point.p50_ms) },
            { name: 'wait p95', colour: 'var(--warn)', dashed: true, values: points.map((point) => point.wait_p95_ms) },
          ]}
        />
      </div>
      {ring.data && <RingPicture ring={ring.data} />}
      {queues.data && queues.data.data.length > 0 && (
        <Table
          label="Queues"
          rows={queues.data.data}
          id={(row) => row.queue}
          columns={[
            { name: 'Queue', cell: (row) => <Link href={paths.queueOf(row.queue)}>{row.queue}</Link> },
            { name: 'Ready', right: true, cell: (row) => figure(row.depth.ready ?? 0) },
            { name: 'Running', right: true, cell: (row) => figure(row.depth.running ?? 0) },
            { name: 'Oldest ready', right: true, cell: (row) => span(row.oldest_ready_ms) },
            { name: 'Completed in 24 h', right: true, cell: (row) => figure(row.completed) },
            { name: 'Failed', right: true, cell: (row) => figure(row.failed) },
            { name: 'p50', right: true, cell: (row) => span(row.p50_ms) },
            { name: 'p95', right: true, cell: (row) => span(row.p95_ms) },
          ]}
        />
      )}
    </JobsFrame>
  )
}
