// What checks answers before they count: stored verifiers with a trial run, and the keys of the providers of models. A key is typed once and never shown.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { KeyForm } from './key-form.tsx'
import { NAMES, type Verifier } from './providers.ts'
import { TrialRun } from './trial.tsx'
import { VerifierForm } from './verifier-form.tsx'

type Config = { provider?: string; model?: string | null; max_attempts?: number }

const configOf = ({ config }: Verifier): Config => config as Config

export function VerifiersPage() {
  useTitle(t('Verifiers'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const closed = closedTo(me, 'task.configure', t('set up verifiers'))
  const { rows, query } = useList<Verifier>(['verifiers'], (cursor) => api.call('GET /verifiers', { query: { cursor } }), {
    enabled: closed === undefined,
  })
  const open = (what: Record<string, string>) => setSearch(what)
  const close = () => setSearch({})
  const tried = rows.find(({ id }) => id === search.get('try'))
  if (closed)
    return (
      <div className="flex flex-col gap-5">
        <PageTitle title={t('Verifiers')} />
        <Banner tone="info">{closed}</Banner>
      </div>
    )
  return (
    <div className="flex flex-col gap-5">
      <PageTitle title={t('Verifiers')}>
        <Button tone="primary" onClick={() => open({ new: 'verifier' })}>
          {t('New verifier')}
        </Button>
      </PageTitle>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && (
        <Empty>
          {t(
            'No verifier is stored. A verifier reads an answer before it counts and gives it back to the person, with the reason, when it is not good enough. Agents can also bring their own with a question.',
          )}
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label={t('Verifiers')}
          rows={rows}
          id={(one) => one.id}
          columns={[
            {
              name: t('Verifier'),
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <span className="font-medium wrap-anywhere">{visible(one.name)}</span>
                  <span className="font-mono text-xs text-muted wrap-anywhere">{one.id}</span>
                </span>
              ),
            },
            { name: t('By'), cell: (one) => whoChecks(configOf(one)) },
            { name: t('Refusals'), right: true, cell: (one) => configOf(one).max_attempts ?? '–' },
            { name: t('Changed'), cell: (one) => <When at={one.updated_at} now={now} /> },
            {
              name: t('Acts'),
              cell: (one) => (
                <span className="flex flex-wrap gap-2">
                  <Button small aria-label={t('Try {name}', { name: visible(one.name) })} onClick={() => open({ try: one.id })}>
                    {t('Try it')}
                  </Button>
                  <Remove verifier={one} />
                </span>
              ),
            },
          ]}
        />
      )}
      <More query={query} />
      <ProviderKeys onNew={() => open({ new: 'key' })} now={now} />
      <Dialog open={search.get('new') === 'verifier'} onClose={close} title={t('New verifier')}>
        <VerifierForm onDone={close} />
      </Dialog>
      <Dialog open={search.get('new') === 'key'} onClose={close} title={t('Keep a key of a provider')}>
        <KeyForm onDone={close} />
      </Dialog>
      <Dialog
        open={tried !== undefined}
        onClose={close}
        title={t('Try {tried}', { tried: tried ? visible(tried.name) : t('a verifier') })}
      >
        {tried && <TrialRun verifier={tried} />}
      </Dialog>
    </div>
  )
}

const whoChecks = ({ provider = '', model }: Config): string =>
  `${NAMES[provider] ?? provider}${model ? `, ${visible(model)}` : ''}`

function Remove({ verifier: { id, name } }: { verifier: Verifier }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const remove = useMutation({
    mutationFn: () => run(() => api.verifiers.remove(id)),
    onSettled: () => queries.invalidateQueries({ queryKey: ['verifiers'] }),
  })
  return (
    <>
      <Confirm
        name={t('Remove')}
        title={t('Remove {name}', { name: visible(name) })}
        confirm={t('Remove it')}
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
      >
        {t('Tasks that were asked with it keep it; no new one can have it.')}
      </Confirm>
      <Refusal error={remove.error} />
      {dialog}
    </>
  )
}

function ProviderKeys({ onNew, now }: { onNew: () => void; now: number }) {
  const keys = useQuery({ queryKey: ['provider-keys'], queryFn: () => api.providerKeys.list() })
  const rows = keys.data?.data ?? []
  return (
    <Card title={t('Keys of providers')}>
      <div className="flex flex-col gap-4">
        <p className="text-muted">
          {t('Verifiers name a key, never hold one. A key goes to the address that stands beside it and to no other.')}
        </p>
        <Refusal error={keys.error} />
        {keys.data && rows.length === 0 && <Empty>{t('No key is kept, so no model can be asked.')}</Empty>}
        {rows.length > 0 && (
          <Table
            label={t('Keys of providers')}
            rows={rows}
            id={(one) => one.name}
            columns={[
              {
                name: t('Name'),
                cell: (one) => (
                  <span className="flex flex-wrap gap-2">
                    <span className="font-mono text-sm wrap-anywhere">{one.name}</span>
                    {one.is_default && <Badge tone="info">{t('Default')}</Badge>}
                  </span>
                ),
              },
              { name: t('Provider'), cell: (one) => NAMES[one.provider] ?? one.provider },
              { name: t('Model'), cell: (one) => (one.model === null ? '–' : visible(one.model)) },
              {
                name: t('Goes to'),
                cell: (one) => <span className="wrap-anywhere">{visible(one.base_url ?? t('the provider'))}</span>,
              },
              { name: t('Changed'), cell: (one) => <When at={one.updated_at} now={now} /> },
              { name: t('Acts'), cell: (one) => <Forget name={one.name} /> },
            ]}
          />
        )}
        <div>
          <Button onClick={onNew}>{t('Keep a key')}</Button>
        </div>
      </div>
    </Card>
  )
}

function Forget({ name }: { name: string }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const forget = useMutation({
    mutationFn: () => run(() => api.providerKeys.remove(name)),
    onSettled: () => queries.invalidateQueries({ queryKey: ['provider-keys'] }),
  })
  return (
    <>
      <Confirm
        name={t('Forget')}
        title={t('Forget the key {name}', { name })}
        confirm={t('Forget it')}
        busy={forget.isPending}
        onConfirm={() => forget.mutate()}
      >
        {t('Verifiers that name it get no verdict from then on; what they do then is set with each of them.')}
      </Confirm>
      <Refusal error={forget.error} />
      {dialog}
    </>
  )
}
