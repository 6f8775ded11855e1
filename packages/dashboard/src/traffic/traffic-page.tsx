// Live traffic (V142): what agents sent through the proxy and what was decided, newest first, with filters in the address and a picture of who talked to whom.
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { OUTCOMES, type Outcome, OutcomeBadge, outcomeWord, type Proxied, reasonWord } from './frame.tsx'
import { type Names, Picture } from './picture.tsx'

const LIVE = { refetchInterval: 2_000 } as const
const FILTERS = ['agent_id', 'run_id', 'connection_id', 'outcome', 'host', 'reason'] as const
type Filters = Partial<Record<(typeof FILTERS)[number], string>>

const readFilters = (params: URLSearchParams): Filters =>
  Object.fromEntries(FILTERS.flatMap((name) => (params.get(name) ? [[name, params.get(name)]] : [])))

export function TrafficPage() {
  useTitle(t('Traffic'))
  const me = useUser()
  const now = useNow()
  const [params, setParams] = useSearchParams()
  const filters = readFilters(params)
  const closed = closedTo(me, 'proxy.read', t('see what agents send'))
  const names = useNames(closed === undefined)
  const { outcome, ...rest } = filters
  const { rows, query } = useList<Proxied>(
    ['traffic', filters],
    (cursor) =>
      api.call('GET /proxy/requests', {
        query: { ...rest, ...(outcome === undefined ? {} : { outcome: outcome as Outcome }), limit: 50, cursor },
      }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Traffic')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Traffic')} />
      <FilterForm key={params.toString()} filters={filters} names={names} onFilter={(next) => setParams(next)} />
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {Object.keys(filters).length > 0
            ? t('No request matches.')
            : rich('Nothing went through the proxy yet. Start an agent with {code} and it appears here as it happens.', {
                code: <code className="font-mono">countersign run -- …</code>,
              })}
        </Empty>
      )}
      {closedTo(me, 'grant.decide', '') === undefined && <LearnedRuns rows={rows} names={names} />}
      <Picture rows={rows} names={names} />
      {rows.length > 0 && (
        <Table
          label={t('Requests')}
          rows={rows}
          id={(row) => row.event_id}
          columns={[
            {
              name: t('Request'),
              cell: (row) => (
                <span className="flex flex-col items-start gap-0.5">
                  <Link href={paths.trafficRequest(row.event_id)} className="font-mono text-sm">
                    {visible(`${row.method} ${row.host}${row.path}`)}
                  </Link>
                  {row.tools.length > 0 && <span className="text-xs text-muted">{visible(row.tools.join(', '))}</span>}
                </span>
              ),
            },
            {
              name: t('Outcome'),
              cell: (row) => (
                <span className="flex flex-col items-start gap-1">
                  <OutcomeBadge outcome={row.outcome} />
                  {row.reason && <span className="text-xs text-muted">{reasonWord(row.reason)}</span>}
                  {row.task_id && (
                    <Link href={paths.task(row.task_id)} className="text-xs">
                      {t('the question')}
                    </Link>
                  )}
                </span>
              ),
            },
            { name: t('Answer'), cell: (row) => <Answer row={row} /> },
            { name: t('Agent'), cell: (row) => visible(names.agents.get(row.agent_id) ?? row.agent_id) },
            {
              name: t('Connection'),
              cell: (row) =>
                row.connection_id ? (
                  <Link href={paths.connection(row.connection_id)}>
                    {visible(names.connections.get(row.connection_id) ?? row.connection_id)}
                  </Link>
                ) : (
                  <span className="text-muted">–</span>
                ),
            },
            { name: t('When'), cell: (row) => <When at={row.at} now={now} /> },
          ]}
        />
      )}
      <More query={query} />
    </div>
  )
}

/** Runs among these that learned, each with its way to a grant. */
function LearnedRuns({ rows, names }: { rows: readonly Proxied[]; names: Names }) {
  const runs = new Map(rows.filter(({ outcome }) => outcome === 'learn').map((row) => [row.run_id, row.agent_id]))
  if (runs.size === 0) return null
  return (
    <Banner tone="info">
      {t('A run learned where its agent goes.')}
      <ul>
        {[...runs].map(([run, agent]) => (
          <li key={run}>
            <Link href={paths.draft(run)} className="underline underline-offset-4">
              {t('Make a grant from this')}
            </Link>{' '}
            <span className="text-sm text-muted wrap-anywhere">{visible(`${names.agents.get(agent) ?? agent}, ${run}`)}</span>
          </li>
        ))}
      </ul>
    </Banner>
  )
}

function Answer({ row: { ended } }: { row: Proxied }) {
  if (!ended) return <span className="text-muted">–</span>
  return (
    <span className="flex flex-col">
      <span className="tabular-nums">{ended.status ?? ended.fault ?? '–'}</span>
      <span className="text-xs text-muted">
        {t('{ms} ms', { ms: ended.total_ms })}
        {ended.redactions > 0 &&
          ` · ${t('{count, plural, one {# secret masked} other {# secrets masked}}', { count: ended.redactions })}`}
      </span>
    </span>
  )
}

/** What agents and connections are called; ids where somebody may not see them. */
export function useNames(enabled: boolean): Names {
  const agents = useQuery({
    queryKey: ['agents', 'names'],
    queryFn: () => api.agents.list({ limit: 200 }),
    enabled,
    staleTime: 60_000,
  })
  const connections = useQuery({
    queryKey: ['connections', 'names'],
    queryFn: () => api.call('GET /connections', { query: { limit: 200 } }),
    enabled,
    staleTime: 60_000,
  })
  return {
    agents: new Map((agents.data?.data ?? []).map(({ id, name }) => [id, name])),
    connections: new Map((connections.data?.data ?? []).map((one) => [one.id, `${one.provider}:${one.name}`])),
  }
}

type FormProps = { filters: Filters; names: Names; onFilter: (next: Record<string, string>) => void }

function FilterForm({ filters, names, onFilter }: FormProps) {
  const [typed, setTyped] = useState<Filters>(filters)
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    onFilter(Object.fromEntries(Object.entries(typed).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : []))))
  }
  const field = (name: keyof Filters) => ({
    value: typed[name] ?? '',
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const any = { value: '', label: t('any') }
  const named = (some: ReadonlyMap<string, string>) => [
    any,
    ...[...some].map(([value, label]) => ({ value, label: visible(label) })),
  ]
  return (
    <search>
      <form
        onSubmit={onSubmit}
        aria-label={t('Filter requests')}
        className="card grid items-end gap-3 p-4 sm:grid-cols-2 lg:grid-cols-5"
      >
        <SelectField label={t('Agent')} options={named(names.agents)} {...field('agent_id')} />
        <SelectField label={t('Connection')} options={named(names.connections)} {...field('connection_id')} />
        <SelectField
          label={t('Outcome')}
          options={[any, ...OUTCOMES.map((value) => ({ value, label: outcomeWord(value) }))]}
          {...field('outcome')}
        />
        <TextField label={t('Host')} placeholder="api.example.com" {...field('host')} />
        <div className="flex gap-2">
          <Button type="submit" tone="primary">
            {t('Filter')}
          </Button>
          <Button tone="quiet" onClick={() => onFilter({})}>
            {t('Clear')}
          </Button>
        </div>
      </form>
    </search>
  )
}
