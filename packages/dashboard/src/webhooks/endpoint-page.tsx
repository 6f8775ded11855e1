// One endpoint: how it did in the last 24 hours, its log, its secrets, and what one can do with it.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Chart } from '../jobs/chart.tsx'
import { Figure, figure, span, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { EditEndpoint } from './edit-endpoint.tsx'
import { EndpointActs } from './endpoint-acts.tsx'
import { DELIVERY_STATES, type Delivery, DeliveryTable, type Endpoint, EndpointBadge, LIVE, type Stats, share } from './frame.tsx'
import { ReplayCard } from './replay-card.tsx'
import { SecretsCard } from './secrets-card.tsx'

export function WebhookPage({ id }: { id: string }) {
  const now = useNow()
  const query = useQuery({
    queryKey: ['webhooks', 'one', id],
    queryFn: () => api.call('GET /endpoints/:id', { params: { id } }),
    ...LIVE,
  })
  const stats = useQuery({
    queryKey: ['webhooks', 'stats', id],
    queryFn: () => api.call('GET /endpoints/:id/stats', { params: { id } }),
    enabled: query.data !== undefined,
    ...LIVE,
  })
  const endpoint = query.data
  const title = endpoint ? visible(endpoint.label || new URL(endpoint.url).host) : t('Webhook')
  useTitle(title)
  if (!endpoint)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Webhook')} />
        {query.isPending ? <p className="text-muted">{t('Loading…')}</p> : <Refusal error={query.error} />}
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={title}>
        <EndpointBadge endpoint={endpoint} />
      </PageTitle>
      <p className="-mt-4 text-muted wrap-anywhere">{visible(endpoint.url)}</p>
      <Warning endpoint={endpoint} now={now} />
      <EndpointActs endpoint={endpoint} />
      <Refusal error={stats.error} />
      {stats.data && <LastDay stats={stats.data} />}
      <Log endpoint={endpoint} now={now} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <SecretsCard endpoint={endpoint} now={now} />
        <ReplayCard
          of={{ endpoint_id: endpoint.id }}
          exhausted={stats.data?.exhausted ?? 0}
          why={endpoint.state === 'active' ? undefined : t('Resume the endpoint first.')}
        />
      </div>
      <Settings endpoint={endpoint} />
    </div>
  )
}

function Warning({ endpoint, now }: { endpoint: Endpoint; now: number }) {
  const { failing_since, timeouts_in_a_row } = endpoint.health
  if (endpoint.state === 'disabled')
    return (
      <Banner tone="error">
        {rich('It was switched off by itself {when}. What comes is held until you resume it.', {
          when: <When at={endpoint.state_since} now={now} />,
        })}
      </Banner>
    )
  if (endpoint.state !== 'active' || failing_since === null) return null
  return (
    <Banner tone="warning">
      {timeouts_in_a_row >= 3
        ? rich(
            'Every attempt since {when} failed; it hangs, so it gets one request at a time. After five days it is switched off.',
            { when: <When at={failing_since} now={now} /> },
          )
        : rich('Every attempt since {when} failed. After five days it is switched off.', {
            when: <When at={failing_since} now={now} />,
          })}
    </Banner>
  )
}

function LastDay({ stats }: { stats: Stats }) {
  const times = stats.hours.map((one) => one.hour)
  return (
    <>
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          name={t('Arrived, last 24 h')}
          value={share(stats.success_share)}
          hint={t('{attempts} attempts', { attempts: figure(stats.attempts) })}
        />
        <Figure name={t('Answer, median')} value={span(stats.p50_ms)} hint={t('p95 {span}', { span: span(stats.p95_ms) })} />
        <Figure name={t('On their way')} value={figure(stats.waiting)} hint={t('{held} held', { held: figure(stats.held) })} />
        <Figure name={t('Exhausted')} value={figure(stats.exhausted)} hint={t('used up their schedule')} />
      </dl>
      <div className="grid gap-3 lg:grid-cols-2">
        <Chart
          title={t('Attempts per hour')}
          times={times}
          unit={figure}
          lines={[
            { name: t('arrived'), colour: 'var(--accent)', values: stats.hours.map((one) => one.succeeded) },
            { name: t('failed'), colour: 'var(--danger)', dashed: true, values: stats.hours.map((one) => one.failed) },
          ]}
        />
        <Chart
          title={t('Time to answer')}
          times={times}
          unit={span}
          lines={[
            { name: 'p50', colour: 'var(--accent)', values: stats.hours.map((one) => one.p50_ms) },
            { name: 'p95', colour: 'var(--warn)', dashed: true, values: stats.hours.map((one) => one.p95_ms) },
          ]}
        />
      </div>
    </>
  )
}

