// One connection: how it stands, who may use it, and what one can do with it, each with what it brings about. What is stored is shown nowhere.
import type { Connection } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact, relative, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { useNames } from '../traffic/traffic-page.tsx'
import { Banner } from '../ui/banner.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { ConnectionActs } from './acts.tsx'
import { EditConnection } from './edit-connection.tsx'
import { ConnectionBadge, methodWord } from './frame.tsx'

const LIVE = { refetchInterval: 3_000 } as const

export function ConnectionPage({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ['connections', 'one', id],
    queryFn: () => api.call('GET /connections/:id', { params: { id } }),
    ...LIVE,
  })
  const connection = query.data
  const title = connection ? visible(`${connection.provider}:${connection.name}`) : t('Connection')
  useTitle(title)
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.connections()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Connections')}
      </Link>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {connection && (
        <>
          <PageTitle title={title}>
            <ConnectionBadge connection={connection} />
          </PageTitle>
          <Trouble connection={connection} />
          <ConnectionActs connection={connection} />
          <div className="grid items-start gap-5 lg:grid-cols-2">
            <Facts connection={connection} />
            <UsedBy connection={connection} />
          </div>
        </>
      )}
    </div>
  )
}

function Trouble({ connection }: { connection: Connection }) {
  const now = useNow()
  const { status, last_error, provider_revocation } = connection
  if (status === 'needs_reauth')
    return (
      <Banner tone="warning">
        {t('Agents that need it are refused until somebody signs in again. Its name and its grants stay.')}
      </Banner>
    )
  if (status === 'suspended')
    return (
      <Banner tone="error">
        {t('What is stored does not open in its place any more. Connect it anew, and look at the record.')}
      </Banner>
    )
  if (provider_revocation === 'failed')
    return (
      <Banner tone="error">
        {t('The provider did not take the revocation. Use ended here; end it on the provider’s own page as well.')}{' '}
        <OwnPage provider={connection.provider} />
      </Banner>
    )
  if (last_error === null || status !== 'connected') return null
  return (
    <Banner tone="warning">
      {t('The last attempt failed {when}: {code}.', {
        when: relative(last_error.at, now),
        code: last_error.code.replaceAll('_', ' '),
      })}
    </Banner>
  )
}

/** Where the vendor says how (V51). */
function OwnPage({ provider }: { provider: string }) {
  const query = useQuery({
    queryKey: ['providers', 'one', provider],
    queryFn: () => api.call('GET /providers/:name', { params: { name: provider } }),
  })
  const url = query.data?.definition?.docs_url
  if (typeof url !== 'string') return null
  return (
    <a href={url} rel="noreferrer noopener" target="_blank" className="underline underline-offset-4">
      {t('Documentation of the vendor')}
    </a>
  )
}

function Facts({ connection }: { connection: Connection }) {
  const me = useUser()
  const time = (at: string | null) => (at === null ? '–' : exact(at))
  const rows: Row[] = [
    [
      t('Provider'),
      <Link key="provider" href={paths.provider(connection.provider)} className="underline underline-offset-4">
        {connection.provider}
      </Link>,
    ],
    [t('Account'), connection.account?.label ? visible(connection.account.label) : '–'],
    [t('Whose'), connection.shared ? t('everybody’s') : connection.owner === me.id ? t('yours') : (connection.owner ?? '–')],
    [t('By'), methodWord(connection.method)],
    [t('Scopes'), connection.scopes.length > 0 ? visible(connection.scopes.join(', ')) : '–'],
    [t('Labels'), connection.labels.length > 0 ? visible(connection.labels.join(', ')) : '–'],
    ...Object.entries(connection.params).map(([name, value]): Row => [name, visible(value)]),
    [t('Obtained'), time(connection.obtained_at)],
    [t('Expires'), time(connection.expires_at)],
    [t('Renewed next'), time(connection.refresh_at)],
    ...(connection.hosts.length > 0 ? [[t('Only at'), visible(connection.hosts.join(', '))] satisfies Row] : []),
    ...(connection.rotation ? [[t('Exchange of the key'), rotationWord(connection.rotation)] satisfies Row] : []),
    [t('Last use'), time(connection.last_used_at)],
    [
      t('Id'),
      <code key="id" className="font-mono text-sm">
        {connection.id}
      </code>,
    ],
  ]
  return (
    <Card title={t('About it')} aside={<EditConnection connection={connection} />}>
      <Described rows={rows} />
    </Card>
  )
}

/** How far the last exchange of the key is. */
function rotationWord({ state, cause, started_at, retire_at }: NonNullable<Connection['rotation']>): string {
  if (state === 'overlapping' && retire_at !== null) return t('the old key counts until {time}', { time: exact(retire_at) })
  if (state === 'retiring') return t('the old key is being ended')
  if (state === 'undoing') return t('the new key is being ended')
  if (state !== 'over') return t('a new key is on its way')
  if (cause === null) return t('done, begun {time}', { time: exact(started_at) })
  return t('ended early ({cause}), begun {time}', { cause: cause.replaceAll('_', ' '), time: exact(started_at) })
}

function UsedBy({ connection }: { connection: Connection }) {
  const names = useNames(true)
  return (
    <Card
      title={t('Who may use it')}
      aside={
        connection.status === 'revoked' || connection.status === 'removed' ? undefined : (
          <Link href={paths.newGrant({ connection: connection.id })} className="underline underline-offset-4">
            {t('Let an agent use it')}
          </Link>
        )
      }
    >
      {connection.used_by.length === 0 && <p className="text-muted">{t('No agent yet.')}</p>}
      <ul className="flex flex-col gap-2">
        {connection.used_by.map((one) => (
          <li key={one.grant_id} className="flex flex-wrap items-baseline justify-between gap-2">
            <span>
              {one.agent_id
                ? visible(names.agents.get(one.agent_id) ?? one.agent_id)
                : t('every agent labelled {label}', { label: visible(one.agent_label ?? '') })}
            </span>
            <Link href={paths.grant(one.grant_id)} className="text-sm underline underline-offset-4">
              {t('what it may do')}
            </Link>
          </li>
        ))}
      </ul>
      {connection.default_of.includes('') && <p className="text-sm text-muted">{t('It is meant where nobody names another.')}</p>}
    </Card>
  )
}
