// Schedules (Q141): when each fires next, and what became of the last time. Those of the server's own code come back with its next start.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Empty, figure, JobsFrame, LIVE, PauseButton, Paused, StateBadge, useAct, When } from './frame.tsx'
import { NewSchedule } from './schedule-new.tsx'

type Schedule = RouteAnswer<'GET /schedules'>['data'][number]
type Fires = RouteAnswer<'GET /schedules/:name/fires'>
type Fire = Fires['past'][number]

export function SchedulesPage() {
  useTitle(t('Schedules'))
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const open = (wanted: boolean) => setSearch(wanted ? { new: 'schedule' } : {})
  const shown = search.get('fires')
  const schedules = useQuery({ queryKey: ['queue', 'schedules'], queryFn: () => api.call('GET /schedules'), ...LIVE })
  const rows = schedules.data?.data ?? []
  return (
    <JobsFrame
      title={t('Schedules')}
      aside={
        <Button tone="primary" reason={closedTo(me, 'schedule.manage', t('make schedules'))} onClick={() => open(true)}>
          {t('New schedule')}
        </Button>
      }
    >
      <Refusal error={schedules.error} />
      {schedules.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {schedules.data && rows.length === 0 && (
        <Empty>{t('No schedule yet. A schedule enqueues a job again and again, at the times you say.')}</Empty>
      )}
      {rows.map((schedule) => (
        <ScheduleCard
          key={schedule.id}
          schedule={schedule}
          open={shown === schedule.name}
          onOpen={(wanted) => setSearch(wanted ? { fires: schedule.name } : {})}
        />
      ))}
      <Dialog open={search.get('new') === 'schedule'} onClose={() => open(false)} title={t('New schedule')}>
        <NewSchedule onDone={() => open(false)} />
      </Dialog>
    </JobsFrame>
  )
}

type CardProps = { schedule: Schedule; open: boolean; onOpen: (wanted: boolean) => void }

function ScheduleCard({ schedule, open, onOpen }: CardProps) {
  const now = useNow()
  const { name } = schedule
  const fires = useQuery({
    queryKey: ['queue', 'schedules', name, 'fires'],
    queryFn: () => api.call('GET /schedules/:name/fires', { params: { name } }),
    refetchInterval: open ? LIVE.refetchInterval : 10_000,
  })
  const last = fires.data?.past[0]
  return (
    <Card
      title={visible(name)}
      badge={
        <>
          <Paused at={schedule.paused_at} />
          {schedule.declared_in === 'code' && <Badge tone="quiet">{t('declared in code')}</Badge>}
        </>
      }
      aside={<Acts schedule={schedule} open={open} onOpen={onOpen} />}
    >
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4 [&_a]:underline [&_a]:decoration-line-strong [&_a]:underline-offset-4">
        <Fact name={t('Times')}>
          <code className="font-mono text-sm">{schedule.cron}</code>{' '}
          <span className="text-sm text-muted">{schedule.timezone}</span>
        </Fact>
        <Fact name={t('Job')}>
          <Link href={paths.jobs(`kind:${schedule.kind}`)}>{schedule.kind}</Link>
        </Fact>
        <Fact name={t('Next fire')}>
          <When at={schedule.paused_at ? null : schedule.next_fire} now={now} />
        </Fact>
        <Fact name={t('Last fire')}>
          {last ? <When at={last.at} now={now} /> : '–'} {last && <Outcome fire={last} />}{' '}
          {schedule.last_job_id && <Link href={paths.job(schedule.last_job_id)}>{t('last job')}</Link>}
        </Fact>
      </dl>
      <Refusal error={fires.error} />
      {open && fires.data && <FireLists fires={fires.data} now={now} />}
    </Card>
  )
}

const Fact = ({ name, children }: { name: string; children: React.ReactNode }) => (
  <div className="min-w-0">
    <dt className="text-sm text-muted">{name}</dt>
    <dd className="wrap-anywhere">{children}</dd>
  </div>
)

const SKIPPED = {
  overlap: t('left out: the last one still ran'),
  outage: t('missed'),
  error: t('could not be enqueued'),
} as const

function Outcome({ fire }: { fire: Fire }) {
  if (fire.skipped) return <Badge tone={fire.skipped === 'error' ? 'bad' : 'warn'}>{SKIPPED[fire.skipped]}</Badge>
  if (fire.state) return <StateBadge job={{ state: fire.state, state_reason: null }} />
  return <Badge tone="quiet">{t('no longer kept')}</Badge>
}

function FireLists({ fires: { past, next }, now }: { fires: Fires; now: number }) {
  return (
    <div className="grid gap-x-8 gap-y-4 border-t border-line pt-4 text-sm sm:grid-cols-2">
      <div>
        <h3 className="mb-1 font-semibold">{t('Next')}</h3>
        {next.length === 0 && <p className="text-muted">{t('It does not fire while it is paused or over.')}</p>}
        <ol>
          {next.map((at) => (
            <li key={at} className="flex justify-between gap-4 py-0.5">
              <span>{exact(at)}</span> <When at={at} now={now} />
            </li>
          ))}
        </ol>
      </div>
      <div>
        <h3 className="mb-1 font-semibold">{t('Before')}</h3>
        {past.length === 0 && <p className="text-muted">{t('It has not fired yet.')}</p>}
        <ol>
          {past.map((fire) => (
            <li key={`${fire.fire_time} ${fire.at}`} className="flex flex-wrap justify-between gap-x-4 py-0.5">
              {fire.job_id ? <Link href={paths.job(fire.job_id)}>{exact(fire.at)}</Link> : <span>{exact(fire.at)}</span>}
              <span>
                {fire.fires !== null && fire.fires > 1 && `${figure(fire.fires)} × `}
                <Outcome fire={fire} />
              </span>
              {fire.error && <span className="basis-full text-danger">{fire.error}</span>}
            </li>
          ))}
        </ol>
      </div>
    </div>
  )
}

function Acts({ schedule: { name, paused_at, declared_in }, open, onOpen }: CardProps) {
  const me = useUser()
  const params = { name }
  const said = visible(name)
  const closed = closedTo(me, 'schedule.manage', t('change schedules'))
  const paused = paused_at !== null
  const pause = useAct(() => api.call(paused ? 'POST /schedules/:name/resume' : 'POST /schedules/:name/pause', { params }))
  const trigger = useAct(() => api.call('POST /schedules/:name/trigger', { params }))
  const remove = useAct(() => api.call('DELETE /schedules/:name', { params }))
  const [told, setTold] = useState('')
  const go = () => trigger.mutate(undefined, { onSuccess: () => setTold(t('Enqueued.')) })
  return (
    <div className="flex flex-wrap items-center gap-2">
      <span role="status" className="text-sm text-muted">
        {told}
      </span>
      <Button small tone="quiet" aria-expanded={open} aria-label={t('Times of {said}', { said })} onClick={() => onOpen(!open)}>
        {t('Times')}
      </Button>
      <Button small reason={closed} busy={trigger.isPending} aria-label={t('Trigger {said} now', { said })} onClick={go}>
        {t('Trigger')}
      </Button>
      <PauseButton
        name={said}
        paused={paused}
        reason={closed}
        act={{ busy: pause.isPending, go: () => pause.mutate(undefined) }}
      />
      <Confirm
        name={t('Remove')}
        title={t('Remove {said}', { said })}
        confirm={t('Remove the schedule')}
        reason={closed ?? (declared_in === 'code' ? t('It is declared in code and would come back.') : undefined)}
        busy={remove.isPending}
        onConfirm={() => remove.mutate(undefined)}
      >
        {t('It does not fire any more. Jobs that it made go on.')}
      </Confirm>
      <Refusal error={pause.error ?? trigger.error ?? remove.error} />
    </div>
  )
}
