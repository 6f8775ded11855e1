// One delivery: what was sent, every attempt with its times, and the acts: again, skip, cancel.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Empty, span, Table, When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { type Attempt, type Delivery, DeliveryBadge, LIVE, resultOf, useWebhookAct } from './frame.tsx'

export function DeliveryPage({ id }: { id: string }) {
  const now = useNow()
  const query = useQuery({
    queryKey: ['webhooks', 'delivery', id],
    queryFn: () => api.call('GET /deliveries/:id', { params: { id } }),
    ...LIVE,
  })
  const one = query.data
  useTitle(one?.event_type ?? t('Delivery'))
  if (!one)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Delivery')} />
        {query.isPending ? <p className="text-muted">{t('Loading…')}</p> : <Refusal error={query.error} />}
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={one.event_type}>
        <DeliveryBadge delivery={one} />
      </PageTitle>
      <Facts delivery={one} waitsFor={one.waits_for} now={now} />
      <Acts delivery={one} />
      <h2 className="text-lg font-semibold">{t('Attempts')}</h2>
      <Attempts log={one.log} now={now} />
      <Body body={one.body} form={one.form} />
    </div>
  )
}

function Facts({ delivery, waitsFor, now }: { delivery: Delivery; waitsFor: string | null; now: number }) {
  const { endpoint_id, url, resource_id } = delivery
  return (
    <dl className="card grid gap-x-6 gap-y-2 p-5 sm:grid-cols-[9rem_1fr] [&_a]:underline [&_a]:decoration-line-strong [&_a]:underline-offset-4">
      <dt className="text-muted">{t('To')}</dt>
      <dd className="wrap-anywhere">{endpoint_id ? <Link href={paths.webhook(endpoint_id)}>{endpoint_id}</Link> : url}</dd>
      <dt className="text-muted">{t('About')}</dt>
      <dd className="wrap-anywhere">
        {resource_id?.startsWith('task_') ? <Link href={paths.task(resource_id)}>{resource_id}</Link> : (resource_id ?? '–')}
      </dd>
      <dt className="text-muted">{t('webhook-id')}</dt>
      <dd className="font-mono text-sm wrap-anywhere">{delivery.event_id}</dd>
      <dt className="text-muted">{t('Made')}</dt>
      <dd>
        <When at={delivery.created_at} now={now} />
      </dd>
      {waitsFor && (
        <>
          <dt className="text-muted">{t('Waits for')}</dt>
          <dd className="wrap-anywhere">
            {rich('{waitsFor}, which is before it in its order', {
              waitsFor: <Link href={paths.delivery(waitsFor)}>{waitsFor}</Link>,
            })}
          </dd>
        </>
      )}
      {delivery.next_attempt_at && !waitsFor && (
        <>
          <dt className="text-muted">{t('Next attempt')}</dt>
          <dd>
            <When at={delivery.next_attempt_at} now={now} />
          </dd>
        </>
      )}
    </dl>
  )
}

function Acts({ delivery }: { delivery: Delivery }) {
  const me = useUser()
  const params = { id: delivery.id }
  const replay = useWebhookAct(() => api.call('POST /deliveries/:id/replay', { params }))
  const skip = useWebhookAct(() => api.call('POST /deliveries/:id/skip', { params }))
  const cancel = useWebhookAct(() => api.call('POST /deliveries/:id/cancel', { params }))
  const isOpen = ['pending', 'sending', 'held'].includes(delivery.state)
  const held = delivery.state === 'held' ? t('Its endpoint is not active; it is sent once it is.') : undefined
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Button
          small
          tone="primary"
          reason={closedTo(me, 'delivery.replay', t('replay deliveries')) ?? held}
          busy={replay.isPending}
          onClick={() => replay.mutate(undefined)}
        >
          {t('Send again')}
        </Button>
        {delivery.fifo && (
          <Button
            small
            reason={
              closedTo(me, 'delivery.skip', t('skip deliveries')) ??
              (isOpen || delivery.blocks ? undefined : t('It holds up nothing.'))
            }
            busy={skip.isPending}
            onClick={() => skip.mutate(undefined)}
          >
            {t('Skip')}
          </Button>
        )}
        <Button
          small
          reason={closedTo(me, 'delivery.cancel', t('cancel deliveries')) ?? (isOpen ? undefined : t('It is over.'))}
          busy={cancel.isPending}
          onClick={() => cancel.mutate(undefined)}
        >
          {t('Cancel')}
        </Button>
      </div>
      <Refusal error={replay.error ?? skip.error ?? cancel.error} />
    </div>
  )
}

const BY: Record<Attempt['trigger'], string> = {
  auto: t('schedule'),
  manual: t('a person'),
  bulk: t('a replay'),
  test: t('a test'),
}

function Attempts({ log, now }: { log: Attempt[]; now: number }) {
  if (log.length === 0) return <Empty>{t('It was not sent yet.')}</Empty>
  return (
    <Table
      label={t('Attempts')}
      rows={[...log].reverse()}
      id={(one) => String(one.n)}
      columns={[
        {
          name: t('Attempt'),
          cell: (one) => (
            <span className="flex flex-wrap items-center gap-2">
              {one.n}
              <Badge tone={one.class === null ? 'good' : one.class === 'lost' ? 'warn' : 'bad'}>
                {resultOf(one.status, one.class)}
              </Badge>
            </span>
          ),
        },
        { name: t('When'), cell: (one) => <When at={one.started_at} now={now} /> },
        { name: t('By'), cell: (one) => BY[one.trigger] },
        { name: t('Took'), right: true, cell: (one) => span(one.ms) },
        { name: 'DNS', right: true, cell: (one) => span(one.dns_ms) },
        {
          name: t('Connect'),
          right: true,
          cell: (one) => (one.connect_ms === null && one.status !== null ? 'open' : span(one.connect_ms)),
        },
        { name: 'TLS', right: true, cell: (one) => span(one.tls_ms) },
        { name: t('First byte'), right: true, cell: (one) => span(one.first_byte_ms) },
        {
          name: t('Reply'),
          cell: (one) => (
            <span className="block max-h-24 max-w-80 overflow-auto text-xs wrap-anywhere">
              {one.excerpt ? <AgentText text={one.excerpt} /> : <span className="text-muted">{t('empty')}</span>}
            </span>
          ),
        },
      ]}
    />
  )
}

function Body({ body, form }: { body: string | null; form: Delivery['form'] }) {
  if (body === null)
    return (
      <Card title={t('Body')}>
        <p className="text-muted">
          {form === 'callback'
            ? t('It holds the answer to a task, which only the task’s own page shows.')
            : t('It is no longer kept.')}
        </p>
      </Card>
    )
  return (
    <Card title={form === 'thin' ? t('Body, thin') : t('Body')}>
      <Copyable label={t('body')} text={body} />
    </Card>
  )
}
