// What the pages of webhooks share: the words and colours of states, rows of deliveries, what an attempt came to, and the act that reads the pages again.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Badge, type Tone } from '../ui/badge.tsx'

export type Endpoint = RouteAnswer<'GET /endpoints/:id'>
export type Stats = RouteAnswer<'GET /endpoints/:id/stats'>
export type Delivery = RouteAnswer<'GET /deliveries'>['data'][number]
export type Attempt = RouteAnswer<'GET /deliveries/:id'>['log'][number]
export type Replay = RouteAnswer<'GET /replays/:id'>

export const LIVE = { refetchInterval: 3_000 } as const

const ENDPOINT: Record<Endpoint['state'], { word: string; tone: Tone }> = {
  pending: { word: t('Waits for its first answer'), tone: 'info' },
  active: { word: t('Active'), tone: 'good' },
  paused: { word: t('Paused'), tone: 'warn' },
  disabled: { word: t('Disabled'), tone: 'bad' },
  deleted: { word: t('Deleted'), tone: 'quiet' },
}

const REASONS: Record<string, string> = {
  gone: t('it answered 410'),
  failing: t('nothing arrived for five days'),
}

export function EndpointBadge({ endpoint }: { endpoint: Pick<Endpoint, 'state' | 'state_reason'> }) {
  const { word, tone } = ENDPOINT[endpoint.state]
  const why = REASONS[endpoint.state_reason ?? '']
  return (
    <Badge tone={tone}>
      {word}
      {why ? `: ${why}` : ''}
    </Badge>
  )
}

export const isFailing = (endpoint: Endpoint): boolean => endpoint.state === 'active' && endpoint.health.failing_since !== null

const DELIVERY: Record<Delivery['state'], Tone> = {
  pending: 'info',
  sending: 'info',
  succeeded: 'good',
  exhausted: 'bad',
  held: 'warn',
  cancelled: 'quiet',
}
export const DELIVERY_STATES = Object.keys(DELIVERY) as Delivery['state'][]

export const DeliveryBadge = ({ delivery }: { delivery: Pick<Delivery, 'state' | 'blocks'> }) => (
  <Badge tone={DELIVERY[delivery.state]}>
    {delivery.blocks ? t('{state}, holds up its key', { state: wireWord(delivery.state) }) : wireWord(delivery.state)}
  </Badge>
)

const CLASSES: Record<string, string> = {
  timeout: t('no answer in time'),
  unreachable: t('not reachable'),
  tls: t('TLS failed'),
  too_large: t('the reply was too large'),
  url_not_allowed: t('this address may not be called'),
  url_invalid: t('not a URL'),
  lost: t('unknown: the worker was lost'),
}

/** What came back, in a few words. */
export const resultOf = (status: number | null, kind: string | null): string =>
  status !== null ? t('HTTP {status}', { status }) : kind === null ? '–' : (CLASSES[kind] ?? kind)

export const share = (part: number | null): string => (part === null ? '–' : `${Math.floor(part * 1_000) / 10} %`)

/** An act on webhooks: afterwards every page of them is read again. */
export function useWebhookAct<T, A>(act: (given: A) => Promise<T>, done?: (answer: T) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSuccess: done,
    onSettled: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  })
}

export function DeliveryTable({ rows, now, withEndpoint }: { rows: Delivery[]; now: number; withEndpoint: boolean }) {
  if (rows.length === 0) return <Empty>{t('No delivery matches. Deliveries and their attempts are kept for 90 days.')}</Empty>
  const to = {
    name: t('To'),
    cell: (row: Delivery) =>
      row.endpoint_id ? (
        <Link href={paths.webhook(row.endpoint_id)} className="inline-block min-w-40 font-mono text-xs wrap-anywhere">
          {row.endpoint_id}
        </Link>
      ) : (
        <span className="text-muted wrap-anywhere">{row.url}</span>
      ),
  }
  return (
    <Table
      label={t('Deliveries')}
      rows={rows}
      id={(row) => row.id}
      columns={[
        {
          name: t('Event'),
          cell: (row) => (
            <span className="flex flex-col items-start">
              <Link href={paths.delivery(row.id)}>{row.event_type}</Link>
              <span className="font-mono text-xs font-normal text-muted wrap-anywhere">{row.resource_id ?? row.event_id}</span>
            </span>
          ),
        },
        ...(withEndpoint ? [to] : []),
        { name: t('State'), cell: (row) => <DeliveryBadge delivery={row} /> },
        { name: t('Last result'), cell: (row) => (row.attempts === 0 ? '–' : resultOf(row.last_status, row.last_class)) },
        { name: t('Attempts'), right: true, cell: (row) => row.attempts },
        { name: t('Made'), cell: (row) => <When at={row.created_at} now={now} /> },
        { name: t('Next'), cell: (row) => <When at={row.next_attempt_at} now={now} /> },
      ]}
    />
  )
}
