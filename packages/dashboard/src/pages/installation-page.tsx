// How the installation stands, for hosts: what is measured, what is announced, and what the doctor says. Strangers see less of it at /status.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { type Component, History } from '../installation/history.tsx'
import { Announce, type Incident, SayMore, STATUS_WORDS } from '../installation/incident-form.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Refusal } from '../ui/refusal.tsx'

type Check = RouteAnswer<'GET /status/checks'>['data'][number]

const STATES: Record<Component['state'], { word: string; tone: Tone }> = {
  ok: { word: t('Works'), tone: 'good' },
  warn: { word: t('Needs attention'), tone: 'warn' },
  outage: { word: t('Not working'), tone: 'bad' },
  unknown: { word: t('Not known'), tone: 'quiet' },
}

const OVERALL: Record<Component['state'], string> = {
  ok: t('All well'),
  warn: t('Attention'),
  outage: t('Trouble'),
  unknown: t('Not known'),
}

export function InstallationPage() {
  useTitle(t('Installation'))
  const me = useUser()
  const closed = closedTo(me, 'incident.manage', t('see how the installation stands; that is for its hosts'))
  return closed ? <Banner tone="warning">{closed}</Banner> : <Inside />
}

function Inside() {
  const [search, setSearch] = useSearchParams()
  const status = useQuery({ queryKey: ['installation', 'status'], queryFn: () => api.status.get(), refetchInterval: 10_000 })
  const incidents = useList(['installation', 'incidents'], (cursor) => api.incidents.list({ cursor, limit: 20 }))
  const close = () => setSearch({})
  const chosen = incidents.rows.find((one) => one.id === search.get('incident'))
  const board = status.data
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Installation')}>
        <div className="flex flex-wrap items-center gap-4">
          <a href="/status" className="underline underline-offset-4">
            {t('What the public sees')}
          </a>
          <Button tone="primary" onClick={() => setSearch({ new: 'incident' })}>
            {t('Announce something')}
          </Button>
        </div>
      </PageTitle>
      <Refusal error={status.error} />
      {board && (
        <Card title={board.sentence} foreign badge={<Badge tone={STATES[board.status].tone}>{OVERALL[board.status]}</Badge>}>
          <ul className="-my-1 divide-y divide-line">
            {board.components.map((component) => (
              <ComponentRow key={component.name} component={component} />
            ))}
          </ul>
        </Card>
      )}
      <Card title={t('Incidents and maintenance')}>
        <Refusal error={incidents.query.error} />
        {incidents.query.data && incidents.rows.length === 0 && <p className="text-muted">{t('Nothing was announced yet.')}</p>}
        {incidents.rows.length > 0 && (
          <ul className="-my-1 divide-y divide-line">
            {incidents.rows.map((incident) => (
              <IncidentRow key={incident.id} incident={incident} onOpen={() => setSearch({ incident: incident.id })} />
            ))}
          </ul>
        )}
        <More query={incidents.query} />
      </Card>
      <Checks />
      <Dialog open={search.get('new') === 'incident'} onClose={close} title={t('Announce something')}>
        <Announce components={board?.components ?? []} onDone={close} />
      </Dialog>
      <Dialog open={chosen !== undefined} onClose={close} title={chosen?.title ?? ''}>
        {chosen && <SayMore incident={chosen} onDone={close} />}
      </Dialog>
    </div>
  )
}

const figure = (name: string, value: number): string => {
  if (/_share$|^share_/.test(name)) return `${name.replaceAll('_', ' ')} ${Math.floor(value * 1_000) / 10} %`
  const unit = /_(ms|s)$/.exec(name)?.[1]
  return `${name.replace(/_(ms|s)$/, '').replaceAll('_', ' ')} ${value.toLocaleString('en-GB')}${unit ? ` ${unit}` : ''}`
}

/** What the server measures, in the words of the page; what it has besides says itself what it is. */
const COMPONENTS: Readonly<Record<string, { title: string; says: string }>> = {
  certificate: { title: t('Certificate'), says: t('How much of the TLS certificate’s life is left.') },
  database: { title: t('Database'), says: t('How fast PostgreSQL answers.') },
  queue: { title: t('Background work'), says: t('How long work waits for its turn.') },
  record: { title: t('Record'), says: t('How soon what happened is sealed against change.') },
  schema: { title: t('Schema'), says: t('Whether the database is that of this version.') },
  webhooks: { title: t('Webhooks'), says: t('How many deliveries are taken at the first attempt.') },
  relay: { title: t('Relay'), says: t('Whether messages between agents of different owners arrive, and how soon.') },
}

function ComponentRow({ component }: { component: Component }) {
  const now = useNow(10_000)
  const isWrong = component.state === 'warn' || component.state === 'outage'
  const { word, tone } = STATES[component.state]
  const { title, says } = COMPONENTS[component.name] ?? component
  const figures = Object.entries(component.measured).flatMap(([name, value]) => (value === null ? [] : [figure(name, value)]))
  return (
    <li className="flex flex-col gap-2 py-3.5">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <h3 className="font-medium">{title}</h3>
        <div className="flex items-center gap-3 text-sm text-muted">
          {component.since && (
            <span title={exact(component.since)}>{t('since {when}', { when: relative(component.since, now) })}</span>
          )}
          {component.uptime !== null && (
            <span>{t('{percent} % without outage', { percent: Math.floor(component.uptime * 10_000) / 100 })}</span>
          )}
          <Badge tone={tone}>{word}</Badge>
        </div>
      </div>
      <p className="text-sm text-muted">
        {says}{' '}
        {figures.length > 0 && (
          <span className="text-text" data-content="">
            {figures.join(' · ')}
          </span>
        )}
        {isWrong && component.runbook && <> {rich('What to do: {code}', { code: <code>{component.runbook}</code> })}</>}
      </p>
      <History component={component} />
    </li>
  )
}

