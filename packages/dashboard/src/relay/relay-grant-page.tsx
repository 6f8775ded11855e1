// One relay grant (relay.md R128): what was given beside what was asked, what of its quotas is used, its tokens by their ends, and what either side may do with it. A token is shown
// once, in the dialog of the act that made it.
import type { RelayGrantInUse } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { figure } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { day, exact, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Progress } from '../ui/progress.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { RelayGrantActs } from './relay-grant-acts.tsx'
import { StandingCard } from './standing-card.tsx'
import { AskedGiven } from './terms.tsx'
import { LIVE, RelayGrantBadge } from './words.tsx'

export function RelayGrantPage({ id }: { id: string }) {
  const me = useUser()
  const now = useNow()
  const closed = closedTo(me, 'relay_grant.read', t('see relay grants'))
  const query = useQuery({
    queryKey: ['relay', 'grant', id],
    queryFn: () => api.call('GET /relay-grants/:id', { params: { id } }),
    enabled: closed === undefined,
    ...LIVE,
  })
  const grant = query.data
  useTitle(grant ? visible(grant.label) : t('Relay grant'))
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.relayGrants()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Relay grants')}
      </Link>
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={query.error} />
      {query.isPending && !closed && <p className="text-muted">{t('Loading…')}</p>}
      {grant && (
        <>
          <div className="flex flex-wrap items-start justify-between gap-3">
            <h1 className="min-w-0 text-2xl font-semibold tracking-tight wrap-anywhere">
              <AgentText text={grant.label} />
            </h1>
            <div className="flex flex-wrap gap-2 pt-1">
              <RelayGrantBadge grant={grant} />
              {grant.sandbox && <Badge tone="info">{t('try-out')}</Badge>}
            </div>
          </div>
          <p className="-mt-3 text-muted">
            {grant.side === 'owner'
              ? t('It calls your agent {agent}.', { agent: grant.agent })
              : t('Your agent calls {agent} of another owner.', { agent: grant.agent })}
          </p>
          <RelayGrantActs grant={grant} />
          <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
            <div className="flex min-w-0 flex-col gap-5">
              <GivenCard grant={grant} />
              <TokensCard grant={grant} now={now} />
            </div>
            <div className="flex min-w-0 flex-col gap-5">
              <UsageCard grant={grant} />
              <StandingCard grant={grant} now={now} />
              <FactsCard grant={grant} />
            </div>
          </div>
        </>
      )}
    </div>
  )
}

/** Given beside asked (R24); whoever was let in without asking was given alone. */
function GivenCard({ grant }: { grant: RelayGrantInUse }) {
  const request = useQuery({
    queryKey: ['relay', 'request', grant.connection_request_id],
    queryFn: () => api.call('GET /connection-requests/:id', { params: { id: grant.connection_request_id ?? '' } }),
    enabled: grant.connection_request_id !== null,
  })
  const given = { ...grant, expires_in_seconds: grant.token_lifetime_seconds }
  return (
    <Card title={t('What was given')}>
      <p>
        <AgentText text={grant.purpose} />
      </p>
      <AskedGiven asked={request.data?.asked ?? null} given={given} />
      {grant.connection_request_id !== null && (
        <Link
          href={paths.connectionRequest(grant.connection_request_id)}
          className="self-start text-sm underline underline-offset-4"
        >
          {t('The connection request')}
        </Link>
      )}
    </Card>
  )
}

function UsageCard({ grant }: { grant: RelayGrantInUse }) {
  const { usage } = grant
  return (
    <Card title={t('Quotas')}>
      <Bar name={t('Open threads')} used={usage.open_threads} limit={usage.limits.max_open_threads} />
      <Bar name={t('Messages today')} used={usage.messages_today} limit={usage.limits.messages_per_day} />
      <Bar name={t('Bytes today')} used={usage.bytes_today} limit={usage.limits.bytes_per_day} />
      <p className="text-sm text-muted">{t('The day begins anew at {when}.', { when: exact(usage.resets_at) })}</p>
      <Link
        href={paths.threads({ side: grant.side, grant: grant.id })}
        className="self-start text-sm underline underline-offset-4"
      >
        {t('Its threads')}
      </Link>
    </Card>
  )
}

function Bar({ name, used, limit }: { name: string; used: number; limit: number }) {
  const says =
    limit === 0
      ? t('{used}, no limit', { used: figure(used) })
      : t('{used} of {limit}', { used: figure(used), limit: figure(limit) })
  const isNear = limit > 0 && used >= limit * 0.9
  return (
    <div className="flex flex-col gap-1">
      <div className="flex flex-wrap justify-between gap-2 text-sm">
        <span>{name}</span>
        <span className={`tabular-nums ${isNear ? 'font-medium text-warn' : 'text-muted'}`}>
          {says}
          {isNear && ` · ${t('nearly used up')}`}
        </span>
      </div>
      {limit > 0 && <Progress label={name} value={used} max={limit} tone={isNear ? 'warn' : 'accent'} />}
    </div>
  )
}

const TokensCard = ({ grant, now }: { grant: RelayGrantInUse; now: number }) => (
  <Card title={t('Relay tokens')}>
    {grant.tokens.length === 0 && <p className="text-muted">{t('None yet: it is made when the asking side collects it.')}</p>}
    <ul className="flex min-w-0 flex-col divide-y divide-line">
      {grant.tokens.map((one) => (
        <li key={one.id} className="flex min-w-0 flex-col gap-0.5 py-2 text-sm first:pt-0 last:pb-0">
          <p className="flex flex-wrap items-center gap-2">
            <span className="font-mono wrap-anywhere">
              {one.prefix}…{one.last_four}
            </span>
            <Badge tone={one.is_live ? 'good' : 'quiet'}>{one.is_live ? t('works') : t('works no more')}</Badge>
          </p>
          <p className="text-muted">
            {one.last_used_on === null
              ? t('Never used.')
              : one.last_used_range === null
                ? t('Last used {day}.', { day: day(one.last_used_on, now) })
                : t('Last used {day}, from {range}.', { day: day(one.last_used_on, now), range: one.last_used_range })}{' '}
            {one.is_live && t('Until {when}.', { when: exact(one.ends_at ?? one.expires_at) })}
          </p>
        </li>
      ))}
    </ul>
  </Card>
)

function FactsCard({ grant }: { grant: RelayGrantInUse }) {
  const rows: Row[] = [
    ...(grant.expires_at === null ? [] : [[t('Until'), exact(grant.expires_at)] as Row]),
    ...(grant.ends_at === null ? [] : [[t('Never beyond'), exact(grant.ends_at)] as Row]),
    [t('Environment'), grant.environment],
    [t('Made'), exact(grant.created_at)],
    ...(grant.ended_at === null ? [] : [[t('Ended'), exact(grant.ended_at)] as Row]),
    ...(grant.ended_reason === null ? [] : [[t('Why'), <AgentText key="why" text={grant.ended_reason} />] as Row]),
    [
      t('Relay grant'),
      <span key="id" className="font-mono text-xs">
        {grant.id}
      </span>,
    ],
  ]
  return (
    <Card title={t('About it')}>
      <Described rows={rows} />
    </Card>
  )
}
