// Connection requests (relay.md R128): those of others to us, which are answered as tasks in the inbox, and our own to others, with their tokens to collect.
import type { ConnectionRequest } from '@countersign/sdk'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { GrantsFrame } from './frame.tsx'
import { isCollectable, LIVE, REQUEST_STATES, RequestBadge, requestWord } from './words.tsx'

const SIDES = [
  { value: '', label: t('both') },
  { value: 'owner', label: t('others ask us') },
  { value: 'caller', label: t('we ask others') },
]

export function ConnectionRequestsPage() {
  useTitle(t('Connection requests'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const given = Object.fromEntries(search)
  const side = given.side === 'owner' || given.side === 'caller' ? given.side : undefined
  const state = REQUEST_STATES.find((one) => one === given.state)
  const closed = closedTo(me, 'connection_request.read', t('see connection requests'))
  const { rows, query } = useList<ConnectionRequest>(
    ['relay', 'requests', side, state],
    (cursor) =>
      api.call('GET /connection-requests', {
        query: { ...(side ? { side } : {}), ...(state ? { state } : {}), limit: 50, cursor },
      }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  const set = (next: Record<string, string>) =>
    setSearch(Object.fromEntries(Object.entries({ ...given, ...next }).filter(([, value]) => value !== '')), { replace: true })
  return (
    <GrantsFrame title={t('Connection requests')}>
      {closed ? (
        <Banner tone="info">{closed}</Banner>
      ) : (
        <>
          <search className="grid gap-3 sm:grid-cols-2">
            <SelectField
              label={t('Side')}
              value={side ?? ''}
              options={SIDES}
              onChange={(event) => set({ side: event.target.value })}
            />
            <SelectField
              label={t('State')}
              value={state ?? ''}
              options={[{ value: '', label: t('any') }, ...REQUEST_STATES.map((value) => ({ value, label: requestWord(value) }))]}
              onChange={(event) => set({ state: event.target.value })}
            />
          </search>
          <Refusal error={query.error} />
          {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
          {query.data && rows.length === 0 && (
            <Empty>
              {side || state
                ? t('No connection request matches.')
                : t('No connection request yet. Ask for an agent in the listing, or wait until somebody asks for one of yours.')}
            </Empty>
          )}
          {rows.length > 0 && (
            <Table
              label={t('Connection requests')}
              rows={rows}
              id={(row) => row.id}
              columns={[
                {
                  name: t('Who'),
                  cell: (row) => (
                    <span className="flex flex-col items-start">
                      <Link href={paths.connectionRequest(row.id)}>
                        <AgentText text={row.asker.name} />
                      </Link>
                      <span className="text-xs font-normal text-muted">
                        {row.side === 'owner'
                          ? t('asks for {agent}', { agent: row.agent })
                          : t('ours, asks for {agent}', { agent: row.agent })}
                      </span>
                    </span>
                  ),
                },
                {
                  name: t('State'),
                  cell: (row) => (
                    <span className="flex flex-wrap gap-1">
                      <RequestBadge state={row.state} />
                      {isCollectable(row) && <Badge tone="warn">{t('token not collected')}</Badge>}
                    </span>
                  ),
                },
                {
                  name: t('What for'),
                  cell: (row) => <AgentText text={row.purpose.length > 120 ? `${row.purpose.slice(0, 120)}…` : row.purpose} />,
                },
                { name: t('Asked'), cell: (row) => <When at={row.created_at} now={now} /> },
              ]}
            />
          )}
          <More query={query} />
        </>
      )}
    </GrantsFrame>
  )
}
