// Grants (V142): which agent may use which connection, for what and for how long. Use, and nothing else: no grant lets anybody read a credential.
import type { Grant } from '@countersign/sdk'
import { Link, useLocation, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { useNames } from '../traffic/traffic-page.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { GrantBadge, grantee, STATUSES, statusWord } from './frame.tsx'
import { sentence } from './rule.ts'

const LIVE = { refetchInterval: 3_000 } as const

export function GrantsPage() {
  useTitle(t('Grants'))
  const me = useUser()
  const now = useNow()
  const [, go] = useLocation()
  const [search, setSearch] = useSearchParams()
  const status = STATUSES.find((one) => one === search.get('status'))
  const agent = search.get('agent') ?? undefined
  const closed = closedTo(me, 'grant.read', t('see grants'))
  const names = useNames(closed === undefined)
  const { rows, query } = useList<Grant>(
    ['grants', 'list', status, agent],
    (cursor) =>
      api.call('GET /grants', {
        query: { ...(status ? { status } : {}), ...(agent ? { agent_id: agent } : {}), limit: 50, cursor },
      }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  const set = (next: Record<string, string>) =>
    setSearch(
      Object.fromEntries(
        Object.entries({ status: status ?? '', agent: agent ?? '', ...next }).filter(([, value]) => value !== ''),
      ),
      { replace: true },
    )
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Grants')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Grants')}>
        <Button
          tone="primary"
          reason={closedTo(me, 'grant.create', t('let agents use connections'))}
          onClick={() => go(paths.newGrant())}
        >
          {t('Let an agent use a connection')}
        </Button>
      </PageTitle>
      <search className="grid gap-3 sm:grid-cols-2">
        <SelectField
          label={t('Agent')}
          value={agent ?? ''}
          options={[
            { value: '', label: t('any') },
            ...[...names.agents].map(([value, label]) => ({ value, label: visible(label) })),
          ]}
          onChange={(event) => set({ agent: event.target.value })}
        />
        <SelectField
          label={t('State')}
          value={status ?? ''}
          options={[{ value: '', label: t('any') }, ...STATUSES.map((value) => ({ value, label: statusWord(value) }))]}
          onChange={(event) => set({ status: event.target.value })}
        />
      </search>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {status || agent
            ? t('No grant matches.')
            : t(
                'No grant yet. Without one no agent can use any connection: everything is refused until somebody says otherwise.',
              )}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Grants')}
          rows={rows}
          id={(row) => row.id}
          columns={[
            { name: t('Who'), cell: (row) => <Link href={paths.grant(row.id)}>{grantee(row, names)}</Link> },
            {
              name: t('Connection'),
              cell: (row) => (
                <Link href={paths.connection(row.connection_id)}>
                  {visible(names.connections.get(row.connection_id) ?? row.connection_id)}
                </Link>
              ),
            },
            {
              name: t('What'),
              cell: (row) => (
                <ul className="flex flex-col gap-0.5 text-muted">
                  {row.rules.slice(0, 2).map((rule) => (
                    <li key={JSON.stringify(rule)} className="wrap-anywhere">
                      {visible(sentence(rule))}
                    </li>
                  ))}
                  {row.rules.length > 2 && (
                    <li>{t('{count, plural, one {and # more} other {and # more}}', { count: row.rules.length - 2 })}</li>
                  )}
                </ul>
              ),
            },
            { name: t('State'), cell: (row) => <GrantBadge grant={row} /> },
            {
              name: t('Uses'),
              right: true,
              cell: (row) => (row.max_uses === null ? '–' : t('{uses} of {most}', { uses: row.uses, most: row.max_uses })),
            },
            { name: t('Until'), cell: (row) => <When at={row.expires_at} now={now} /> },
          ]}
        />
      )}
      <More query={query} />
    </div>
  )
}
