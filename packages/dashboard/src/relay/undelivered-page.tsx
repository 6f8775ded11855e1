// What the relay could not deliver (relay.md R69, R128): messages that used up their schedule and wait for a person, and the deliveries behind them, to be sent once more one by one or
// all together.
import { useQueries, useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { Empty, figure, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { type Delivery, DeliveryTable } from '../webhooks/frame.tsx'
import { ReplayCard } from '../webhooks/replay-card.tsx'
import { ThreadsFrame } from './frame.tsx'
import { LIVE } from './words.tsx'

/** What goes to the agents of this tenant. */
const TYPE = 'message.accepted'
/** An inbox is asked for each card. */
const CARDS = 25

export function UndeliveredPage() {
  useTitle(t('Not delivered'))
  const me = useUser()
  const closed = closedTo(me, 'thread.list', t('see threads'))
  return (
    <ThreadsFrame title={t('Not delivered')}>
      {closed ? (
        <Banner tone="info">{closed}</Banner>
      ) : (
        <>
          <Waiting />
          {closedTo(me, 'delivery.read', '') === undefined && <Deliveries />}
        </>
      )}
    </ThreadsFrame>
  )
}

function Waiting() {
  const now = useNow()
  const cards = useQuery({
    queryKey: ['relay', 'cards', 'inboxes'],
    queryFn: () => api.call('GET /cards', { query: { limit: CARDS } }),
  })
  const inboxes = useQueries({
    queries: (cards.data?.data ?? [])
      .filter(({ state }) => state !== 'retired')
      .map(({ slug }) => ({
        queryKey: ['relay', 'inbox', slug, 'exhausted'],
        queryFn: async () =>
          (
            await api.call('GET /agents/:slug/inbox', { params: { slug }, query: { state: 'exhausted' as const, limit: 50 } })
          ).data.map((one) => ({ ...one, slug })),
        ...LIVE,
      })),
  })
  const rows = inboxes.flatMap(({ data }) => data ?? []).sort((a, b) => b.age_seconds - a.age_seconds)
  const isRead = cards.data !== undefined && inboxes.every(({ isPending }) => !isPending)
  const error = cards.error ?? inboxes.find((one) => one.error)?.error
  return (
    <section className="flex flex-col gap-3" aria-label={t('Messages that wait for a person')}>
      <h2 className="text-lg font-semibold">{t('Messages that wait for a person')}</h2>
      <Refusal error={error} />
      {!isRead && !error && <p className="text-muted">{t('Loading…')}</p>}
      {isRead && rows.length === 0 && <Empty>{t('None. What cannot be delivered to an agent of yours is shown here.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Messages')}
          rows={rows}
          id={(row) => row.message_id}
          columns={[
            {
              name: t('From'),
              cell: (row) => (
                <Link href={paths.thread(row.thread_id)}>
                  <AgentText text={row.from} />
                </Link>
              ),
            },
            { name: t('Agent'), cell: (row) => <span className="font-mono text-xs">{row.slug}</span> },
            { name: t('Why'), cell: (row) => WHY[row.state_reason ?? ''] ?? '–' },
            { name: t('Attempts'), right: true, cell: (row) => figure(row.attempts) },
            { name: t('Came'), cell: (row) => <When at={row.created_at} now={now} /> },
          ]}
        />
      )}
    </section>
  )
}

const WHY: Record<string, string> = {
  attempts_exhausted: t('its schedule is used up'),
  leases_exhausted: t('workers took it and never finished'),
  payload_expired: t('the time of its content was over'),
  payload_mismatch: t('what is stored is not what was sent'),
  outcome_unknown: t('nobody knows whether it arrived'),
}

function Deliveries() {
  const now = useNow()
  const { rows, query } = useList<Delivery>(
    ['webhooks', 'deliveries', 'relay'],
    (cursor) => api.call('GET /deliveries', { query: { state: 'exhausted' as const, type: TYPE, limit: 50, cursor } }),
    LIVE,
  )
  return (
    <section className="flex flex-col gap-3" aria-label={t('Exhausted deliveries')}>
      <h2 className="text-lg font-semibold">{t('Exhausted deliveries')}</h2>
      <Refusal error={query.error} />
      {query.data && rows.length === 0 && (
        <Empty>{t('None. Deliveries to endpoints of agents that used up their schedule are shown here.')}</Empty>
      )}
      {rows.length > 0 && <DeliveryTable rows={rows} now={now} withEndpoint />}
      <More query={query} />
      <ReplayCard of={{ type: TYPE }} exhausted={rows.length} />
    </section>
  )
}
