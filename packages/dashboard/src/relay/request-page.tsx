// One connection request, from either side (relay.md R24): what was asked beside what was given, how it stands, and for the asking side its token, collected once.
import type { ConnectionRequest } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { AskedGiven } from './terms.tsx'
import { isCollectable, LIVE, RequestBadge, useRelayAct } from './words.tsx'

export function ConnectionRequestPage({ id }: { id: string }) {
  const me = useUser()
  const closed = closedTo(me, 'connection_request.read', t('see connection requests'))
  const query = useQuery({
    queryKey: ['relay', 'request', id],
    queryFn: () => api.call('GET /connection-requests/:id', { params: { id } }),
    enabled: closed === undefined,
    ...LIVE,
  })
  const request = query.data
  useTitle(request ? visible(request.asker.name) : t('Connection request'))
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.connectionRequests()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Connection requests')}
      </Link>
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={query.error} />
      {query.isPending && !closed && <p className="text-muted">{t('Loading…')}</p>}
      {request && (
        <>
          <div className="flex flex-wrap items-start justify-between gap-3">
            <h1 className="min-w-0 text-2xl font-semibold tracking-tight wrap-anywhere">
              <AgentText text={request.asker.name} />
            </h1>
            <RequestBadge state={request.state} />
          </div>
          <p className="-mt-3 text-muted">
            {request.side === 'owner'
              ? t('It asks to work with your agent {agent}.', { agent: request.agent })
              : t('Your agent asks to work with {agent}.', { agent: request.agent })}
          </p>
          {request.side === 'owner' ? <ForOwner request={request} /> : <ForAsker request={request} />}
          <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
            <Card title={t('What for')}>
              <p>
                <AgentText text={request.purpose} />
              </p>
              <AskedGiven asked={request.asked} given={request.given} />
            </Card>
            <FactsCard request={request} />
          </div>
        </>
      )}
    </div>
  )
}

function ForOwner({ request }: { request: ConnectionRequest }) {
  if (request.state !== 'pending' || !request.task_id) return null
  return (
    <Banner tone="info">
      {t('It is answered as a question in the inbox, as narrowly as you want.')}{' '}
      <Link href={paths.task(request.task_id)} className="underline underline-offset-4">
        {t('Answer the question')}
      </Link>
    </Banner>
  )
}

function ForAsker({ request }: { request: ConnectionRequest }) {
  const me = useUser()
  const params = { id: request.id }
  const [secret, setSecret] = useState<string | null>(null)
  const collect = useRelayAct(
    () => api.call('POST /connection-requests/:id/collect', { params }),
    (made) => setSecret(made.relay_token ?? null),
  )
  const withdraw = useRelayAct(() => api.call('POST /connection-requests/:id/withdraw', { params }))
  const closed = closedTo(me, 'connection_request.create', t('ask for connections'))
  return (
    <div className="flex flex-col gap-3">
      {request.state === 'pending' && (
        <>
          <Banner tone="info">
            {t('The people of its owner are asked, until {when}.', { when: exact(request.expires_at) })}
          </Banner>
          <div>
            <Confirm
              name={t('Withdraw')}
              title={t('Withdraw the request')}
              confirm={t('Withdraw it')}
              reason={closed}
              busy={withdraw.isPending}
              onConfirm={() => withdraw.mutate(undefined)}
            >
              {t('Nobody is asked any more. Your agent may ask again.')}
            </Confirm>
          </div>
        </>
      )}
      {isCollectable(request) && (
        <Banner tone="success">
          <div className="mt-1 flex flex-wrap items-center gap-3">
            <span>
              {t('It was approved. The relay token does not exist yet: it is made when you collect it, and shown once.')}
            </span>
            <Button tone="primary" small reason={closed} busy={collect.isPending} onClick={() => collect.mutate(undefined)}>
              {t('Collect the relay token')}
            </Button>
          </div>
        </Banner>
      )}
      <Refusal error={collect.error ?? withdraw.error} />
      <ShownOnce secret={secret} onClose={() => setSecret(null)} title={t('Your relay token')} label={t('relay token')}>
        <p className="text-muted">{t('Your agent starts a thread with it:')}</p>
        <Copyable label={t('sample')} text={sampleOf(request.agent)} block />
      </ShownOnce>
    </div>
  )
}

const sampleOf = (agent: string): string =>
  [
    `curl -X POST ${location.origin}/api/v1/agents/${agent}/threads \\`,
    '  -H "Authorization: Bearer $RELAY_TOKEN" -H "Content-Type: application/json" \\',
    `  -d '{"text": "Hello", "want_thread_token": true}'`,
  ].join('\n')

function FactsCard({ request }: { request: ConnectionRequest }) {
  const rows: Row[] = [
    [
      t('Agent'),
      <Link key="agent" href={paths.listed(request.agent)} className="font-mono text-xs underline underline-offset-4">
        {request.agent}
      </Link>,
    ],
    [
      t('Asking agent'),
      <span key="asker" className="font-mono text-xs">
        {request.asker.agent_id}
      </span>,
    ],
    [t('Asked'), exact(request.created_at)],
    ...(request.decided_at === null ? [] : [[t('Decided'), exact(request.decided_at)] as Row]),
    ...(request.note === null ? [] : [[t('Note'), <AgentText key="note" text={request.note} />] as Row]),
    ...(request.token_issued_at === null ? [] : [[t('Token made'), exact(request.token_issued_at)] as Row]),
    ...(request.relay_grant_id === null
      ? []
      : [
          [
            t('Relay grant'),
            <Link
              key="grant"
              href={paths.relayGrant(request.relay_grant_id)}
              className="font-mono text-xs underline underline-offset-4"
            >
              {request.relay_grant_id}
            </Link>,
          ] as Row,
        ]),
    ...(request.task_id && request.state !== 'pending'
      ? [
          [
            t('The question'),
            <Link key="task" href={paths.task(request.task_id)} className="font-mono text-xs underline underline-offset-4">
              {request.task_id}
            </Link>,
          ] as Row,
        ]
      : []),
    [
      t('Connection request'),
      <span key="id" className="font-mono text-xs">
        {request.id}
      </span>,
    ],
  ]
  return (
    <Card title={t('About it')}>
      <Described rows={rows} />
    </Card>
  )
}
