// The kinds of jobs (Q141): how long each takes and why it fails, over a day. A paused kind is not given out by any queue.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Empty, figure, JobsFrame, LIVE, PauseButton, Paused, span, Table, useAct, words } from './frame.tsx'

export function KindsPage() {
  useTitle(t('Kinds'))
  const me = useUser()
  const kinds = useQuery({ queryKey: ['queue', 'kinds'], queryFn: () => api.call('GET /kinds'), ...LIVE })
  const stats = useQuery({ queryKey: ['queue', 'stats', 'kinds'], queryFn: () => api.call('GET /stats/kinds'), ...LIVE })
  const pause = useAct(({ name, paused }: { name: string; paused: boolean }) =>
    api.call(paused ? 'POST /kinds/:name/resume' : 'POST /kinds/:name/pause', { params: { name } }),
  )
  const byKind = new Map(stats.data?.data.map((one) => [one.kind, one]))
  const rows = (kinds.data?.data ?? []).map((kind) => ({ ...kind, stats: byKind.get(kind.name) }))
  return (
    <JobsFrame title={t('Kinds')}>
      <Refusal error={kinds.error ?? stats.error ?? pause.error} />
      {kinds.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {kinds.data && rows.length === 0 && <Empty>{t('No kind yet. Workers declare theirs when they start.')}</Empty>}
      {rows.length > 0 && (
        <>
          <p className="-mt-3 text-sm text-muted">{t('Figures of the last 24 hours.')}</p>
          <Table
            label={t('Kinds')}
            rows={rows}
            id={(kind) => kind.name}
            columns={[
              {
                name: t('Kind'),
                cell: (kind) => (
                  <>
                    <Link href={paths.jobs(`kind:${kind.name}`)}>{kind.name}</Link> <Paused at={kind.paused_at} />{' '}
                    {kind.stale && <Badge tone="quiet">{t('not seen for a day')}</Badge>}
                  </>
                ),
              },
              { name: t('Workers'), right: true, cell: (kind) => figure(kind.workers) },
              { name: t('Completed'), right: true, cell: (kind) => figure(kind.stats?.completed ?? 0) },
              { name: 'p50', right: true, cell: (kind) => span(kind.stats?.p50_ms) },
              { name: 'p95', right: true, cell: (kind) => span(kind.stats?.p95_ms) },
              { name: t('Failed'), right: true, cell: (kind) => figure(kind.stats?.failed ?? 0) },
              { name: t('Failures by reason'), cell: (kind) => reasons(kind.stats?.reasons ?? {}) },
              {
                name: t('Acts'),
                right: true,
                cell: ({ name, paused_at }) => {
                  const paused = paused_at !== null
                  const reason = closedTo(me, 'queue.pause', paused ? t('resume kinds') : t('pause kinds'))
                  const busy = pause.isPending && pause.variables.name === name
                  return (
                    <PauseButton
                      name={name}
                      paused={paused}
                      reason={reason}
                      act={{ busy, go: () => pause.mutate({ name, paused }) }}
                    />
                  )
                },
              },
            ]}
          />
        </>
      )}
    </JobsFrame>
  )
}

const reasons = (counts: { [reason: string]: number }): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([reason, n]) => `${words(reason)} ${figure(n)}`)
    .join(' · ') || '–'
