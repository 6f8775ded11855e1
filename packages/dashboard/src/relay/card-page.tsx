// One card of ours (relay.md R128): what it says and whether it is found, its signature and health, its versions, where messages for its agent go, and what waits for it.
import type { Card as AgentCard } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { api } from '../api.ts'
import { When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { exact, useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { CardEditor } from './card-editor.tsx'
import { CardVersions } from './card-versions.tsx'
import { DeliveryCard } from './delivery-card.tsx'
import { DomainsCard } from './domains-card.tsx'
import { InboxCard } from './inbox-card.tsx'
import { CardBadge, LIVE, ListingBadge, useRelayAct, visibilityWord } from './words.tsx'

export function CardPage({ id }: { id: string }) {
  const me = useUser()
  const closed = closedTo(me, 'card.read', t('see cards'))
  const [editing, setEditing] = useState(false)
  const query = useQuery({
    queryKey: ['relay', 'card', id],
    queryFn: () => api.call('GET /cards/:id', { params: { id } }),
    enabled: closed === undefined,
    ...LIVE,
  })
  const card = query.data
  useTitle(card ? visible(card.name) : t('Card'))
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.cards()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Cards')}
      </Link>
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={query.error} />
      {query.isPending && !closed && <p className="text-muted">{t('Loading…')}</p>}
      {card && (
        <>
          <div className="flex flex-wrap items-start justify-between gap-3">
            <h1 className="min-w-0 text-2xl font-semibold tracking-tight wrap-anywhere">
              <AgentText text={card.name} />
            </h1>
            <div className="flex flex-wrap gap-2 pt-1">
              <CardBadge card={card} />
              <ListingBadge card={card} />
            </div>
          </div>
          <p className="-mt-3 text-muted">
            <AgentText text={card.summary} />
          </p>
          {card.state === 'paused' && (
            <Banner tone="warning">
              {t('It takes no new threads and messages.')}{' '}
              {card.paused_reason !== null && <AgentText text={card.paused_reason} />}
            </Banner>
          )}
          {card.listing_note !== null && (
            <Banner tone="info">
              {t('The reviewers say:')} <AgentText text={card.listing_note} />
            </Banner>
          )}
          {editing ? (
            <CardEditor key={card.etag} card={card} onSaved={() => setEditing(false)} onLeave={() => setEditing(false)} />
          ) : (
            <>
              {card.state !== 'retired' && <Acts card={card} onEdit={() => setEditing(true)} />}
              <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
                <div className="flex min-w-0 flex-col gap-5">
                  <FactsCard card={card} />
                  <Trust card={card} />
                  <CardVersions card={card} />
                </div>
                <div className="flex min-w-0 flex-col gap-5">
                  <InboxCard slug={card.slug} />
                  <DeliveryCard card={card} />
                  <DomainsCard card={card} />
                </div>
              </div>
            </>
          )}
        </>
      )}
    </div>
  )
}

function Acts({ card, onEdit }: { card: AgentCard; onEdit: () => void }) {
  const me = useUser()
  const [, go] = useLocation()
  const params = { id: card.id }
  const pause = useRelayAct(() => api.call('POST /cards/:id/pause', { params, body: {} }))
  const resume = useRelayAct(() => api.call('POST /cards/:id/resume', { params }))
  const list = useRelayAct((action: 'submit' | 'withdraw') => api.call('POST /cards/:id/listing', { params, body: { action } }))
  const retire = useRelayAct(() => api.call('DELETE /cards/:id', { params }))
  const closed = closedTo(me, 'card.publish', t('publish cards'))
  const listing = closedTo(me, 'card.submit', t('hand cards in'))
  const isIn = card.listing === 'listed' || card.listing === 'submitted'
  const isNewer = card.listing === 'listed' && card.listed_version !== card.version && card.pending_version !== card.version
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        <Button tone="primary" small reason={closed} onClick={onEdit}>
          {t('Change')}
        </Button>
        <Button
          small
          reason={
            closedTo(me, 'connection_request.create', t('try agents out')) ??
            (card.state === 'paused' ? t('Resume it first.') : undefined)
          }
          onClick={() => go(paths.tryCard(card.id))}
        >
          {t('Try it as a caller')}
        </Button>
        {card.state === 'paused' ? (
          <Button small reason={closed} busy={resume.isPending} onClick={() => resume.mutate(undefined)}>
            {t('Resume')}
          </Button>
        ) : (
          <Button small reason={closed} busy={pause.isPending} onClick={() => pause.mutate(undefined)}>
            {t('Pause')}
          </Button>
        )}
        {(!isIn || isNewer) && (
          <Button
            small
            reason={listing ?? (card.visibility === 'public' ? undefined : t('Only what everybody may read is listed.'))}
            busy={list.isPending}
            onClick={() => list.mutate('submit')}
          >
            {t('Hand it in for the listing')}
          </Button>
        )}
        {isIn && (
          <Button small reason={listing} busy={list.isPending} onClick={() => list.mutate('withdraw')}>
            {t('Take it out of the listing')}
          </Button>
        )}
        <Confirm
          name={t('Retire')}
          title={t('Retire the card')}
          confirm={t('Retire it')}
          reason={closed}
          busy={retire.isPending}
          onConfirm={() => retire.mutate(undefined)}
        >
          {t('It is out of use and out of the listing for good. Its slug stays its own, and threads stay readable.')}
        </Confirm>
      </div>
      <Refusal error={pause.error ?? resume.error ?? list.error ?? retire.error} />
    </div>
  )
}

