// Connection requests (relay.md R128): those of others to us, which are answered as tasks in the inbox, and our own to others, with their tokens to collect.
import type { ConnectionRequest } from '@countersign/sdk'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { When } from '../jobs/frame.tsx'
import { useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { AgentText } from '../ui/content.tsx'
import { GrantsFrame } from './frame.tsx'
import { bySide, Named, Rows, SideFilter, useFilter } from './lists.tsx'
import { isCollectable, LIVE, REQUEST_STATES, RequestBadge, requestWord } from './words.tsx'

const SIDES = { owner: t('others ask us'), caller: t('we ask others') }

export function ConnectionRequestsPage() {
  useTitle(t('Connection requests'))
  const me = useUser()
  const now = useNow()
  const { given, set } = useFilter()
  const filter = bySide(given, REQUEST_STATES)
  const closed = closedTo(me, 'connection_request.read', t('see connection requests'))
  const list = useList<ConnectionRequest>(
    ['relay', 'requests', filter.side, filter.state],
    (cursor) => api.call('GET /connection-requests', { query: { ...filter, limit: 50, cursor } }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  if (closed)
    return (
      <GrantsFrame title={t('Connection requests')}>
        <Banner tone="info">{closed}</Banner>
      </GrantsFrame>
    )
  return (
    <GrantsFrame title={t('Connection requests')}>
      <SideFilter filter={filter} names={SIDES} states={REQUEST_STATES} word={requestWord} set={set} />
      <Rows
        label={t('Connection requests')}
        list={list}
        none={
          filter.side || filter.state
            ? t('No connection request matches.')
            : t('No connection request yet. Ask for an agent in the listing, or wait until somebody asks for one of yours.')
        }
        columns={[
          {
            name: t('Who'),
            cell: (row) => (
              <Named
                below={
                  row.side === 'owner'
                    ? t('asks for {agent}', { agent: row.agent })
                    : t('ours, asks for {agent}', { agent: row.agent })
                }
              >
                <Link href={paths.connectionRequest(row.id)}>
                  <AgentText text={row.asker.name} />
                </Link>
              </Named>
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
    </GrantsFrame>
  )
}
