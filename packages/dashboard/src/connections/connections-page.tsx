// Connections (V142): the stored credentials, how each stands, who may use it. Nothing here shows what is stored, not even its length.
import type { Connection } from '@countersign/sdk'
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
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { ConnectionBadge, STATUSES, statusWord } from './frame.tsx'
import { NewConnection } from './new-connection.tsx'
import { Proposals } from './proposals.tsx'

const LIVE = { refetchInterval: 3_000 } as const

export function ConnectionsPage() {
  useTitle(t('Connections'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const status = STATUSES.find((one) => one === search.get('status'))
  const q = search.get('q') ?? ''
  const closed = closedTo(me, 'connection.read', t('see connections'))
  const { rows, query } = useList<Connection>(
    ['connections', 'list', status, q],
    (cursor) =>
      api.call('GET /connections', {
        query: { ...(status ? { status } : {}), ...(q ? { q } : {}), limit: 50, cursor },
      }),
    { enabled: closed === undefined, keep: () => true, ...LIVE },
  )
  const set = (next: Record<string, string>) => {
    const all = { status: status ?? '', q, ...next }
    setSearch(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '')), { replace: true })
  }
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Connections')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Connections')}>
        <Button
          tone="primary"
          reason={closedTo(me, 'connection.create', t('make connections'))}
          onClick={() => set({ new: '1' })}
        >
          {t('Connect')}
        </Button>
      </PageTitle>
      <Proposals />
      <search className="grid gap-3 sm:grid-cols-[1fr_14rem]">
        <TextField
          label={t('Find')}
          placeholder={t('a name, an account, a provider')}
          value={q}
          onChange={(event) => set({ q: event.target.value })}
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
          {status || q
            ? t('No connection matches.')
            : t('No connection yet. Connect a provider; agents then use its credential and never see it.')}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Connections')}
          rows={rows}
          id={(row) => row.id}
          columns={[
            {
              name: t('Connection'),
              cell: (row) => (
                <span className="flex flex-col items-start gap-0.5">
                  <Link href={paths.connection(row.id)}>{visible(`${row.provider}:${row.name}`)}</Link>
                  {row.account?.label && <span className="text-xs font-normal text-muted">{visible(row.account.label)}</span>}
                </span>
              ),
            },
            { name: t('State'), cell: (row) => <ConnectionBadge connection={row} /> },
            {
              name: t('Whose'),
              cell: (row) =>
                row.shared ? <Badge tone="info">{t('everybody’s')}</Badge> : row.owner === me.id ? t('yours') : t('a person’s'),
            },
            {
              name: t('Used by'),
              right: true,
              cell: (row) => t('{count, plural, one {# agent} other {# agents}}', { count: row.used_by.length }),
            },
            { name: t('Last use'), cell: (row) => <When at={row.last_used_at} now={now} /> },
            { name: t('Expires'), cell: (row) => <When at={row.expires_at} now={now} /> },
          ]}
        />
      )}
      <More query={query} />
      <Dialog open={search.get('new') !== null} onClose={() => set({ new: '' })} title={t('Connect a provider')}>
        <NewConnection wanted={search.get('provider')} />
      </Dialog>
    </div>
  )
}
