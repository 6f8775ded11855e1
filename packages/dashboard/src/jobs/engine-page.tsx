// The engine (Q141): its ring, what keeps it tidy, and the workers. It speaks of the whole installation, so it shows states and no counts of others.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Empty, figure, JobsFrame, LIVE, span, Table, useAct, When, words } from './frame.tsx'
import { RingPicture } from './ring.tsx'

const WEAK: Record<string, string> = {
  listen: t('no wake-ups arrive, so jobs are looked for at intervals'),
  maintenance: t('no process leads maintenance'),
  schema: t('the database has another version than this server'),
  claim_loop: t('a loop that takes jobs stands still'),
  heartbeat: t('a heartbeat is late'),
  ring_blocked: t('no slot of the ring can be freed'),
  horizon: t('an old snapshot is held'),
}

export function EnginePage() {
  useTitle(t('Engine'))
  const me = useUser()
  const ring = useQuery({ queryKey: ['queue', 'ring'], queryFn: () => api.call('GET /ring'), ...LIVE })
  const maintenance = useQuery({ queryKey: ['queue', 'maintenance'], queryFn: () => api.call('GET /maintenance'), ...LIVE })
  const [told, setTold] = useState('')
  const tick = useAct(
    () => api.call('POST /maintenance/tick'),
    (done) => setTold(t('{duties} duties in {span}.', { duties: figure(done.duties.length), span: span(done.took_ms) })),
  )
  const state = maintenance.data
  return (
    <JobsFrame title={t('Engine')}>
      <Refusal error={ring.error ?? maintenance.error ?? tick.error} />
      {state && state.degraded.length > 0 && (
        <Banner tone="warning">{state.degraded.map((what) => WEAK[what] ?? words(what)).join('; ')}.</Banner>
      )}
      {ring.data && <RingPicture ring={ring.data} />}
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div>
          <h2 className="text-base font-semibold">{t('Maintenance')}</h2>
          {state && (
            <p className="text-sm text-muted">
              {state.leads ? t('Led by {leader}', { leader: state.leader ?? t('a process') }) : t('Led by nobody')}
              {' · '}
              {state.schema_version !== state.expected_schema_version
                ? t('schema {schemaVersion}, should be {expectedSchemaVersion}', {
                    schemaVersion: state.schema_version ?? t('unknown'),
                    expectedSchemaVersion: state.expected_schema_version,
                  })
                : t('schema {schemaVersion}', { schemaVersion: state.schema_version ?? t('unknown') })}
            </p>
          )}
        </div>
        <div className="flex items-center gap-3">
          <span role="status" className="text-sm text-muted">
            {told}
          </span>
          <Button
            small
            reason={closedTo(me, 'maintenance.tick', t('run maintenance'))}
            busy={tick.isPending}
            onClick={() => tick.mutate(undefined)}
          >
            {t('Run it now')}
          </Button>
        </div>
      </div>
      {state &&
        (state.duties.length === 0 ? (
          <Empty>{t('The process that answers does not lead maintenance, so it has no figures of its duties.')}</Empty>
        ) : (
          <Table
            label={t('Duties of maintenance')}
            rows={state.duties}
            id={(duty) => duty.duty}
            columns={[
              {
                name: t('Duty'),
                cell: (duty) => (
                  <>
                    {words(duty.duty)} {duty.failing && <Badge tone="bad">{t('failing')}</Badge>}{' '}
                    {duty.rests_ms > duty.every_ms && (
                      <Badge tone="warn">{t('rests {span}', { span: span(duty.rests_ms) })}</Badge>
                    )}
                  </>
                ),
              },
              { name: t('Every'), right: true, cell: (duty) => span(duty.every_ms) },
              { name: t('Last took'), right: true, cell: (duty) => span(duty.last_ms) },
              { name: t('Budget'), right: true, cell: (duty) => span(duty.budget_ms) },
              { name: t('Runs'), right: true, cell: (duty) => figure(duty.runs) },
              { name: t('Overran'), right: true, cell: (duty) => figure(duty.overruns) },
            ]}
          />
        ))}
      <Workers />
    </JobsFrame>
  )
}

function Workers() {
  const now = useNow()
  const workers = useQuery({ queryKey: ['queue', 'workers'], queryFn: () => api.call('GET /workers'), ...LIVE })
  const rows = workers.data?.data ?? []
  return (
    <>
      <h2 className="text-base font-semibold">{t('Workers')}</h2>
      <Refusal error={workers.error} />
      {workers.data && rows.length === 0 && <Empty>{t('No worker runs.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Workers')}
          rows={rows}
          id={(worker) => worker.id}
          columns={[
            {
              name: t('Worker'),
              cell: (worker) => (
                <>
                  {worker.host ? (
                    t('{host}, process {pid}', { host: worker.host, pid: worker.pid })
                  ) : (
                    <span className="font-mono text-xs">{worker.id}</span>
                  )}{' '}
                  {!worker.alive && <Badge tone="bad">{t('lost')}</Badge>}
                </>
              ),
            },
            { name: t('Version'), cell: (worker) => worker.version },
            { name: t('Queues'), cell: (worker) => worker.queues.join(' · ') || '–' },
            {
              name: t('Kinds'),
              right: true,
              cell: (worker) => <span title={worker.kinds.join(', ')}>{figure(worker.kinds.length)}</span>,
            },
            { name: t('Your jobs'), right: true, cell: (worker) => figure(worker.running) },
            { name: t('Started'), right: true, cell: (worker) => <When at={worker.started_at} now={now} /> },
            { name: t('Last beat'), right: true, cell: (worker) => <When at={worker.beat_at} now={now} /> },
          ]}
        />
      )}
    </>
  )
}
