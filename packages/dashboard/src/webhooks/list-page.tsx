// Webhooks: every endpoint with how it does, the last deliveries of all, and the way to a new endpoint. What it is filtered by stands in the address.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, figure, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { DELIVERY_STATES, type Delivery, DeliveryTable, type Endpoint, EndpointBadge, isFailing, LIVE } from './frame.tsx'
import { NewEndpoint } from './new-endpoint.tsx'

export function WebhooksPage() {
  useTitle(t('Webhooks'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const [secret, setSecret] = useState<string | null>(null)
  const closed = closedTo(me, 'endpoint.read', t('see webhooks'))
  const enabled = closed === undefined
  const { rows, query } = useList<Endpoint>(['webhooks', 'list'], (cursor) => api.call('GET /endpoints', { query: { cursor } }), {
    enabled,
    ...LIVE,
  })
  const open = (wanted: boolean) => setSearch(wanted ? { new: 'endpoint' } : {})
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Webhooks')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Webhooks')}>
        <Button tone="primary" reason={closedTo(me, 'endpoint.create', t('add endpoints'))} onClick={() => open(true)}>
          {t('New endpoint')}
        </Button>
      </PageTitle>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {t(
            'No endpoint yet. An endpoint is an address of yours that gets events as signed posts: a task was answered, a key ends soon.',
          )}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Endpoints')}
          rows={rows}
          id={(one) => one.id}
          columns={[
            {
              name: t('Endpoint'),
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <Link href={paths.webhook(one.id)}>{visible(one.label || new URL(one.url).host)}</Link>
                  <span className="text-xs font-normal text-muted wrap-anywhere">{visible(one.url)}</span>
                </span>
              ),
            },
            {
              name: t('State'),
              cell: (one) => (
                <span className="flex flex-wrap gap-1">
                  <EndpointBadge endpoint={one} />
                  {isFailing(one) && <Badge tone="bad">{t('Failing')}</Badge>}
                </span>
              ),
            },
            { name: t('Events'), cell: (one) => <span className="wrap-anywhere">{one.events.join(', ')}</span> },
            { name: t('Signed'), cell: (one) => one.mode },
            { name: t('Last day'), right: true, cell: (one) => <LastDay id={one.id} /> },
            { name: t('Made'), cell: (one) => <When at={one.created_at} now={now} /> },
          ]}
        />
      )}
      <More query={query} />
      <Recent now={now} />
      <Dialog open={search.get('new') === 'endpoint'} onClose={() => open(false)} title={t('New endpoint')}>
        <NewEndpoint
          onMade={(made) => {
            open(false)
            setSecret(made.secret ?? null)
          }}
        />
      </Dialog>
      <ShownOnce secret={secret} onClose={() => setSecret(null)} title={t('The secret of your endpoint')} label={t('secret')}>
        <p className="text-muted">
          {t('Your receiver checks the signature of every delivery with it; docs/webhooks.md shows how.')}
        </p>
      </ShownOnce>
    </div>
  )
}

/** How much of the last 24 hours arrived. */
function LastDay({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ['webhooks', 'stats', id],
    queryFn: () => api.call('GET /endpoints/:id/stats', { params: { id } }),
    refetchInterval: 15_000,
  })
  if (!data) return <span className="text-muted">–</span>
  if (data.attempts === 0) return <span className="text-muted">{t('nothing sent')}</span>
  return <>{t('{succeeded} of {attempts}', { succeeded: figure(data.succeeded), attempts: figure(data.attempts) })}</>
}

/** Deliveries of all endpoints, callbacks of tasks included. */
function Recent({ now }: { now: number }) {
  const [search, setSearch] = useSearchParams()
  const wanted = search.get('state')
  const state = DELIVERY_STATES.find((one) => one === wanted)
  const { rows, query } = useList<Delivery>(
    ['webhooks', 'deliveries', 'all', state],
    (cursor) => api.call('GET /deliveries', { query: { state, limit: 20, cursor } }),
    LIVE,
  )
  return (
    <section className="flex flex-col gap-3" aria-label={t('Deliveries of all endpoints')}>
      <div className="flex flex-wrap items-end justify-between gap-3">
        <h2 className="text-lg font-semibold">{t('Deliveries')}</h2>
        <SelectField
          label={t('State')}
          value={state ?? ''}
          options={[{ value: '', label: t('any') }, ...DELIVERY_STATES.map((value) => ({ value, label: wireWord(value) }))]}
          onChange={(event) => setSearch(event.target.value ? { state: event.target.value } : {})}
        />
      </div>
      <Refusal error={query.error} />
      {query.data && <DeliveryTable rows={rows} now={now} withEndpoint />}
      <More query={query} />
    </section>
  )
}
