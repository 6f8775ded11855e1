// The queue at a glance (Q141): what runs, how fast, what fails, and whether the engine is well. Every figure is read again as it changes.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
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
  useTitle(t('Queue'))
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
    <JobsFrame title={t('Queue')}>
      <Refusal error={stats.error ?? series.error} />
      {ring.data?.ring_blocked && (
        <Banner tone="error">
          {t('No slot of the ring can be freed: {blockedReason}. Jobs go on; the tables grow.', {
            blockedReason: ring.data.blocked_reason ?? t('something holds it'),
          })}
        </Banner>
      )}
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          name={t('Completed in the last minute')}
          value={figure(minute?.completed)}
          hint={t('{failed} failed, {retried} retried', { failed: figure(minute?.failed), retried: figure(minute?.retried) })}
        />
        <Figure
          name={t('Waiting')}
          value={figure(waiting(depth))}
          hint={t('oldest ready {span}', { span: span(stats.data?.oldest_ready_ms) })}
        />
        <Figure
          name={t('Running')}
          value={figure(depth.running ?? 0)}
          hint={t('{workers} workers', { workers: figure(stats.data?.workers) })}
        />
        <Figure
          name={t('Dead letters')}
          value={<Link href={paths.deadLetters()}>{figure(stats.data?.dead_letters)}</Link>}
          hint={t('{waiting} wait for callbacks', { waiting: figure(depth.waiting ?? 0) })}
        />
      </dl>
      <div className="grid gap-4 lg:grid-cols-2">
        <Chart
          title={t('Ended per minute')}
          times={times}
          unit={(n) => figure(Math.round(n))}
          lines={[
            { name: t('completed'), colour: 'var(--accent)', values: points.map((point) => point.completed) },
            { name: t('failed'), colour: 'var(--danger)', dashed: true, values: points.map((point) => point.failed) },
          ]}
        />
        <Chart
          title={t('Wait and work')}
          times={times}
          unit={span}
          lines={[
            { name: t('work p50'), colour: 'var(--accent)', values: points.map((point) => point.p50_ms) },
            { name: t('wait p95'), colour: 'var(--warn)', dashed: true, values: points.map((point) => point.wait_p95_ms) },
          ]}
        />
      </div>
      {ring.data && <RingPicture ring={ring.data} />}
      {queues.data && queues.data.data.length > 0 && (
        <Table
          label={t('Queues')}
          rows={queues.data.data}
          id={(row) => row.queue}
          columns={[
            {
              name: t('Queue'),
              cell: (row) => (
                <Link href={paths.queueOf(row.queue)} data-content="">
                  {row.queue}
                </Link>
              ),
            },
            { name: t('Ready'), right: true, cell: (row) => figure(row.depth.ready ?? 0) },
            { name: t('Running'), right: true, cell: (row) => figure(row.depth.running ?? 0) },
            { name: t('Oldest ready'), right: true, cell: (row) => span(row.oldest_ready_ms) },
            { name: t('Completed in 24 h'), right: true, cell: (row) => figure(row.completed) },
            { name: t('Failed'), right: true, cell: (row) => figure(row.failed) },
            { name: 'p50', right: true, cell: (row) => span(row.p50_ms) },
            { name: 'p95', right: true, cell: (row) => span(row.p95_ms) },
          ]}
        />
      )}
    </JobsFrame>
  )
}
