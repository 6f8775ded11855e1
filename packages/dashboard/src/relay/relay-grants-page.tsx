// Relay grants (relay.md R128): who of others works with which agent of ours, and with whose agents ours work. What it is filtered by stands in the address.
import type { RelayGrant } from '@countersign/sdk'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { When } from '../jobs/frame.tsx'
import { useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { GrantsFrame } from './frame.tsx'
import { lastUse } from './last-use.ts'
import { bySide, Named, Rows, SideFilter, useFilter } from './lists.tsx'
import { NewRelayGrant } from './new-relay-grant.tsx'
import { GRANT_STATES, grantWord, LIVE, RelayGrantBadge } from './words.tsx'

const SIDES = { owner: t('others call agents of ours'), caller: t('agents of ours call others') }

export function RelayGrantsPage() {
  useTitle(t('Relay grants'))
  const me = useUser()
  const now = useNow()
  const { given, set } = useFilter()
  const [secret, setSecret] = useState<string | null>(null)
  const filter = bySide(given, GRANT_STATES)
  const closed = closedTo(me, 'relay_grant.read', t('see relay grants'))
  const list = useList<RelayGrant>(
    ['relay', 'grants', filter.side, filter.state],
    (cursor) => api.call('GET /relay-grants', { query: { ...filter, limit: 50, cursor } }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  if (closed)
    return (
      <GrantsFrame title={t('Relay grants')}>
        <Banner tone="info">{closed}</Banner>
      </GrantsFrame>
    )
  return (
    <GrantsFrame
      title={t('Relay grants')}
      aside={
        <Button tone="primary" reason={closedTo(me, 'relay_grant.create', t('let callers in'))} onClick={() => set({ new: '1' })}>
          {t('Let somebody in')}
        </Button>
      }
    >
      <SideFilter filter={filter} names={SIDES} states={GRANT_STATES} word={grantWord} set={set} />
      <Rows
        label={t('Relay grants')}
        list={list}
        none={
          filter.side || filter.state
            ? t('No relay grant matches.')
            : t(
                'No relay grant yet. One comes to be when people approve a connection request, or when you let somebody in who has no account here.',
              )
        }
        columns={[
          {
            name: t('Who'),
            cell: (row) => (
              <Named
                below={
                  row.side === 'owner' ? t('calls {agent}', { agent: row.agent }) : t('ours, calls {agent}', { agent: row.agent })
                }
              >
                <Link href={paths.relayGrant(row.id)}>
                  <AgentText text={row.label} />
                </Link>
              </Named>
            ),
          },
          {
            name: t('State'),
            cell: (row) => (
              <span className="flex flex-wrap gap-1">
                <RelayGrantBadge grant={row} />
                {row.sandbox && <Badge tone="info">{t('try-out')}</Badge>}
              </span>
            ),
          },
          {
            name: t('Skills'),
            cell: (row) => (row.skills === null ? t('every skill') : <AgentText text={row.skills.join(', ')} />),
          },
          { name: t('Last used'), cell: (row) => lastUse(row, now) },
          { name: t('Until'), cell: (row) => <When at={row.expires_at} now={now} /> },
        ]}
      />
      <Dialog open={given.new === '1'} onClose={() => set({ new: '' })} title={t('Let somebody in')}>
        <NewRelayGrant
          agent={given.agent}
          onMade={(made) => {
            set({ new: '', agent: '' })
            setSecret(made.relay_token ?? null)
          }}
        />
      </Dialog>
      <ShownOnce secret={secret} onClose={() => setSecret(null)} title={t('The new relay token')} label={t('relay token')}>
        <p className="text-muted">{t('Whoever holds it is the caller. Hand it over on a way that only they can read.')}</p>
      </ShownOnce>
    </GrantsFrame>
  )
}