function Log({ endpoint, now }: { endpoint: Endpoint; now: number }) {
  const [search, setSearch] = useSearchParams()
  const [typed, setTyped] = useState(search.get('type') ?? '')
  const state = DELIVERY_STATES.find((one) => one === search.get('state'))
  const type = search.get('type') ?? undefined
  const { rows, query } = useList<Delivery>(
    ['webhooks', 'deliveries', endpoint.id, state, type],
    (cursor) => api.call('GET /deliveries', { query: { endpoint: endpoint.id, state, type, limit: 20, cursor } }),
    LIVE,
  )
  const filter = (next: { state?: string | undefined; type?: string | undefined }) =>
    setSearch(
      Object.fromEntries(Object.entries({ state, type, ...next }).filter((one): one is [string, string] => Boolean(one[1]))),
    )
  const types = ['', ...endpoint.events.filter((one) => one !== '*')]
  return (
    <section className="flex flex-col gap-3" aria-label={t('Deliveries to this endpoint')}>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h2 className="text-lg font-semibold">{t('Deliveries')}</h2>
        <div className="flex flex-wrap gap-3">
          <SelectField
            label={t('State')}
            value={state ?? ''}
            options={[{ value: '', label: t('any') }, ...DELIVERY_STATES.map((value) => ({ value, label: wireWord(value) }))]}
            onChange={(event) => filter({ state: event.target.value })}
          />
          {types.length > 1 && (
            <SelectField
              label={t('Type')}
              value={typed}
              options={types.map((value) => ({ value, label: value || t('any') }))}
              onChange={(event) => {
                setTyped(event.target.value)
                filter({ type: event.target.value })
              }}
            />
          )}
        </div>
      </div>
      <Refusal error={query.error} />
      {query.data && <DeliveryTable rows={rows} now={now} withEndpoint={false} />}
      <More query={query} />
    </section>
  )
}

function Settings({ endpoint }: { endpoint: Endpoint }) {
  const { schedule } = endpoint
  const rows: Row[] = [
    [t('Events'), endpoint.events.join(', ')],
    [
      t('Signature'),
      endpoint.header ? t('{mode}, in {header}', { mode: endpoint.mode, header: endpoint.header }) : endpoint.mode,
    ],
    [
      t('Form'),
      endpoint.thin ? t('thin: ids and an address') : endpoint.thin === false ? t('full') : t('full, but sensitive types thin'),
    ],
    [
      t('Order'),
      endpoint.ordering === 'fifo'
        ? t('FIFO by resource; behind an exhausted one: {onExhausted}', { onExhausted: endpoint.on_exhausted })
        : t('as they come'),
    ],
    [
      t('Schedule'),
      t('{name}: {attempts} attempts within {span}', {
        name: schedule.name,
        attempts: schedule.attempts,
        span: span(schedule.total_seconds * 1000),
      }),
    ],
    [t('Time to answer'), t('{timeoutSeconds} s', { timeoutSeconds: endpoint.timeout_seconds })],
    [t('At once'), figure(endpoint.max_in_flight)],
    [
      t('Rate'),
      endpoint.rate_per_second === null
        ? t('no limit')
        : t('{ratePerSecond} a second', { ratePerSecond: endpoint.rate_per_second }),
    ],
    [t('Headers of its own'), endpoint.header_names.length === 0 ? t('none') : endpoint.header_names.join(', ')],
    [t('Private authority'), endpoint.ca_pem === null ? t('no') : t('yes')],
    [t('Client certificate'), endpoint.has_client_certificate ? t('yes') : t('no')],
    ...(endpoint.public_key ? [[t('Public key'), endpoint.public_key] as Row] : []),
  ]
  return (
    <Card title={t('Settings')}>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-sm text-muted">
          {rich('Order, schedule, headers and certificates are changed by the API: {code}', {
            code: <code className="font-mono wrap-anywhere">PATCH /api/v1/endpoints/{endpoint.id}</code>,
          })}
        </p>
        <EditEndpoint endpoint={endpoint} />
      </div>
      <Described rows={rows} />
    </Card>
  )
}
