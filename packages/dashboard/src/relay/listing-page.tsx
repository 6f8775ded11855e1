// The listing (relay.md R22, R128): reviewed cards of everybody's agents, searched, with facts and since when they hold. What is searched for stands in the address.
import type { ListedCard } from '@countersign/sdk'
import { type FormEvent, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { CardsFrame } from './frame.tsx'

const FILTERS = ['q', 'skill', 'tag', 'input', 'output'] as const
type Filter = (typeof FILTERS)[number]

export function ListingPage() {
  useTitle(t('Listing'))
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const given = Object.fromEntries(search) as Partial<Record<Filter | 'verified' | 'healthy', string>>
  const filter = Object.fromEntries(FILTERS.filter((name) => given[name]).map((name) => [name, given[name]]))
  const flags = {
    ...(given.verified === 'true' ? { verified: 'true' as const } : {}),
    ...(given.healthy === 'true' ? { healthy: 'true' as const } : {}),
  }
  const { rows, query } = useList<ListedCard>(
    ['relay', 'listing', filter, flags],
    (cursor) => api.call('GET /listing', { query: { ...filter, ...flags, limit: 20, cursor } }),
    { keep: () => true },
  )
  const isFiltered = Object.keys(given).length > 0
  return (
    <CardsFrame title={t('Listing')}>
      <SearchForm key={search.toString()} given={given} onFind={(next) => setSearch(next)} />
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {isFiltered
            ? t('No listed agent matches.')
            : t('No agent is listed yet. A card is listed once its owner hands it in and reviewers agree.')}
        </Empty>
      )}
      <ul className="flex flex-col gap-3" aria-label={t('Listed agents')}>
        {rows.map((card) => (
          <Listed key={card.slug} card={card} now={now} />
        ))}
      </ul>
      <More query={query} />
    </CardsFrame>
  )
}

type Given = Partial<Record<Filter | 'verified' | 'healthy', string>>

function SearchForm({ given, onFind }: { given: Given; onFind: (given: Record<string, string>) => void }) {
  const [typed, setTyped] = useState(given)
  const field = (name: Filter) => ({
    value: typed[name] ?? '',
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  })
  const box = (name: 'verified' | 'healthy') => ({
    checked: typed[name] === 'true',
    onChange: (event: { target: { checked: boolean } }) => setTyped({ ...typed, [name]: event.target.checked ? 'true' : '' }),
  })
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    onFind(Object.fromEntries(Object.entries(typed).filter((one): one is [string, string] => Boolean(one[1]?.trim()))))
  }
  return (
    <search>
      <form onSubmit={onSubmit} className="flex flex-col gap-3">
        <TextField label={t('Search')} type="search" {...field('q')} />
        <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
          <TextField label={t('Skill')} {...field('skill')} />
          <TextField label={t('Tag')} {...field('tag')} />
          <TextField label={t('Takes')} hint={t('A media type.')} {...field('input')} />
          <TextField label={t('Gives')} hint={t('A media type.')} {...field('output')} />
        </div>
        <div className="flex flex-wrap items-center gap-4">
          <label className="flex items-center gap-2">
            <input type="checkbox" {...box('verified')} />
            {t('with a proved domain')}
          </label>
          <label className="flex items-center gap-2">
            <input type="checkbox" {...box('healthy')} />
            {t('healthy')}
          </label>
          <Button type="submit" tone="primary">
            {t('Find')}
          </Button>
        </div>
      </form>
    </search>
  )
}

function Listed({ card, now }: { card: ListedCard; now: number }) {
  return (
    <li className="card flex min-w-0 flex-col gap-2 p-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h2 className="min-w-0 text-base font-semibold wrap-anywhere">
          <Link href={paths.listed(card.slug)} className="underline decoration-line-strong underline-offset-4">
            <AgentText text={card.name} />
          </Link>
        </h2>
        <span className="font-mono text-xs text-muted">{card.slug}</span>
      </div>
      <p>
        <AgentText text={card.summary} />
      </p>
      <p className="text-sm text-muted">
        <AgentText text={card.skills.map(({ name }) => name).join(' · ')} />
      </p>
      <Facts card={card} now={now} />
    </li>
  )
}

/** Each with since when: never a bare badge. */
const Facts = ({
  card,
  now,
}: {
  card: Pick<ListedCard, 'listed_at' | 'signed' | 'verified_domains' | 'health'>
  now: number
}) => (
  <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted" aria-label={t('Facts')}>
    <li>
      {t('listed')} <When at={card.listed_at} now={now} />
    </li>
    <li>
      {t('signed')} <When at={card.signed.at} now={now} />
    </li>
    {card.verified_domains.map((one) => (
      <li key={one.domain}>
        <span className="font-medium text-text">{visible(one.domain)}</span>{' '}
        {one.method === 'dns' ? t('proved by DNS') : t('proved over https')} <When at={one.verified_at} now={now} />
      </li>
    ))}
    {card.health && (
      <li className="flex items-center gap-1.5">
        <Badge tone={card.health.state === 'ok' ? 'good' : card.health.state === 'degraded' ? 'warn' : 'bad'}>
          {card.health.state === 'ok' ? t('healthy') : card.health.state === 'degraded' ? t('degraded') : t('down')}
        </Badge>
        <When at={card.health.checked_at} now={now} />
      </li>
    )}
  </ul>
)
