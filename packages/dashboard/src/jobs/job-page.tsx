// One job (Q141): what it is, what became of each attempt, and what may be done with it now. The server says what may be done (`may`).
import type { Job, JobTransition } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { readExact } from '../exact.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { exact, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { JobsFrame, LIVE, StateBadge, span, useAct, When } from './frame.tsx'

export function JobPage({ id }: { id: string }) {
  const now = useNow()
  const job = useQuery({ queryKey: ['queue', 'job', id], queryFn: () => api.call('GET /jobs/:id', { params: { id } }), ...LIVE })
  const timeline = useQuery({
    queryKey: ['queue', 'job', id, 'timeline'],
    queryFn: () => api.call('GET /jobs/:id/timeline', { params: { id } }),
    ...LIVE,
  })
  useTitle(job.data?.kind ?? t('Job'))
  if (!job.data)
    return (
      <JobsFrame title={t('Job')}>
        {job.isPending ? <p className="text-muted">{t('Loading…')}</p> : <Refusal error={job.error} />}
      </JobsFrame>
    )
  return (
    <JobsFrame title={job.data.kind} aside={<StateBadge job={job.data} />}>
      <p className="-mt-3 font-mono text-sm text-muted wrap-anywhere">{job.data.id}</p>
      <Acts job={job.data} />
      <Facts job={job.data} now={now} />
      <Timeline rows={timeline.data?.data ?? []} error={timeline.error} />
      <ContentCard title={t('Payload')} label={t('the payload')} value={readExact(JSON.stringify(job.data.payload))} />
      {job.data.output !== null && (
        <ContentCard title={t('Output')} label={t('the output')} value={readExact(JSON.stringify(job.data.output))} />
      )}
      {job.data.progress !== null && (
        <ContentCard title={t('Progress')} label={t('the progress')} value={readExact(JSON.stringify(job.data.progress))} />
      )}
      {job.data.errors.length > 0 && (
        <Card title={t('Errors')}>
          <ol className="flex flex-col divide-y divide-line">
            {job.data.errors.toReversed().map((error) => (
              <li key={`${error.lease} ${error.at} ${error.reason}`} className="flex flex-col gap-1 py-3 first:pt-0 last:pb-0">
                <span className="text-sm text-muted">
                  {t('Attempt {attempt}', { attempt: error.attempt })}
                  {' · '}
                  {wireWord(error.reason)}
                  {' · '}
                  <When at={error.at} now={now} />
                </span>
                <AgentText text={error.error ?? t('hidden from you')} />
                {error.stack && (
                  <details>
                    <summary className="cursor-pointer text-sm text-muted">{t('Stack')}</summary>
                    <pre className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-xs">{error.stack}</pre>
                  </details>
                )}
              </li>
            ))}
          </ol>
        </Card>
      )}
    </JobsFrame>
  )
}

const WHY = {
  retry: t('A job is run again when it has failed or was cancelled, or before its time when it waits for that.'),
  cancel: t('This job is over.'),
  reschedule: t('Only a job that waits for its time gets another.'),
}

const DOES: Record<keyof typeof WHY, string> = {
  retry: t('retry jobs'),
  cancel: t('cancel jobs'),
  reschedule: t('reschedule jobs'),
}

function Acts({ job }: { job: Job }) {
  const { id } = job
  const me = useUser()
  const [search, setSearch] = useSearchParams()
  const open = (wanted: boolean) => setSearch(wanted ? { act: 'reschedule' } : {})
  const closed = (act: keyof typeof WHY) =>
    closedTo(me, `job.${act}`, DOES[act]) ?? (job.may.includes(act) ? undefined : WHY[act])
  const retry = useAct(() => api.call('POST /jobs/:id/retry', { params: { id }, body: {} }))
  const cancel = useAct(() => api.call('POST /jobs/:id/cancel', { params: { id }, body: {} }))
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Button small reason={closed('retry')} busy={retry.isPending} onClick={() => retry.mutate(undefined)}>
          {t('Run again')}
        </Button>
        <Button small reason={closed('reschedule')} onClick={() => open(true)}>
          {t('Reschedule')}
        </Button>
        <Confirm
          name={t('Cancel')}
          title={t('Cancel this job')}
          confirm={t('Cancel the job')}
          reason={closed('cancel')}
          busy={cancel.isPending}
          onConfirm={() => cancel.mutate(undefined)}
        >
          {t('It ends as cancelled; when it runs, its handler is told to stop.')}
        </Confirm>
      </div>
      <Refusal error={retry.error ?? cancel.error} />
      <Dialog open={search.get('act') === 'reschedule'} onClose={() => open(false)} title={t('Reschedule this job')}>
        <Reschedule id={id} reason={closed('reschedule')} onDone={() => open(false)} />
      </Dialog>
    </div>
  )
}

