// Relay grants (relay.md R128): who of others works with which agent of ours, and with whose agents ours work. What it is filtered by stands in the address.
import type { RelayGrant } from '@countersign/sdk'
import { useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
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
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { GrantsFrame } from './frame.tsx'
import { lastUse } from './last-use.ts'
import { NewRelayGrant } from './new-relay-grant.tsx'
import { GRANT_STATES, grantWord, LIVE, RelayGrantBadge } from './words.tsx'

const SIDES = [
  { value: '', label: t('both') },
  { value: 'owner', label: t('others call agents of ours') },
  { value: 'caller', label: t('agents of ours call others') },
]

export function RelayGrantsPage() {
  useTitle(t('Relay grants'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const [secret, setSecret] = useState<string | null>(null)
  const given = Object.fromEntries(search)
  const side = given.side === 'owner' || given.side === 'caller' ? given.side : undefined
  const state = GRANT_STATES.find((one) => one === given.state)
  const closed = closedTo(me, 'relay_grant.read', t('see relay grants'))
  const { rows, query } = useList<RelayGrant>(
    ['relay', 'grants', side, state],
    (cursor) =>
      api.call('GET /relay-grants', { query: { ...(side ? { side } : {}), ...(state ? { state } : {}), limit: 50, cursor } }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  const set = (next: Record<string, string>) =>
    setSearch(Object.fromEntries(Object.entries({ ...given, ...next }).filter(([, value]) => value !== '')), { replace: true })
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
          options={[{ value: '', label: t('any') }, ...GRANT_STATES.map((value) => ({ value, label: grantWord(value) }))]}
          onChange={(event) => set({ state: event.target.value })}
        />
      </search>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {side || state
            ? t('No relay grant matches.')
            : t(
                'No relay grant yet. One comes to be when people approve a connection request, or when you let somebody in who has no account here.',
              )}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Relay grants')}
          rows={rows}
          id={(row) => row.id}
          columns={[
            {
              name: t('Who'),
              cell: (row) => (
                <span className="flex flex-col items-start">
                  <Link href={paths.relayGrant(row.id)}>
                    <AgentText text={row.label} />
                  </Link>
                  <span className="text-xs font-normal text-muted">
                    {row.side === 'owner'
                      ? t('calls {agent}', { agent: row.agent })
                      : t('ours, calls {agent}', { agent: row.agent })}
                  </span>
                </span>
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
      )}
      <More query={query} />
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
