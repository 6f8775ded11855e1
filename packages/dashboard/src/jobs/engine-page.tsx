// The engine (Q141): its ring, what keeps it tidy, and the workers. It speaks of the whole installation, so it shows states and no counts of others.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { Empty, figure, JobsFrame, LIVE, span, Table, useAct, When, words } from './frame.tsx'
import { RingPicture } from './ring.tsx'

const WEAK: Record<string, string> = {
  listen: 'no wake-ups arrive, so jobs are looked for at intervals',
  maintenance: 'no process leads maintenance',
  schema: 'the database has another version than this server',
  claim_loop: 'a loop that takes jobs stands still',
  heartbeat: 'a heartbeat is late',
  ring_blocked: 'no slot of the ring can be freed',
  horizon: 'an old snapshot is held',
}

export function EnginePage() {
  useTitle('Engine')
  const me = useUser()
  const ring = useQuery({ queryKey: ['queue', 'ring'], queryFn: () => api.call('GET /ring'), ...LIVE })
  const maintenance = useQuery({ queryKey: ['queue', 'maintenance'], queryFn: () => api.call('GET /maintenance'), ...LIVE })
  const [told, setTold] = useState('')
  const tick = useAct(
    () => api.call('POST /maintenance/tick'),
    (done) => setTold(`${figure(done.duties.length)} duties in ${span(done.took_ms)}.`),
  )
  const state = maintenance.data
  return (
    <JobsFrame title="Engine">
      <Refusal error={ring.error ?? maintenance.error ?? tick.error} />
      {state && state.degraded.length > 0 && (
        <Banner tone="warning">{state.degraded.map((what) => WEAK[what] ?? words(what)).join('; ')}.</Banner>
      )}
      {ring.data && <RingPicture ring={ring.data} />}
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div>
          <h2 className="text-base font-semibold">Maintenance</h2>
          {state && (
            <p className="text-sm text-muted">
              {state.leads ? `Led by ${state.leader ?? 'a process'}` : 'Led by nobody'} · schema{' '}
              {state.schema_version ?? 'unknown'}
              {state.schema_version !== state.expected_schema_version && `, should be ${state.expected_schema_version}`}
            </p>
          )}
        </div>
        <div className="flex items-center gap-3">
          <span role="status" className="text-sm text-muted">
            {told}
          </span>
          <Button
            small
            reason={closedTo(me, 'maintenance.tick', 'run maintenance')}
            busy={tick.isPending}
            onClick={() => tick.mutate(undefined)}
          >
            Run it now
          </Button>
        </div>
      </div>
      {state &&
        (state.duties.length === 0 ? (
          <Empty>The process that answers does not lead maintenance, so it has no figures of its duties.</Empty>
        ) : (
          <Table
            label="Duties of maintenance"
            rows={state.duties}
            id={(duty) => duty.duty}
            columns={[
              {
                name: 'Duty',
                cell: (duty) => (
                  <>
                    {words(duty.duty)} {duty.failing && <Badge tone="bad">failing</Badge>}{' '}
                    {duty.rests_ms > duty.every_ms && <Badge tone="warn">rests {span(duty.rests_ms)}</Badge>}
                  </>
                ),
              },
              { name: 'Every', right: true, cell: (duty) => span(duty.every_ms) },
              { name: 'Last took', right: true, cell: (duty) => span(duty.last_ms) },
              { name: 'Budget', right: true, cell: (duty) => span(duty.budget_ms) },
              { name: 'Runs', right: true, cell: (duty) => figure(duty.runs) },
              { name: 'Overran', right: true, cell: (duty) => figure(duty.overruns) },
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
      <h2 className="text-base font-semibold">Workers</h2>
      <Refusal error={workers.error} />
      {workers.data && rows.length === 0 && <Empty>No worker runs.</Empty>}
      {rows.length > 0 && (
        <Table
          label="Workers"
          rows={rows}
          id={(worker) => worker.id}
          columns={[
            {
              name: 'Worker',
              cell: (worker) => (
                <>
                  {worker.host ? `${worker.host}, process ${worker.pid}` : <span className="font-mono text-xs">{worker.id}</span>}{' '}
                  {!worker.alive && <Badge tone="bad">lost</Badge>}
                </>
              ),
            },
            { name: 'Version', cell: (worker) => worker.version },
            { name: 'Queues', cell: (worker) => worker.queues.join(' · ') || '–' },
            {
              name: 'Kinds',
              right: true,
              cell: (worker) => <span title={worker.kinds.join(', ')}>{figure(worker.kinds.length)}</span>,
            },
            { name: 'Your jobs', right: true, cell: (worker) => figure(worker.running) },
            { name: 'Started', right: true, cell: (worker) => <When at={worker.started_at} now={now} /> },
            { name: 'Last beat', right: true, cell: (worker) => <When at={worker.beat_at} now={now} /> },
          ]}
        />
      )}
    </>
  )
}
