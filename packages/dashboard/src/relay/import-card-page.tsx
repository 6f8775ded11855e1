// A card of ours made of an A2A card elsewhere (relay.md R18): by its address, with a report of what was found there and of what the draft says otherwise. The server reads it; the
// page opens no address of it.
import type { ImportedCard } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { CardsFrame } from './frame.tsx'
import { useRelayAct, visibilityWord } from './words.tsx'

export function ImportCardPage() {
  useTitle(t('Import a card'))
  const [made, setMade] = useState<ImportedCard | null>(null)
  return (
    <CardsFrame title={t('Import a card')}>
      {made === null ? <Import onMade={setMade} /> : <Report made={made} onAgain={() => setMade(null)} />}
    </CardsFrame>
  )
}

function Import({ onMade }: { onMade: (made: ImportedCard) => void }) {
  const me = useUser()
  const closed = closedTo(me, 'card.publish', t('publish cards'))
  const [typed, setTyped] = useState({ url: '', slug: '', connection: '' })
  const connections = useQuery({
    queryKey: ['connections', 'names'],
    queryFn: () => api.call('GET /connections', { query: { limit: 200 } }),
    retry: false,
  })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const take = useRelayAct(() => {
    const { url, slug, connection } = typed
    const body = {
      url: url.trim(),
      ...(slug.trim() === '' ? {} : { slug: slug.trim() }),
      ...(connection === '' ? {} : { connection_id: connection }),
    }
    return api.call('POST /cards/import', { body })
  }, onMade)
  const placed = placeErrors(take.error, ['/url', '/slug', '/connection_id'])
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    if (closed === undefined) take.mutate(undefined)
  }
  const known = connections.data?.data ?? []
  return (
    <Card title={t('An A2A agent that answers elsewhere')}>
      <form onSubmit={onSubmit} noValidate className="flex max-w-2xl flex-col gap-4">
        <p className="text-muted">
          {t('Its card becomes a draft of ours, and messages for it go to its own server. Nothing is published by that.')}
        </p>
        <TextField
          label={t('Address of its card')}
          hint={t('Usually it ends in /.well-known/agent-card.json.')}
          type="url"
          autoComplete="off"
          error={placed.beside.get('/url')}
          {...field('url')}
        />
        <TextField
          label={t('Slug')}
          hint={t('Left empty, it is made of its name.')}
          autoComplete="off"
          error={placed.beside.get('/slug')}
          {...field('slug')}
        />
        {known.length > 0 && (
          <SelectField
            label={t('Connection')}
            hint={t('Its credentials are added to requests to the origin of the card, and to no other.')}
            options={[
              { value: '', label: t('none') },
              ...known.map((one) => ({ value: one.id, label: visible(`${one.provider}:${one.name}`) })),
            ]}
            {...field('connection')}
          />
        )}
        <Refusal error={take.error} placed={placed} />
        <div>
          <Button type="submit" tone="primary" reason={closed} busy={take.isPending}>
            {t('Read it and make a draft')}
          </Button>
        </div>
      </form>
    </Card>
  )
}

function Report({ made, onAgain }: { made: ImportedCard; onAgain: () => void }) {
  const { report } = made
  const rows: Row[] = [
    [
      t('Agent'),
      <span key="agent">
        <AgentText text={made.name} /> <span className="font-mono text-xs text-muted">{made.slug}</span>
      </span>,
    ],
    [t('Summary'), <AgentText key="summary" text={made.summary} />],
    [t('Skills'), <AgentText key="skills" text={made.skills.map(({ name }) => name).join(', ')} />],
    [t('Read by'), visibilityWord(made.visibility)],
    [
      t('Its card'),
      <span key="url" className="font-mono text-xs">
        <AgentText text={report.card_url} />
      </span>,
    ],
    [t('Its signature'), <Signature key="signature" {...report.verification} />],
    [t('Answers at'), <Interfaces key="interfaces" all={report.interfaces} />],
  ]
  return (
    <>
      <Card title={t('The draft is there')} badge={<Badge tone="good">{t('Draft')}</Badge>}>
        <p>
          {t('Nobody but holders of a relay grant reads it until you let everybody read it.')}{' '}
          <Link href={paths.card(made.id)} className="underline underline-offset-4">
            {t('Go to the card')}
          </Link>
        </p>
        <Described rows={rows} />
      </Card>
      <Card title={t('Where it says less than theirs')}>
        {report.changed.length === 0 ? (
          <p className="text-muted">{t('Nowhere: it says what the card there says.')}</p>
        ) : (
          <ul className="flex min-w-0 flex-col divide-y divide-line" aria-label={t('Where it says less than theirs')}>
            {report.changed.map(({ path, message }) => (
              <li key={`${path} ${message}`} className="flex min-w-0 flex-col gap-0.5 py-2 first:pt-0 last:pb-0">
                <span className="font-mono text-sm">
                  <AgentText text={path} />
                </span>
                <span className="text-sm text-muted">
                  <AgentText text={message} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </Card>
      <div>
        <Button onClick={onAgain}>{t('Import another one')}</Button>
      </div>
    </>
  )
}

const KEYS: Record<'pinned' | 'origin', string> = {
  pinned: t('by keys that the operator pinned for its origin'),
  origin: t('by keys of its own origin'),
}
const MODES: Record<ImportedCard['report']['verification']['mode'], string> = {
  ignore: t('Your tenant checks no signatures of such cards.'),
  prefer: t('Your tenant takes cards without one.'),
  require: t('Your tenant takes signed cards only.'),
}

function Signature({ mode, signed, signers, keys }: ImportedCard['report']['verification']) {
  return (
    <span className="flex flex-col items-start gap-1">
      <span className="flex flex-wrap items-center gap-2">
        <Badge tone={signed ? 'good' : 'warn'}>{signed ? t('checked') : t('none that we trust')}</Badge>
        {keys !== null && <span className="text-sm">{KEYS[keys]}</span>}
      </span>
      {signers.length > 0 && (
        <span className="font-mono text-xs text-muted">
          <AgentText text={signers.join(', ')} />
        </span>
      )}
      {!signed && <span className="text-sm text-muted">{MODES[mode]}</span>}
    </span>
  )
}

const Interfaces = ({ all }: { all: ImportedCard['report']['interfaces'] }) =>
  all.length === 0 ? (
    t('nowhere')
  ) : (
    <ul className="flex flex-col gap-1">
      {all.map(({ url, binding, version }) => (
        <li key={`${url} ${binding} ${version}`}>
          <span className="font-mono text-xs">
            <AgentText text={url} />
          </span>{' '}
          <span className="text-sm text-muted">
            <AgentText text={`${binding} ${version}`} />
          </span>
        </li>
      ))}
    </ul>
  )
