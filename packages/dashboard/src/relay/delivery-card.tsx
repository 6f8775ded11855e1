// Where messages for an agent go (relay.md R40): shown, and chosen. A secret of an endpoint is shown once.
import type { Card as AgentCard, RouteBody } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { ShownOnce } from '../pages/shown-once.tsx'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { exact } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useRelayAct } from './words.tsx'

type Body = RouteBody<'PUT /cards/:id/delivery'>
type Mode = Body['mode']

const MODES: readonly { value: Mode; label: string }[] = [
  { value: 'inbox', label: t('the hosted inbox: workers and people take them') },
  { value: 'push', label: t('a signed post to an endpoint of ours') },
  { value: 'a2a', label: t('our own A2A server, which the relay calls') },
]
const EXHAUSTED = [
  { value: 'queue', label: t('it waits in the inbox for a person') },
  { value: 'fail', label: t('its thread fails') },
]
const SIGNATURES = [
  { value: 'foragent', label: t('both signatures') },
  { value: 'standard', label: t('Standard Webhooks alone') },
]

export function DeliveryCard({ card }: { card: AgentCard }) {
  const me = useUser()
  const [open, setOpen] = useState(false)
  const [secret, setSecret] = useState<string | null>(null)
  const query = useQuery({
    queryKey: ['relay', 'card', card.id, 'delivery'],
    queryFn: () => api.call('GET /cards/:id/delivery', { params: { id: card.id } }),
  })
  const { endpoint, upstream } = query.data ?? {}
  const rows: Row[] = [
    [t('To'), MODES.find(({ value }) => value === card.delivery.mode)?.label],
    ...(endpoint
      ? [
          [
            t('Endpoint'),
            <span key="endpoint" className="flex flex-wrap items-center gap-2">
              <Link href={paths.webhook(endpoint.id)} className="underline underline-offset-4 wrap-anywhere">
                {visible(endpoint.url)}
              </Link>
              <Badge tone={endpoint.state === 'active' ? 'good' : 'warn'}>{wireWord(endpoint.state)}</Badge>
            </span>,
          ] as Row,
        ]
      : []),
    ...(upstream
      ? [
          [t('Its card'), visible(upstream.card_url)] as Row,
          [t('Its signature'), upstream.signed ? t('checked') : t('none that we trust')] as Row,
          [t('Looked at'), exact(upstream.checked_at)] as Row,
        ]
      : []),
    [t('What cannot be delivered'), EXHAUSTED.find(({ value }) => value === card.delivery.on_exhausted)?.label],
  ]
  return (
    <Card
      title={t('Delivery')}
      aside={
        <Button
          small
          reason={
            closedTo(me, 'card.publish', t('publish cards')) ??
            (card.state === 'retired' ? t('The card is out of use.') : undefined)
          }
          onClick={() => setOpen(true)}
        >
          {t('Change the delivery')}
        </Button>
      }
    >
      <Refusal error={query.error} />
      <Described rows={rows} />
      <Dialog open={open} onClose={() => setOpen(false)} title={t('Change the delivery')}>
        <Change
          card={card}
          onSaved={(made) => {
            setOpen(false)
            setSecret(made)
          }}
        />
      </Dialog>
      <ShownOnce secret={secret} onClose={() => setSecret(null)} title={t('The secret of the endpoint')} label={t('secret')}>
        <p className="text-muted">{t('Your agent checks the signature of every message with it.')}</p>
      </ShownOnce>
    </Card>
  )
}

function Change({ card, onSaved }: { card: AgentCard; onSaved: (secret: string | null) => void }) {
  const [typed, setTyped] = useState({
    mode: card.delivery.mode as Mode,
    ...{ on_exhausted: card.delivery.on_exhausted, url: '', secret: '', signature: 'foragent', card_url: '', connection: '' },
  })
  const connections = useQuery({
    queryKey: ['connections', 'names'],
    queryFn: () => api.call('GET /connections', { query: { limit: 200 } }),
    enabled: typed.mode === 'a2a',
    retry: false,
  })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const save = useRelayAct(
    () => api.call('PUT /cards/:id/delivery', { params: { id: card.id }, body: bodyOf(typed) }),
    (made) => onSaved(made.secret ?? null),
  )
  const placed = placeErrors(save.error, ['/url', '/secret', '/upstream/card_url'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(undefined)
  }
  return (
    <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
      <SelectField label={t('Messages go to')} options={MODES} {...field('mode')} />
      {typed.mode === 'push' && (
        <>
          <TextField
            label={t('URL')}
            type="url"
            hint={t('An https address that people and programs outside can reach.')}
            error={placed.beside.get('/url')}
            {...field('url')}
          />
          <TextField
            label={t('Secret')}
            hint={t('Left empty, one is made and shown once.')}
            autoComplete="off"
            error={placed.beside.get('/secret')}
            {...field('secret')}
          />
          <SelectField label={t('Signature')} options={SIGNATURES} {...field('signature')} />
        </>
      )}
      {typed.mode === 'a2a' && (
        <>
          <TextField
            label={t('Address of its card')}
            type="url"
            error={placed.beside.get('/upstream/card_url')}
            {...field('card_url')}
          />
          <SelectField
            label={t('Connection')}
            hint={t('Its credentials are added to requests to the origin of the card, and to no other.')}
            options={[
              { value: '', label: t('none') },
              ...(connections.data?.data ?? []).map((one) => ({ value: one.id, label: visible(`${one.provider}:${one.name}`) })),
            ]}
            {...field('connection')}
          />
        </>
      )}
      <SelectField label={t('A message that cannot be delivered')} options={EXHAUSTED} {...field('on_exhausted')} />
      <p className="text-sm text-muted">{t('Messages that nobody has taken yet move along.')}</p>
      <Refusal error={save.error} placed={placed} />
      <div>
        <Button type="submit" tone="primary" busy={save.isPending}>
          {t('Save')}
        </Button>
      </div>
    </form>
  )
}

type Typed = Record<'url' | 'secret' | 'signature' | 'card_url' | 'connection' | 'on_exhausted', string> & { mode: Mode }

const bodyOf = ({ mode, on_exhausted, url, secret, signature, card_url, connection }: Typed): Body =>
  ({
    ...{ mode, on_exhausted },
    ...(mode === 'push' ? { url, signature, ...(secret === '' ? { generate_secret: true } : { secret }) } : {}),
    ...(mode === 'a2a' ? { upstream: { card_url, ...(connection === '' ? {} : { connection_id: connection }) } } : {}),
  }) as Body
