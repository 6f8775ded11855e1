// The figures of tasks (T161): what was asked, how it ended, how long people took, and what came of it. What one sees is what the server counts for them.
import type { RouteAnswer, RouteQuery } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Figure, figure } from '../jobs/frame.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useTitle } from '../title.ts'
import { PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { Bars, type Cells, Columns, Figures, Heat, WEEKDAYS } from './charts.tsx'
import { ExportDecisions } from './export-decisions.tsx'
import { endings, lasting } from './words.ts'

type Stats = RouteAnswer<'GET /tasks/stats'>
type Query = RouteQuery<'GET /tasks/stats'>

const DAYS = ['7', '30', '90', '365']
const BY = [
  { value: 'agent', label: t('by agent') },
  { value: 'person', label: t('by person') },
  { value: 'channel', label: t('by channel') },
]

export function AnalyticsPage() {
  useTitle(t('Analytics'))
  const [search, setSearch] = useSearchParams()
  const days = DAYS.includes(search.get('days') ?? '') ? (search.get('days') as string) : '30'
  const by = BY.some(({ value }) => value === search.get('by')) ? (search.get('by') as Query['by']) : 'agent'
  const tag = search.get('tag') ?? ''
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  const agents = useQuery({ queryKey: ['agents', 'names'], queryFn: () => api.agents.list({ limit: 200 }) })
  const agentId = search.get('agent_id') ?? ''
  const query = { days: Number(days), by, time_zone: zone, tag: tag || undefined, agent_id: agentId || undefined }
  const read = useQuery({
    queryKey: ['tasks', 'stats', query],
    queryFn: () => api.tasks.stats(query as Query),
    placeholderData: (old) => old,
  })
  const put = (name: string, value: string) =>
    setSearch(
      (params) => {
        if (value) params.set(name, value)
        else params.delete(name)
        return params
      },
      { replace: true },
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Analytics')}>
        <ExportDecisions />
      </PageTitle>
      <div className="flex flex-wrap gap-4">
        <SelectField
          label={t('Time')}
          value={days}
          options={DAYS.map((value) => ({ value, label: t('{value} days', { value }) }))}
          onChange={(event) => put('days', event.target.value)}
        />
        <SelectField
          label={t('Agent')}
          value={agentId}
          options={[
            { value: '', label: t('all agents') },
            ...(agents.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name })),
          ]}
          onChange={(event) => put('agent_id', event.target.value)}
        />
        <SelectField label={t('Compare')} value={by} options={BY} onChange={(event) => put('by', event.target.value)} />
      </div>
      <Refusal error={read.error} />
      {read.data ? (
        <Charts stats={read.data} by={by ?? 'agent'} />
      ) : (
        read.isPending && <p className="text-muted">{t('Counting…')}</p>
      )}
    </div>
  )
}

