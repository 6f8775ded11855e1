// The gallery of providers (V142): what may be connected, how each stands, and the way to a definition of one's own.
import type { Provider } from '@countersign/sdk'
import { Link, useLocation, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { PageTitle } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { SelectField } from '../ui/select-field.tsx'
import { TextField } from '../ui/text-field.tsx'
import { KIND_NAMES, kindWord, ProviderBadges, STATE_NAMES, stateWord } from './frame.tsx'

export function ProvidersPage() {
  useTitle(t('Providers'))
  const me = useUser()
  const [, go] = useLocation()
  const [search, setSearch] = useSearchParams()
  const kind = KIND_NAMES.find((one) => one === search.get('kind'))
  const state = STATE_NAMES.find((one) => one === search.get('state'))
  const q = search.get('q') ?? ''
  const closed = closedTo(me, 'connection.read', t('see providers'))
  const { rows, query } = useList<Provider>(
    ['providers', 'list', kind, state, q],
    (cursor) =>
      api.call('GET /providers', {
        query: { ...(kind ? { kind } : {}), ...(state ? { state } : {}), ...(q ? { q } : {}), limit: 60, cursor },
      }),
    { enabled: closed === undefined, keep: () => true },
  )
  const set = (next: Record<string, string>) =>
    setSearch(
      Object.fromEntries(
        Object.entries({ kind: kind ?? '', state: state ?? '', q, ...next }).filter(([, value]) => value !== ''),
      ),
      { replace: true },
    )
  const any = { value: '', label: t('any') }
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Providers')}>
        <Button reason={closedTo(me, 'provider.propose', t('propose providers'))} onClick={() => go(paths.newProvider())}>
          {t('Define one of your own')}
        </Button>
      </PageTitle>
      {closed ? (
        <Banner tone="info">{closed}</Banner>
      ) : (
        <search className="grid gap-3 sm:grid-cols-[1fr_12rem_12rem]">
          <TextField
            label={t('Find')}
            placeholder={t('github, stripe, openai …')}
            value={q}
            onChange={(event) => set({ q: event.target.value })}
          />
          <SelectField
            label={t('Kind')}
            value={kind ?? ''}
            options={[any, ...KIND_NAMES.map((value) => ({ value, label: kindWord(value) }))]}
            onChange={(event) => set({ kind: event.target.value })}
          />
          <SelectField
            label={t('State')}
            value={state ?? ''}
            options={[any, ...STATE_NAMES.map((value) => ({ value, label: stateWord(value) }))]}
            onChange={(event) => set({ state: event.target.value })}
          />
        </search>
      )}
      <Refusal error={query.error} />
      {!closed && query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && <Empty>{t('No provider matches. You can define one of your own.')}</Empty>}
      <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
        {rows.map((one) => (
          <li key={one.name} className="card relative flex flex-col gap-2 p-4 focus-within:ring-2 hover:bg-sunken">
            <Link
              href={paths.provider(one.name)}
              data-content=""
              className="font-semibold after:absolute after:inset-0 focus-visible:outline-none"
            >
              {visible(one.display_name)}
            </Link>
            <p data-content="" className="text-sm text-muted wrap-anywhere">
              {visible(one.hosts.slice(0, 2).join(', '))}
            </p>
            <ProviderBadges provider={one} />
          </li>
        ))}
      </ul>
      <More query={query} />
    </div>
  )
}
