// A program registered itself and gave somebody this link (vault.md V137): one person looks at who it says it is, compares the words of its key with what the program
// prints, and accepts or rejects it. Opening the page decides nothing.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { arrivedToken } from '../pages/arrived.ts'
import { fragmentToken } from '../pages/entrance.tsx'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, exact, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'

const look = (id: string, token: string) =>
  api.call('POST /agents/:id/registration', { params: { id }, body: { token }, idempotency: 'none' })
type Registration = Awaited<ReturnType<typeof look>>

export function ClaimPage({ id }: { id: string }) {
  useTitle(t('Claim an agent'))
  const me = useUser()
  const [token] = useState(() => arrivedToken() || fragmentToken())
  const closed = closedTo(me, 'agent.create', t('claim agents'))
  const [claimed, setClaimed] = useState(false)
  const view = useQuery({
    queryKey: ['registration', id],
    queryFn: () => look(id, token),
    enabled: token !== '' && !closed && !claimed,
    retry: false,
    refetchOnWindowFocus: false,
  })
  const claim = useMutation({
    mutationFn: () => api.call('POST /agents/:id/claim', { params: { id }, body: { token } }),
    onSuccess: () => setClaimed(true),
  })
  const reject = useMutation({
    mutationFn: () => api.call('POST /agents/:id/reject', { params: { id }, body: { token } }),
    onSuccess: () => setClaimed(true),
  })

  return (
    <div className="flex max-w-2xl flex-col gap-5">
      <PageTitle title={t('Claim an agent')} />
      {closed && <Banner tone="warning">{closed}</Banner>}
      {!closed && token === '' && (
        <Banner tone="warning">{t('Open this page by the whole link that the program printed.')}</Banner>
      )}
      {claim.isSuccess && (
        <Banner tone="success">
          {rich('The agent {name} is yours: it can ask, and it may use what you grant it. <link>See your agents</link>', {
            name: <AgentText text={claim.data.name} />,
            link: (words) => <Link href={paths.agents()}>{words}</Link>,
          })}
        </Banner>
      )}
      {reject.isSuccess && <Banner tone="info">{t('Rejected. The program has no right here, and its link is over.')}</Banner>}
      {!claimed && (
        <>
          <Refusal error={view.error ?? claim.error ?? reject.error} />
          {view.isLoading && <p className="text-muted">{t('Loading…')}</p>}
          {view.data && (
            <Asked
              view={view.data}
              busy={claim.isPending || reject.isPending}
              onClaim={() => claim.mutate()}
              onReject={() => reject.mutate()}
            />
          )}
        </>
      )}
    </div>
  )
}

type Props = { view: Registration; busy: boolean; onClaim: () => void; onReject: () => void }

function Asked({ view, busy, onClaim, onReject }: Props) {
  const now = useNow()
  const isOver = Date.parse(view.expires_at) <= now
  const over = isOver ? t('This link is over. Have the program call again: it is told a new one.') : undefined
  return (
    <Card
      title={view.handle}
      badge={
        <Badge tone={view.proven ? 'good' : 'warn'}>
          {view.proven ? t('Holds its private key') : t('Has not shown its private key')}
        </Badge>
      }
    >
      <p>{t('This program wants to be an agent here. Whoever accepts it answers for it.')}</p>
      <div className="flex flex-col gap-2">
        <h3 className="text-sm font-semibold">{t('Does the program print these words?')}</h3>
        <ol aria-label={t('Words of its key')} className="grid grid-cols-2 gap-2 sm:grid-cols-3">
          {view.words.map((word, i) => (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: a word may come twice, and its place is what it is
              key={i}
              className="rounded-lg border border-line bg-sunken px-3 py-2 text-center font-mono text-lg font-semibold"
            >
              {word}
            </li>
          ))}
        </ol>
        <p className="text-sm text-muted">{t('If they differ, somebody else’s program gave you this link: reject it.')}</p>
      </div>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        <dt className="text-muted">{t('Registered from')}</dt>
        <dd className="font-mono">{view.address ?? t('unknown')}</dd>
        <dt className="text-muted">{t('Registered at')}</dt>
        <dd>
          <time dateTime={view.registered_at}>{exact(view.registered_at)}</time>
        </dd>
        <dt className="text-muted">{t('Environment')}</dt>
        <dd>{view.environment}</dd>
        <dt className="text-muted">{t('Thumbprint')}</dt>
        <dd className="font-mono wrap-anywhere">{view.thumbprint}</dd>
      </dl>
      <p role="status" className="text-sm text-muted">
        {over ?? t('This link works once, until {time}.', { time: clock(view.expires_at, now) })}
      </p>
      <div className="flex flex-wrap gap-3">
        <Button tone="primary" reason={over} busy={busy} onClick={onClaim}>
          {t('Accept this agent')}
        </Button>
        <Button tone="danger" reason={over} busy={busy} onClick={onReject}>
          {t('Reject it')}
        </Button>
      </div>
    </Card>
  )
}