function Charts({ stats, by }: { stats: Stats; by: string }) {
  if (stats.totals.created === 0) return <Empty>{t('Nothing was asked in this time.')}</Empty>
  const settled = stats.totals.created - stats.totals.open
  return (
    <>
      <dl className="grid grid-cols-2 gap-4 lg:grid-cols-4">
        <Figure
          name={t('Asked')}
          value={figure(stats.totals.created)}
          hint={t('{settled} settled', { settled: figure(settled) })}
        />
        <Figure
          name={t('Half are decided within')}
          value={lasting(stats.decision.median_seconds)}
          hint={t('nine of ten within {p90Seconds}', { p90Seconds: lasting(stats.decision.p90_seconds) })}
        />
        <Figure
          name={t('Half are looked at within')}
          value={lasting(stats.first_look.median_seconds)}
          hint={t('nine of ten within {p90Seconds}', { p90Seconds: lasting(stats.first_look.p90_seconds) })}
        />
        <Figure
          name={t('Nobody answered')}
          value={figure(stats.totals.timed_out + stats.totals.defaulted)}
          hint={t('{escalated} handed on to others', { escalated: figure(stats.escalated) })}
        />
      </dl>
      <Figures title={t('Volume')} says={t('By the day on which it was asked, and how it ended.')} cells={volumeCells(stats)}>
        <Columns title={t('Volume')} columns={stats.volume.map((day) => ({ name: day.day, parts: endings(day) }))} />
      </Figures>
      <div className="grid grid-cols-1 gap-5 lg:grid-cols-2">
        <Times title={t('Time to decision')} says={t('From the question to the person’s answer.')} times={stats.decision} />
        <Times
          title={t('Time to first look')}
          says={t('From the question to the first person who opened it.')}
          times={stats.first_look}
        />
        <Figures title={t('Backlog')} says={backlogSays(stats)} cells={agesCells(stats)}>
          <Bars
            rows={stats.backlog.ages.map((one) => ({
              name: t('up to {span}', { span: lasting(one.up_to_seconds) }),
              value: one.tasks,
            }))}
            unit={figure}
          />
        </Figures>
        <Figures
          title={t('When questions come')}
          says={t('By weekday and hour, in {timeZone}.', { timeZone: stats.time_zone })}
          cells={heatCells(stats)}
        >
          <Heat cells={stats.heat} />
        </Figures>
        <Figures
          title={by === 'none' ? t('Compared') : t('Compared {how}', { how: BY.find(({ value }) => value === by)?.label })}
          says={t('How many, and how long they took on average.')}
          cells={groupCells(stats)}
        >
          <Bars
            rows={stats.groups.map((one) => ({ name: one.name, value: one.tasks, hint: lasting(one.mean_seconds) }))}
            unit={figure}
          />
        </Figures>
        <Figures
          title={t('After the answer')}
          says={t('What agents said became of what people agreed to.')}
          cells={afterCells(stats)}
        >
          <Bars rows={afterRows(stats)} unit={figure} />
        </Figures>
        <Figures
          title={t('Edits')}
          says={
            stats.edits.rate === null
              ? t('No proposed action was agreed to in this time.')
              : t('{percent} % of the actions that people agreed to were changed first.', {
                  percent: Math.round(stats.edits.rate * 100),
                })
          }
          cells={{ columns: [t('field'), t('tasks')], rows: stats.edits.fields.map((one) => [one.pointer, one.tasks]) }}
        >
          <Bars rows={stats.edits.fields.map((one) => ({ name: one.pointer, value: one.tasks }))} unit={figure} />
        </Figures>
        <Figures
          title={t('Checks and votes')}
          says={t('Answers that verifiers refused, and how often several people agreed.')}
          cells={checkCells(stats)}
        >
          <Bars
            rows={checkCells(stats).rows.map(([name, value]) => ({ name: String(name), value: Number(value) }))}
            unit={figure}
          />
        </Figures>
      </div>
    </>
  )
}

function Times({ title, says, times }: { title: string; says: string; times: Stats['decision'] }) {
  const rows = times.histogram.map((one) => ({
    name: t('up to {span}', { span: lasting(one.up_to_seconds) }),
    value: one.tasks,
  }))
  return (
    <Figures
      title={title}
      says={says}
      cells={{ columns: [t('time'), t('tasks')], rows: rows.map(({ name, value }) => [name, value]) }}
    >
      <Bars rows={rows} unit={figure} />
    </Figures>
  )
}

const backlogSays = ({ backlog }: Stats): string =>
  backlog.open === 0
    ? t('Nothing is open now.')
    : t('{open} open now, the oldest for {span}.', {
        open: figure(backlog.open),
        span: lasting(backlog.oldest_seconds),
      })

const volumeCells = ({ volume }: Stats): Cells => {
  const names = Object.keys(volume[0] ?? {}).filter((name) => name !== 'day') as (keyof Stats['totals'])[]
  return {
    columns: [t('day'), ...names.map(wireWord)],
    rows: volume.map((day) => [day.day, ...names.map((name) => day[name])]),
  }
}
const agesCells = ({ backlog }: Stats): Cells => ({
  columns: [t('open for up to'), t('tasks')],
  rows: backlog.ages.map((one) => [lasting(one.up_to_seconds), one.tasks]),
})
const heatCells = ({ heat }: Stats): Cells => ({
  columns: [t('hour'), ...WEEKDAYS],
  rows: Array.from({ length: 24 }, (_, hour) => [
    `${hour}:00`,
    ...WEEKDAYS.map((_name, weekday) => heat.find((one) => one.hour === hour && one.weekday === weekday)?.tasks ?? 0),
  ]),
})
const groupCells = ({ groups }: Stats): Cells => ({
  columns: [t('name'), t('tasks'), t('agreed'), t('escalated'), t('seconds on average')],
  rows: groups.map((one) => [one.name, one.tasks, one.approved, one.escalated, one.mean_seconds ?? '']),
})
const afterRows = ({ after_approval: after }: Stats) =>
  (['succeeded', 'failed', 'skipped', 'missing'] as const).map((name) => ({
    name: name === 'missing' ? t('not told') : wireWord(name),
    value: after[name],
  }))
const afterCells = (stats: Stats): Cells => ({
  columns: [t('outcome'), t('tasks')],
  rows: afterRows(stats).map(({ name, value }) => [name, value]),
})
const checkCells = ({ verifier, quorum }: Stats): Cells => ({
  columns: [t('what'), t('tasks')],
  rows: [
    [t('refused by a verifier'), verifier.tasks],
    [t('refusals'), verifier.refusals],
    [t('decided by several'), quorum.tasks],
    [t('all agreed'), quorum.unanimous],
  ],
})
