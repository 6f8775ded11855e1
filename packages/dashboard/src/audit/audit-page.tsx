// The record (P115, P118): every event with filters that stand in the address, how the sealing stands, and the way to take the record home and check it there.
import type { Event } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { ExportCard } from './export-card.tsx'
import { ChainFigures, Resource, Who } from './frame.tsx'
import { asQuery, type Filters, readFilters } from './search.ts'
import { VerifyCard } from './verify-card.tsx'

const LIVE = { refetchInterval: 5_000 } as const

export function AuditPage() {
  useTitle(t('Audit'))
  const me = useUser()
  const now = useNow()
  const [params, setParams] = useSearchParams()
  const filters = readFilters(params)
  const closed = closedTo(me, 'event.list', t('read the record'))
  const enabled = closed === undefined
  const status = useQuery({ queryKey: ['audit', 'status'], queryFn: () => api.call('GET /audit/status'), enabled, ...LIVE })
  const types = useQuery({
    queryKey: ['audit', 'types'],
    queryFn: () => api.call('GET /events/types'),
    enabled,
    staleTime: Infinity,
  })
  const { rows, query } = useList<Event>(
    ['audit', 'events', filters],
    (cursor) => api.call('GET /events', { query: { ...asQuery(filters), limit: 50, cursor } }),
    { enabled, ...LIVE },
  )
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Audit')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Audit')} />
      <Refusal error={status.error} />
      {status.data && <ChainFigures status={status.data} now={now} />}
      <FilterForm
        key={params.toString()}
        filters={filters}
        types={(types.data?.data ?? []).map((type) => type.name)}
        onFilter={(next) => setParams(next)}
      />
      <Refusal error={query.error} />
      {query.data && rows.length === 0 && (
        <Empty>{t('No event matches. Events older than the tenant keeps are gone; their seals stay.')}</Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Events')}
          rows={rows}
          id={(event) => event.id}
          columns={[
            {
              name: t('Event'),
              cell: (event) => (
                <span className="flex flex-col items-start gap-1">
                  <Link href={paths.auditEvent(event.id)}>{event.type}</Link>
                  {event.class === 'audit' && <Badge tone="quiet">{t('audit')}</Badge>}
                </span>
              ),
            },
            { name: t('When'), cell: (event) => <When at={event.occurred_at} now={now} /> },
            { name: t('Who'), cell: (event) => <Who actor={event.actor} /> },
            { name: t('What'), cell: (event) => <Resource resource={event.resource} /> },
            {
              name: t('Number'),
              right: true,
              cell: (event) => (event.seq === undefined ? <span className="text-muted">{t('waits')}</span> : `#${event.seq}`),
            },
          ]}
        />
      )}
      <More query={query} />
      <div className="grid gap-5 lg:grid-cols-2">
        <ExportCard />
        <VerifyCard />
      </div>
    </div>
  )
}

type FormProps = { filters: Filters; types: string[]; onFilter: (next: Record<string, string>) => void }

function FilterForm({ filters, types, onFilter }: FormProps) {
  const [typed, setTyped] = useState<Filters>(filters)
  const field = (name: keyof Filters) => ({
    value: typed[name] ?? '',
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    onFilter(Object.fromEntries(Object.entries(typed).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : []))))
  }
  const any = { value: '', label: t('any') }
  const areas = [...new Set(types.map((type) => `${type.split('.')[0]}.*`))].sort()
  const typeOptions = [...areas, ...types].map((type) => ({ value: type, label: type }))
  return (
    <search>
      <form
        onSubmit={onSubmit}
        aria-label={t('Filter events')}
        className="card grid items-start gap-3 p-4 sm:grid-cols-2 lg:grid-cols-4"
      >
        <SelectField label={t('Type')} options={[any, ...typeOptions]} {...field('type')} />
        <SelectField
          label={t('Class')}
          options={[any, { value: 'audit', label: t('audit') }, { value: 'activity', label: t('activity') }]}
          {...field('class')}
        />
        <TextField label={t('Who')} placeholder={t('usr_… agt_… key_…')} {...field('actor')} />
        <TextField label={t('What')} placeholder={t('task_… job_…')} {...field('resource')} />
        <TextField label={t('Action')} placeholder={t('created')} {...field('action')} />
        <SelectField
          label={t('Decision')}
          options={[any, ...['allow', 'ask', 'deny'].map((value) => ({ value, label: wireWord(value) }))]}
          {...field('decision')}
        />
        <TextField label={t('From')} type="date" {...field('since')} />
        <TextField label={t('To')} type="date" {...field('until')} />
        <div className="flex gap-2 sm:col-span-2 lg:col-span-4">
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
