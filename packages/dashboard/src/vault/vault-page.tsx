// The vault as a whole (V142): under which keys what is stored stands, whether all of it opens, and the proxies that may ask for it. Numbers only.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.ts'
import { useVaultAct } from '../connections/frame.tsx'
import { Figure, figure, Table } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { NodesCard } from './nodes-card.tsx'

type Status = RouteAnswer<'GET /vault/status'>

export function VaultPage() {
  useTitle(t('Vault'))
  const me = useUser()
  const closed = closedTo(me, 'vault.read', t('see how the vault stands'))
  const query = useQuery({
    queryKey: ['vault', 'status'],
    queryFn: () => api.call('GET /vault/status'),
    enabled: closed === undefined,
    refetchInterval: 5_000,
  })
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Vault')} />
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={query.error} />
      {!closed && query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && <Standing status={query.data} />}
      {Object.hasOwn(me.may, 'node.manage') && <NodesCard />}
    </div>
  )
}

function Standing({ status }: { status: Status }) {
  const { root_key, tenant_key, envelopes, connections, proxy_url } = status
  return (
    <>
      <dl className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
        <Figure
          name={t('Connections')}
          value={figure(connections.count)}
          hint={t('{connected} connected', { connected: figure(connections.by_status.connected ?? 0) })}
        />
        <Figure name={t('Sealed values')} value={figure(envelopes.total)} hint={t('each under a key of its own')} />
        <Figure
          name={t('Key of the tenant')}
          value={tenant_key ? t('version {version}', { version: tenant_key.version }) : '–'}
          hint={
            tenant_key
              ? t('{versions, plural, one {# version opens} other {# versions open}}', { versions: tenant_key.versions })
              : t('made with the first value')
          }
        />
        <Figure
          name={t('Root key')}
          value={t('version {version}', { version: root_key.version })}
          hint={t('from {source}, {fingerprint}', { source: root_key.source, fingerprint: root_key.fingerprint.slice(0, 12) })}
        />
      </dl>
      <Card title={t('The proxy')}>
        {proxy_url === null ? (
          <p className="text-muted">{t('This installation runs no proxy: agents cannot use connections yet.')}</p>
        ) : (
          <>
            <p className="text-muted">
              {t('Start an agent like this; its calls leave through {address}.', { address: proxy_url })}
            </p>
            <Copyable
              label={t('command')}
              text="countersign run --purpose 'a first try' -- curl https://api.example.com/"
              block
            />
          </>
        )}
      </Card>
      <Verify />
      {envelopes.items.length > 0 && (
        <Table
          label={t('Sealed values by place')}
          rows={envelopes.items}
          id={(row) => `${row.item} ${row.version}`}
          columns={[
            { name: t('Place'), cell: (row) => <code className="font-mono text-sm">{row.item}</code> },
            { name: t('Version of the key'), right: true, cell: (row) => row.version },
            { name: t('Values'), right: true, cell: (row) => figure(row.rows) },
          ]}
        />
      )}
    </>
  )
}

const DONE = ['completed', 'failed', 'cancelled']

function Verify() {
  const me = useUser()
  const { run, dialog } = useStepUp()
  const [jobId, setJobId] = useState<string | null>(null)
  const start = useVaultAct(
    () => run(() => api.call('POST /vault/verify')),
    ({ job_id }) => setJobId(job_id),
  )
  const job = useQuery({
    queryKey: ['vault', 'verify', jobId],
    queryFn: () => api.call('GET /jobs/:id', { params: { id: jobId as string } }),
    enabled: jobId !== null,
    refetchInterval: (query) => (DONE.includes(query.state.data?.state ?? '') ? false : 1_000),
  })
  const isOver = DONE.includes(job.data?.state ?? '')
  const result = useQuery({
    queryKey: ['vault', 'verify', jobId, 'result'],
    queryFn: () => api.call('GET /jobs/:id/result', { params: { id: jobId as string } }),
    enabled: jobId !== null && job.data?.state === 'completed',
  })
  const found = result.data?.output as { checked?: number; failed?: number; put_back?: number } | null | undefined
  return (
    <Card
      title={t('Does everything open?')}
      aside={
        <Button
          small
          reason={closedTo(me, 'vault.verify', t('open every value to see whether it opens'))}
          busy={start.isPending || (jobId !== null && !isOver)}
          onClick={() => start.mutate(undefined)}
        >
          {t('Check now')}
        </Button>
      }
    >
      <p className="text-sm text-muted">
        {t('Opens each stored value in memory and counts what does not open. Shows none of them.')}
      </p>
      <div role="status">
        {jobId !== null && !isOver && <p>{t('At work …')}</p>}
        {found && (found.failed ?? 0) === 0 && (
          <Banner tone="info">
            {t('{checked, plural, =0 {Nothing is stored yet.} one {The one value opens.} other {All # values open.}}', {
              checked: found.checked ?? 0,
            })}
          </Banner>
        )}
        {found && (found.failed ?? 0) > 0 && (
          <Banner tone="error">
            {t('{failed, plural, one {# value does} other {# values do}} not open. The record names the connections.', {
              failed: found.failed ?? 0,
            })}
          </Banner>
        )}
        {found && (found.put_back ?? 0) > 0 && (
          <Banner tone="error">
            {t(
              '{count, plural, one {# connection is} other {# connections are}} older than the record says: a row was put back.',
              {
                count: found.put_back ?? 0,
              },
            )}
          </Banner>
        )}
        {isOver && job.data?.state !== 'completed' && (
          <Banner tone="error">{t('The check did not end; its job says why.')}</Banner>
        )}
      </div>
      <Refusal error={start.error ?? job.error ?? result.error} />
      {dialog}
    </Card>
  )
}