function IncidentRow({ incident, onOpen }: { incident: Incident; onOpen: () => void }) {
  const now = useNow(30_000)
  const isOver = incident.closed_at !== null
  const owes = incident.notify_by !== null && incident.notified_at === null
  const [last] = incident.updates
  return (
    <li className="flex flex-wrap items-start justify-between gap-3 py-3.5">
      <div className="flex min-w-0 flex-col gap-1">
        <div className="flex flex-wrap items-center gap-2">
          <h3 className="font-medium wrap-anywhere">{incident.title}</h3>
          <Badge tone={isOver ? 'quiet' : incident.severity === 'SEV-1' || incident.severity === 'SEV-2' ? 'bad' : 'warn'}>
            {incident.severity ?? t('Maintenance')}
          </Badge>
          <Badge tone={isOver ? 'good' : 'info'}>{STATUS_WORDS[incident.status]}</Badge>
        </div>
        <p className="text-sm text-muted" title={exact(incident.detected_at)}>
          {incident.starts_at
            ? `${clock(incident.starts_at, now)}${incident.ends_at ? ` ${t('to {when}', { when: clock(incident.ends_at, now) })}` : ''}`
            : t('noticed {when}', { when: relative(incident.detected_at, now) })}
          {` · ${incident.updates.length === 1 ? t('one update') : t('{updates} updates', { updates: incident.updates.length })}`}
          {incident.affects === 'some' && ` · ${t('{affected} tenants', { affected: incident.affected.length })}`}
        </p>
        {last && <p className="line-clamp-3 whitespace-pre-line wrap-anywhere">{last.body}</p>}
        {owes && incident.notify_by && (
          <p className="text-sm font-medium text-danger">
            {Date.parse(incident.notify_by) < now
              ? t('Those concerned should have been told {when}.', { when: relative(incident.notify_by, now) })
              : t('Those concerned must be told {when}.', { when: relative(incident.notify_by, now) })}
          </p>
        )}
      </div>
      <Button small onClick={onOpen} aria-label={t('Say more about {title}', { title: incident.title })}>
        {t('Say more')}
      </Button>
    </li>
  )
}

const VERDICTS: Record<Check['status'], { word: string; tone: Tone }> = {
  fail: { word: t('Fails'), tone: 'bad' },
  warn: { word: t('Warns'), tone: 'warn' },
  ok: { word: t('Fine'), tone: 'good' },
}

function Checks() {
  const checks = useQuery({ queryKey: ['installation', 'checks'], queryFn: () => api.status.checks() })
  const all = checks.data?.data ?? []
  const wrong = all.filter((one) => one.status !== 'ok')
  const fine = all.filter((one) => one.status === 'ok')
  return (
    <Card
      title={t('Checks')}
      badge={
        checks.data && (
          <Badge tone={wrong.length === 0 ? 'good' : 'warn'}>
            {wrong.length === 0 ? t('All fine') : t('{wrong} to look at', { wrong: wrong.length })}
          </Badge>
        )
      }
      aside={
        <Button small busy={checks.isFetching} onClick={() => void checks.refetch()}>
          {t('Check again')}
        </Button>
      }
    >
      <Refusal error={checks.error} />
      {checks.isPending && <p className="text-muted">{t('Checking…')}</p>}
      {wrong.length > 0 && (
        <ul className="-my-1 divide-y divide-line">
          {wrong.map((one) => (
            <CheckRow key={`${one.code} ${one.what}`} check={one} />
          ))}
        </ul>
      )}
      {fine.length > 0 && (
        <details>
          <summary className="cursor-pointer text-muted">{t('{fine} are fine', { fine: fine.length })}</summary>
          <ul className="mt-2 divide-y divide-line">
            {fine.map((one) => (
              <CheckRow key={`${one.code} ${one.what}`} check={one} />
            ))}
          </ul>
        </details>
      )}
      <p className="text-sm text-muted">
        {rich('The same as {code} says, seen by the process that answers you.', { code: <code>countersign doctor</code> })}
      </p>
    </Card>
  )
}

function CheckRow({ check }: { check: Check }) {
  const { word, tone } = VERDICTS[check.status]
  return (
    <li className="flex flex-wrap items-start gap-x-4 gap-y-1 py-3">
      <div className="flex w-48 shrink-0 items-center gap-2">
        <Badge tone={tone}>{word}</Badge>
        <code className="text-sm">{check.code}</code>
      </div>
      <div className="min-w-0 flex-1 basis-72">
        <p className="wrap-anywhere" data-content="">
          {check.what}
        </p>
        {check.mend && (
          <p className="text-sm text-muted wrap-anywhere" data-content="">
            {check.mend}
          </p>
        )}
        {check.status !== 'ok' && check.runbook && (
          <p className="text-sm text-muted wrap-anywhere">{rich('What to do: {code}', { code: <code>{check.runbook}</code> })}</p>
        )}
      </div>
    </li>
  )
}
