// The proxies of the installation, for hosts: how fresh what each knows is, what it holds, and the way to put one out.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { Empty, figure, Table, When } from '../jobs/frame.tsx'
import { useStepUp } from '../step-up.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Node = RouteAnswer<'GET /proxy/nodes'>['data'][number]

const STATES: Record<Node['state'], { word: string; tone: Tone }> = {
  live: { word: t('live'), tone: 'good' },
  silent: { word: t('silent'), tone: 'bad' },
  expelled: { word: t('expelled'), tone: 'quiet' },
}

export function NodesCard() {
  const now = useNow()
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const query = useQuery({
    queryKey: ['vault', 'nodes'],
    queryFn: () => api.call('GET /proxy/nodes', { query: { limit: 200 } }),
    refetchInterval: 3_000,
  })
  const expel = useMutation({
    mutationFn: (id: string) => run(() => api.call('DELETE /proxy/nodes/:id', { params: { id } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['vault', 'nodes'] }),
  })
  const rows = query.data?.data ?? []
  return (
    <section className="flex flex-col gap-3" aria-label={t('Proxies')}>
      <h2 className="text-lg font-semibold">{t('Proxies')}</h2>
      <Refusal error={query.error ?? expel.error} />
      {query.data && rows.length === 0 && (
        <Empty>
          {rich('No proxy is enrolled. On its machine run {code}.', {
            code: <code className="font-mono">countersign proxy enroll</code>,
          })}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Proxies')}
          rows={rows}
          id={(row) => row.id}
          columns={[
            {
              name: t('Proxy'),
              cell: (row) => (
                <span className="flex flex-col items-start">
                  {visible(row.name)}
                  <span className="font-mono text-xs font-normal text-muted">{row.fingerprint.slice(0, 16)}</span>
                </span>
              ),
            },
            { name: t('State'), cell: (row) => <Badge tone={STATES[row.state].tone}>{STATES[row.state].word}</Badge> },
            { name: t('Behind'), right: true, cell: (row) => (row.lag_ms === null ? '–' : t('{ms} ms', { ms: row.lag_ms })) },
            { name: t('Runs'), right: true, cell: (row) => figure(row.runs) },
            { name: t('Credentials held'), right: true, cell: (row) => figure(row.leases) },
            {
              name: t('Calls to the gate'),
              right: true,
              cell: ({ calls }) => (
                <span className="flex flex-col items-end">
                  {figure(calls.opens + calls.materials + calls.asks)}
                  <span className="text-xs font-normal text-muted">
                    {t('{opens} runs, {materials} credentials, {asks} questions', calls)}
                  </span>
                  {calls.busiest > 0 && (
                    <span className="text-xs font-normal text-muted">
                      {t('at most {busiest} for one run in this minute', { busiest: calls.busiest })}
                    </span>
                  )}
                </span>
              ),
            },
            { name: t('Seen'), cell: (row) => <When at={row.seen_at} now={now} /> },
            {
              name: t('Act'),
              cell: (row) =>
                row.state === 'expelled' ? null : (
                  <Confirm
                    name={t('Expel')}
                    title={t('Expel {name}', { name: visible(row.name) })}
                    confirm={t('Expel it')}
                    busy={expel.isPending}
                    onConfirm={() => expel.mutate(row.id)}
                  >
                    {t(
                      'It loses its line to the gate at once, and what runs through it is cut. To come back it needs a new key.',
                    )}
                  </Confirm>
                ),
            },
          ]}
        />
      )}
      {dialog}
    </section>
  )
}
