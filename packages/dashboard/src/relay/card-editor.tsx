// Writing a card (relay.md R11, R128): its fields, both documents as they would be served, what differs from what is listed, and beside the button what becomes public with it. What
// looks like a secret is not saved before somebody says that it is none.
import { type Card as AgentCard, Problem } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useDeferredValue, useState } from 'react'
import { api } from '../api.ts'
import { readExact } from '../exact.ts'
import { closedTo, useUser } from '../me.ts'
import { placeErrors } from '../problem.ts'
import { Comparison } from '../task/comparison.tsx'
import { t } from '../text/t.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText } from '../ui/content.tsx'
import { Copyable } from '../ui/copy.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { CardFields } from './card-fields.tsx'
import { changeOf, moreOf, NEW_CARD, newCardOf, placesOf, typedCard } from './card-said.ts'
import { useRelayAct, visibilityWord } from './words.tsx'

type Props = { card: AgentCard | null; onSaved: (card: AgentCard) => void; onLeave: () => void }

export function CardEditor({ card, onSaved, onLeave }: Props) {
  const me = useUser()
  const [typed, setTyped] = useState(() => (card ? typedCard(card) : NEW_CARD()))
  const [confirmed, setConfirmed] = useState(false)
  const body = newCardOf(typed, card ?? undefined)
  const isReadable = typed.skills.every(({ more }) => moreOf(more) !== null)
  const confirm = confirmed ? { confirm_public: true } : {}
  const save = useRelayAct(
    () =>
      card
        ? api.call('PATCH /cards/:id', {
            params: { id: card.id },
            headers: { 'if-match': card.etag },
            body: { ...changeOf(typed), ...confirm },
          })
        : api.call('POST /cards', { body: { ...body, ...confirm } }),
    onSaved,
  )
  const preview = usePreview(body, card, isReadable)
  const secrets = preview.data?.secrets ?? []
  const saysSecret = save.error instanceof Problem && save.error.code === 'secret_in_card'
  const placed = placeErrors(save.error, placesOf(typed))
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(undefined)
  }
  return (
    <div className="grid grid-cols-1 items-start gap-5 xl:grid-cols-2">
      <Card title={card ? t('The card') : t('A new card')}>
        <form onSubmit={onSubmit} noValidate className="flex flex-col gap-5">
          <CardFields typed={typed} onChange={setTyped} errors={placed.beside} slugIsFixed={false} />
          <div className="flex flex-col gap-3 border-t border-line pt-4">
            <Banner tone={typed.visibility === 'public' ? 'warning' : 'info'}>
              {typed.visibility === 'public'
                ? t(
                    'Everything on this card is public the moment you save it, listed or not: to whoever has its address, and to programs.',
                  )
                : t('{who} reads this card. Nobody else is told that it exists.', { who: visibilityWord(typed.visibility) })}
            </Banner>
            {secrets.length > 0 && (
              <Banner tone="warning">
                {t('This looks like a secret:')}{' '}
                <span className="font-mono text-sm wrap-anywhere">
                  <AgentText text={secrets.map(({ path, kind }) => `${path} (${kind})`).join(', ')} />
                </span>
              </Banner>
            )}
            {(saysSecret || secrets.length > 0) && (
              <label className="flex items-center gap-2">
                <input type="checkbox" checked={confirmed} onChange={(event) => setConfirmed(event.target.checked)} />
                {t('It is no secret: save it all the same')}
              </label>
            )}
            <Refusal error={save.error} placed={placed} />
            <div className="flex flex-wrap gap-2">
              <Button
                type="submit"
                tone="primary"
                busy={save.isPending}
                reason={
                  closedTo(me, 'card.publish', t('publish cards')) ??
                  (isReadable ? undefined : t('What more a skill says is no JSON.'))
                }
              >
                {typed.visibility === 'public' ? t('Save and publish') : t('Save')}
              </Button>
              <Button tone="quiet" onClick={onLeave}>
                {t('Leave it')}
              </Button>
            </div>
          </div>
        </form>
      </Card>
      <Preview preview={preview} card={card} />
    </div>
  )
}

/** Once nobody types for a moment; what was there before stays until then. */
function usePreview(body: ReturnType<typeof newCardOf>, card: AgentCard | null, isReadable: boolean) {
  const wanted = useDeferredValue(JSON.stringify(card ? { ...body, card_id: card.id } : body))
  return useQuery({
    queryKey: ['relay-preview', wanted],
    queryFn: async ({ signal }) => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      signal.throwIfAborted()
      return api.call('POST /cards/preview', { body: JSON.parse(wanted) as typeof body, signal })
    },
    enabled: isReadable,
    placeholderData: (before) => before,
    retry: false,
    gcTime: 0,
  })
}

type Document = 'native' | 'a2a' | 'difference'
const TABS: readonly { value: Document; label: string }[] = [
  { value: 'native', label: t('Our document') },
  { value: 'a2a', label: t('A2A document') },
  { value: 'difference', label: t('Difference to the listed version') },
]

function Preview({ preview, card }: { preview: ReturnType<typeof usePreview>; card: AgentCard | null }) {
  const [tab, setTab] = useState<Document>('native')
  const listed = card?.listed_version ?? null
  const before = useQuery({
    queryKey: ['relay', 'card', card?.id, 'version', listed],
    queryFn: () => api.call('GET /cards/:id/versions/:n', { params: { id: card?.id ?? '', n: String(listed) } }),
    enabled: listed !== null && tab === 'difference',
  })
  const { data, error, isPlaceholderData } = preview
  const shown = tab === 'a2a' ? data?.a2a_document : data?.document
  return (
    <Card title={t('As it would be served')}>
      <div className="flex flex-wrap gap-2">
        {TABS.filter(({ value }) => value !== 'difference' || listed !== null).map(({ value, label }) => (
          <Button
            key={value}
            small
            tone={tab === value ? 'primary' : 'plain'}
            aria-pressed={tab === value}
            onClick={() => setTab(value)}
          >
            {label}
          </Button>
        ))}
      </div>
      {/* While somebody types, most of it is no card yet: the fields say what is missing once they save. */}
      {error && <p className="text-muted">{t('What is typed is no card yet: {why}', { why: whyNot(error) })}</p>}
      {shown && tab !== 'difference' && (
        <div aria-busy={isPlaceholderData} className={isPlaceholderData || error ? 'opacity-60' : ''}>
          <Copyable label={t('document')} text={JSON.stringify(shown, null, 2)} block />
        </div>
      )}
      {tab === 'difference' && before.data && data && (
        <Comparison
          before={readExact(JSON.stringify(said(before.data.document)))}
          after={readExact(JSON.stringify(said(data.document)))}
          label={t('Difference to the listed version')}
        />
      )}
      <p className="text-sm text-muted">{t('Both are signed when you save.')}</p>
    </Card>
  )
}

/** What a reader of the listing would see change. */
const said = ({ signatures: _signed, version: _number, ...document }: Record<string, unknown>) => document

const whyNot = (error: unknown): string => {
  const [first] = (error instanceof Problem ? error.members.errors : undefined) ?? []
  return first ? `${first.path.slice(1).replaceAll('/', ' › ')}: ${first.message}` : t('it cannot be read')
}