function FactsCard({ card }: { card: AgentCard }) {
  const rows: Row[] = [
    [t('Read by'), visibilityWord(card.visibility)],
    [t('Skills'), <AgentText key="skills" text={card.skills.map(({ name }) => name).join(', ')} />],
    [t('Takes'), card.accepted_inputs.join(', ')],
    [t('Gives'), card.expected_outputs.join(', ')],
    [
      t('Messages are kept'),
      card.retention_days === 'none'
        ? t('as long as the thread')
        : card.retention_days === 0
          ? t('until the thread ends')
          : t('{count, plural, one {# day} other {# days}}', { count: card.retention_days }),
    ],
    [t('Environment'), card.environment],
    [t('Changed'), exact(card.updated_at)],
  ]
  return (
    <Card title={t('What it says')}>
      <Described rows={rows} />
      <Copyable label={t('address of the agent')} text={card.url} />
      {card.visibility === 'public' && card.state !== 'retired' && (
        <Link href={paths.listed(card.slug)} className="self-start text-sm underline underline-offset-4">
          {t('As others see it')}
        </Link>
      )}
    </Card>
  )
}

const HEALTH: Record<'ok' | 'degraded' | 'down', { word: string; tone: Tone }> = {
  ok: { word: t('healthy'), tone: 'good' },
  degraded: { word: t('degraded'), tone: 'warn' },
  down: { word: t('down'), tone: 'bad' },
}
const WHY: Record<string, string> = {
  card_differs: t('what is served differs from what is stored'),
  no_claim: t('nobody takes its messages'),
  unreachable: t('its endpoint is not reachable'),
  card_vanished: t('the card of its A2A server is gone'),
  key_changed: t('the key of its A2A server changed'),
  credential_refused: t('its A2A server refuses the credential'),
  paused: t('it is paused'),
}

/** Signature and health. */
function Trust({ card }: { card: AgentCard }) {
  const now = useNow()
  const version = useQuery({
    queryKey: ['relay', 'card', card.id, 'version', card.version],
    queryFn: () => api.call('GET /cards/:id/versions/:n', { params: { id: card.id, n: String(card.version) } }),
  })
  const health = useQuery({
    queryKey: ['relay', 'card', card.id, 'health'],
    queryFn: () => api.call('GET /agents/:slug/health', { params: { slug: card.slug } }),
    enabled: card.visibility === 'public' && card.state !== 'retired',
    refetchInterval: 30_000,
    retry: false,
  })
  const signatures = (version.data?.document.signatures ?? []) as unknown[]
  const state = health.data?.state ?? null
  const rows: Row[] = [
    [
      t('Signed'),
      version.data ? (
        <span key="signed" className="flex flex-wrap items-center gap-2">
          <Badge tone={signatures.length > 0 ? 'good' : 'bad'}>
            {t('{count, plural, =0 {not signed} one {# signature} other {# signatures}}', { count: signatures.length })}
          </Badge>
          <When at={version.data.signed_at} now={now} />
        </span>
      ) : (
        '–'
      ),
    ],
    [
      t('Health'),
      state === null ? (
        t('Only listed agents are looked at.')
      ) : (
        <span key="health" className="flex flex-wrap items-center gap-2">
          <Badge tone={HEALTH[state].tone}>{HEALTH[state].word}</Badge>
          {health.data?.reason && <span>{WHY[health.data.reason] ?? health.data.reason}</span>}
          <span className="text-muted">
            <When at={health.data?.checked_at} now={now} />
          </span>
        </span>
      ),
    ],
  ]
  return (
    <Card title={t('Signature and health')}>
      <Refusal error={version.error} />
      <Described rows={rows} />
    </Card>
  )
}
