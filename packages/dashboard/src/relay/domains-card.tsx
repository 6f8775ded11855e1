// Proofs that domains belong to whoever owns a card (relay.md R23): what to publish, whether it was found and until when it counts. Nothing is looked at from the page itself.
import type { Card as AgentCard, CardDomain } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useRelayAct } from './words.tsx'

type Method = CardDomain['method']

const STATE: Record<CardDomain['state'], { word: string; tone: Tone }> = {
  pending: { word: t('Not proved yet'), tone: 'warn' },
  verified: { word: t('Proved'), tone: 'good' },
  expired: { word: t('Counts no more'), tone: 'bad' },
}
const METHODS: readonly { value: Method; label: string }[] = [
  { value: 'dns', label: t('a TXT record in the DNS') },
  { value: 'https', label: t('a file on its web server') },
]

export function DomainsCard({ card }: { card: AgentCard }) {
  const me = useUser()
  const [open, setOpen] = useState(false)
  const query = useQuery({
    queryKey: ['relay', 'card', card.id, 'domains'],
    queryFn: () => api.call('GET /cards/:id/domains', { params: { id: card.id } }),
  })
  const rows = query.data?.data ?? []
  const closed =
    closedTo(me, 'card.publish', t('publish cards')) ?? (card.state === 'retired' ? t('The card is out of use.') : undefined)
  return (
    <Card
      title={t('Domains')}
      aside={
        <Button small reason={closed} onClick={() => setOpen(true)}>
          {t('Prove a domain')}
        </Button>
      }
    >
      <Refusal error={query.error} />
      {query.data && rows.length === 0 && (
        <p className="text-muted">
          {t('None. A domain that was proved stands beside the agent in the listing, and policies of others may ask for one.')}
        </p>
      )}
      {rows.length > 0 && (
        <ul className="flex min-w-0 flex-col divide-y divide-line">
          {rows.map((one) => (
            <li key={one.id} className="py-4 first:pt-0 last:pb-0">
              <OneDomain one={one} closed={closed} />
            </li>
          ))}
        </ul>
      )}
      <Dialog open={open} onClose={() => setOpen(false)} title={t('Prove a domain')}>
        <Ask card={card} onMade={() => setOpen(false)} />
      </Dialog>
    </Card>
  )
}

function OneDomain({ one, closed }: { one: CardDomain; closed: string | undefined }) {
  const params = { id: one.card_id, domain_id: one.id }
  const verify = useRelayAct(() => api.call('POST /cards/:id/domains/:domain_id/verify', { params }))
  const give = useRelayAct(() => api.call('DELETE /cards/:id/domains/:domain_id', { params }))
  const state = STATE[one.state]
  return (
    <section aria-label={visible(one.domain)} className="flex min-w-0 flex-col gap-3">
      <p className="flex flex-wrap items-center justify-between gap-2">
        <span className="font-medium wrap-anywhere" data-content="">
          {visible(one.domain)}
        </span>
        <Badge tone={state.tone}>{state.word}</Badge>
      </p>
      <p className="text-sm text-muted">{standing(one)}</p>
      <details open={one.state !== 'verified'} className="min-w-0">
        <summary className="cursor-pointer text-sm text-muted">{t('What has to be published')}</summary>
        <div className="mt-3 flex min-w-0 flex-col gap-3">
          <Challenge one={one} />
        </div>
      </details>
      <Refusal error={verify.error ?? give.error} />
      <div className="flex flex-wrap items-center gap-3">
        <Button
          small
          tone={one.state === 'verified' ? 'plain' : 'primary'}
          reason={closed}
          busy={verify.isPending}
          onClick={() => verify.mutate(undefined)}
        >
          {t('Look for it now')}
        </Button>
        <Confirm
          name={t('Give up')}
          title={t('Give up {domain}', { domain: visible(one.domain) })}
          confirm={t('Give it up')}
          reason={closed}
          busy={give.isPending}
          onConfirm={() => give.mutate(undefined)}
        >
          {t('It stands beside the agent no longer. Whoever wants it back is given another challenge to publish.')}
        </Confirm>
      </div>
    </section>
  )
}

/** When it was found, until when it counts, and what the last look brought. */
function standing({ state, verified_at, expires_at, checked_at, failed_at }: CardDomain): string {
  const found =
    verified_at === null
      ? null
      : state === 'expired' || expires_at === null
        ? t('Found last on {when}.', { when: exact(verified_at) })
        : t('Found last on {when}. It is looked for again each week, and counts until {until}.', {
            when: exact(verified_at),
            until: exact(expires_at),
          })
  const missed = failed_at === null ? null : t('The look of {when} found nothing.', { when: exact(failed_at) })
  return (
    [found, missed].filter((one) => one !== null).join(' ') || (checked_at === null ? t('Nobody has looked for it yet.') : '')
  )
}

function Challenge({ one: { method, challenge } }: { one: CardDomain }) {
  const { dns, https } = challenge
  return method === 'dns' ? (
    <>
      <p className="text-sm">
        {t('Publish a TXT record of this name with this value, beside whatever else stands there, and leave it there.')}
      </p>
      <Copyable label={t('name of the record')} text={dns.name} />
      <Copyable label={t('value of the record')} text={dns.value} />
    </>
  ) : (
    <>
      <p className="text-sm">{t('Serve a text at this address that has this line, without a redirect, and leave it there.')}</p>
      <Copyable label={t('address of the file')} text={https.url} />
      <Copyable label={t('line of the file')} text={https.line} />
    </>
  )
}

function Ask({ card, onMade }: { card: AgentCard; onMade: () => void }) {
  const [domain, setDomain] = useState('')
  const [method, setMethod] = useState<Method>('dns')
  const ask = useRelayAct(
    () => api.call('POST /cards/:id/domains', { params: { id: card.id }, body: { domain: domain.trim(), method } }),
    onMade,
  )
  const placed = placeErrors(ask.error, ['/domain'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    ask.mutate(undefined)
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      <TextField
        label={t('Domain')}
        hint={t('Of one that has a challenge already, the way can be changed here; its value stays.')}
        autoComplete="off"
        spellCheck={false}
        value={domain}
        error={placed.beside.get('/domain')}
        onChange={(event) => setDomain(event.target.value)}
      />
      <SelectField
        label={t('Proved by')}
        options={METHODS}
        value={method}
        onChange={(event) => setMethod(event.target.value as Method)}
      />
      <Refusal error={ask.error} placed={placed} />
      <div>
        <Button type="submit" tone="primary" busy={ask.isPending}>
          {t('Ask for a challenge')}
        </Button>
      </div>
    </form>
  )
}