function Reschedule({ id, reason, onDone }: { id: string; reason: string | undefined; onDone: () => void }) {
  const [at, setAt] = useState('')
  const reschedule = useAct(
    () => api.call('POST /jobs/:id/reschedule', { params: { id }, body: { run_at: new Date(at).toISOString() } }),
    onDone,
  )
  const placed = placeErrors(reschedule.error, ['/run_at'])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    reschedule.mutate(undefined)
  }
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {placed.beside.size === 0 && <Refusal error={reschedule.error} placed={placed} />}
      <TextField
        label={t('New time')}
        type="datetime-local"
        hint={t('In the time zone of this browser.')}
        value={at}
        error={placed.beside.get('/run_at')}
        onChange={(event) => setAt(event.target.value)}
      />
      <div>
        <Button
          type="submit"
          tone="primary"
          reason={reason ?? (at ? undefined : t('Choose a time first.'))}
          busy={reschedule.isPending}
        >
          {t('Reschedule')}
        </Button>
      </div>
    </form>
  )
}

function Facts({ job, now }: { job: Job; now: number }) {
  const facts: [string, React.ReactNode][] = [
    [
      t('Queue'),
      <Link key="queue" href={paths.queueOf(job.queue)}>
        {job.queue}
      </Link>,
    ],
    [t('Priority'), job.priority],
    [t('Attempt'), t('{attempt} of {maxAttempts}', { attempt: job.attempt, maxAttempts: job.max_attempts })],
    [t('Worker'), job.worker ?? '–'],
    [t('Enqueued'), <When key="enqueued" at={job.enqueued_at} now={now} />],
    [t('Due'), <When key="due" at={job.run_at} now={now} />],
    [t('Deadline'), <When key="deadline" at={job.deadline_at} now={now} />],
    [t('Ended'), <When key="ended" at={job.finished_at} now={now} />],
    [t('Keys'), [job.unique_key, job.ordering_key, job.concurrency_key, job.rate_key].filter(Boolean).join(' · ') || '–'],
    [t('Tags'), job.tags.join(' · ') || '–'],
  ]
  return (
    <dl className="card [&_a]:underline [&_a]:decoration-line-strong [&_a]:underline-offset-4 grid grid-cols-2 gap-x-6 gap-y-3 p-5 sm:grid-cols-3 lg:grid-cols-5">
      {facts.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="text-sm text-muted">{name}</dt>
          <dd className="wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

const DOT: Record<string, string> = {
  completed: 'var(--accent)',
  failed: 'var(--danger)',
  retried: 'var(--warn)',
  rescued: 'var(--warn)',
}

function Timeline({ rows, error }: { rows: JobTransition[]; error: unknown }) {
  const me = useUser()
  return (
    <Card title={t('Timeline')}>
      <Refusal error={error} />
      <ol className="flex flex-col">
        {rows.map((row, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a transition has no identity but its place
          <li key={i} className="relative pl-7">
            <svg className="absolute top-0 left-0 h-full w-4" aria-hidden="true">
              {i < rows.length - 1 && <line x1="8" y1="11" x2="8" y2="100%" stroke="var(--line-strong)" strokeWidth="1.5" />}
              {i > 0 && <line x1="8" y1="0" x2="8" y2="11" stroke="var(--line-strong)" strokeWidth="1.5" />}
              <circle
                cx="8"
                cy="11"
                r="4.5"
                fill={DOT[row.what] ?? DOT[row.outcome ?? ''] ?? 'var(--raised)'}
                stroke="var(--line-strong)"
              />
            </svg>
            <div className="pb-3">
              <p>
                <span className="font-medium">{wireWord(row.what)}</span>
                {row.attempt !== null && row.attempt > 0 && (
                  <span className="text-muted">
                    {' · '}
                    {t('attempt {attempt}', { attempt: row.attempt })}
                  </span>
                )}
                {row.duration_ms !== null && (
                  <span className="text-muted">
                    {' · '}
                    {t('took {span}', { span: span(row.duration_ms) })}
                  </span>
                )}
              </p>
              <p className="text-sm text-muted wrap-anywhere">
                <time dateTime={row.at}>{exact(row.at)}</time>
                {row.worker && ` · ${row.worker}`}
                {row.actor && row.actor.type !== 'worker' && ` · ${row.actor.id === me.id ? t('you') : row.actor.id}`}
                {row.reason && ` · ${wireWord(row.reason)}`}
              </p>
              {row.error && (
                <p className="text-sm">
                  <AgentText text={row.error} />
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </Card>
  )
}
