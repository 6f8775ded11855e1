// One provider: where its credentials go, how it is connected, our client there, changes that wait for approval, and its definition as it was written.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { methodWord } from '../connections/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { ClientCard } from './client-card.tsx'
import { ProviderBadges } from './frame.tsx'
import { Proposals } from './proposals.tsx'

type Injection = { where: string; name?: string }

export function ProviderPage({ name }: { name: string }) {
  const me = useUser()
  const query = useQuery({
    queryKey: ['providers', 'one', name],
    queryFn: () => api.call('GET /providers/:name', { params: { name } }),
  })
  const found = query.data
  const provider = found?.provider ?? null
  const title = visible(provider?.display_name ?? name)
  useTitle(title)
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.providers()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Providers')}
      </Link>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {found && (
        <>
          <PageTitle title={title}>{provider && <ProviderBadges provider={provider} />}</PageTitle>
          {provider === null && (
            <Banner tone="info">{t('Nothing of it is in force yet: its first definition waits for approval.')}</Banner>
          )}
          <Proposals proposals={found.proposals} present={found.definition} />
          {provider && (
            <>
              {closedTo(me, 'connection.create', '') === undefined && (
                <p>
                  <Link
                    href={`${paths.connections()}?new=1&provider=${encodeURIComponent(provider.name)}`}
                    className="inline-flex min-h-10 items-center rounded-lg bg-accent px-4 py-1.5 font-medium text-accent-text hover:opacity-90"
                  >
                    {t('Connect')}
                  </Link>
                </p>
              )}
              <div className="grid items-start gap-5 lg:grid-cols-2">
                <About found={found} />
                <ClientCard provider={provider.name} redirectUrl={found.redirect_url} needed={needsClient(found.definition)} />
              </div>
            </>
          )}
          {found.source !== null && (
            <Card
              title={t('Definition')}
              aside={
                <Link href={paths.newProvider(name)} className="underline underline-offset-4">
                  {t('Propose a change')}
                </Link>
              }
            >
              <Copyable label={t('definition')} text={found.source} block />
            </Card>
          )}
        </>
      )}
    </div>
  )
}

type Found = NonNullable<ReturnType<typeof useQuery<Awaited<ReturnType<typeof read>>>>['data']>
const read = (name: string) => api.call('GET /providers/:name', { params: { name } })

const needsClient = (definition: Found['definition']): boolean => {
  const client = definition?.client as { needed?: string } | undefined
  return client?.needed !== undefined && client.needed !== 'never'
}

function About({ found }: { found: Found }) {
  const { provider, definition, usage } = found
  if (!provider) return null
  const inject = (definition?.inject ?? []) as Injection[]
  const docs = definition?.docs_url
  const rows: Row[] = [
    [t('Goes to'), visible(provider.hosts.join(', '))],
    [t('Put in'), inject.map(({ where, name }) => (name ? `${where} ${name}` : where)).join(', ')],
    [t('Connected by'), provider.methods.map(methodWord).join('; ')],
    [t('Compared with the vendor'), provider.verified_on ?? t('not yet: read its documentation before you rely on it')],
    ...(typeof docs === 'string' && docs.startsWith('https://')
      ? [
          [
            t('Documentation'),
            <a key="docs" href={docs} rel="noreferrer noopener" target="_blank" className="underline underline-offset-4">
              {visible(docs)}
            </a>,
          ] as Row,
        ]
      : []),
    ...(usage
      ? [
          [
            t('Used by'),
            t(
              '{connections, plural, one {# connection} other {# connections}}, {grants, plural, one {# grant} other {# grants}}',
              usage,
            ),
          ] as Row,
        ]
      : []),
    [t('Version'), provider.version === 0 ? t('as it is shipped') : String(provider.version)],
  ]
  return (
    <Card title={t('About it')}>
      <Described rows={rows} />
    </Card>
  )
}
