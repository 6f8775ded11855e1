// One grant: what it lets its agent do, in sentences; its limits; accepting, changing, suspending and ending it; and a request to try.
import type { Grant } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { useVaultAct } from '../connections/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { placeErrors } from '../problem.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact } from '../time.ts'
import { useTitle } from '../title.ts'
import { useNames } from '../traffic/traffic-page.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { Described, type Row } from '../ui/described.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { GrantBadge, grantee } from './frame.tsx'
import { useFacts } from './new-grant-page.tsx'
import { sentence } from './rule.ts'
import { PLACES, TermsFields, termsOf, typedTerms } from './terms.tsx'
import { TryUrl } from './try-url.tsx'

const LIVE = { refetchInterval: 3_000 } as const

export function GrantPage({ id }: { id: string }) {
  const names = useNames(true)
  const query = useQuery({
    queryKey: ['grants', 'one', id],
    queryFn: () => api.call('GET /grants/:id', { params: { id } }),
    ...LIVE,
  })
  const grant = query.data
  const title = grant
    ? t('{who} uses {connection}', {
        who: grantee(grant, names),
        connection: visible(names.connections.get(grant.connection_id) ?? grant.connection_id),
      })
    : t('Grant')
  useTitle(title)
  const [editing, setEditing] = useState(false)
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.grants()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Grants')}
      </Link>
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {grant && (
        <>
          <PageTitle title={title}>
            <GrantBadge grant={grant} />
          </PageTitle>
          {grant.status === 'proposed' && grant.task_id !== null && (
            <Banner tone="info">
              {rich('The agent asks for this. <task>The question</task> is in the inbox; here you can narrow it first.', {
                task: (words) => (
                  <Link href={paths.task(grant.task_id as string)} className="underline underline-offset-4">
                    {words}
                  </Link>
                ),
              })}
            </Banner>
          )}
          <Acts grant={grant} editing={editing} onEdit={() => setEditing(true)} />
          {editing ? (
            <Edit key={grant.generation} grant={grant} onDone={() => setEditing(false)} />
          ) : (
            <div className="grid items-start gap-5 lg:grid-cols-2">
              <Rules grant={grant} />
              <Limits grant={grant} />
            </div>
          )}
          {grant.agent_id !== null && <TryUrl agentId={grant.agent_id} url="" />}
        </>
      )}
    </div>
  )
}

function Acts({ grant, editing, onEdit }: { grant: Grant; editing: boolean; onEdit: () => void }) {
  const me = useUser()
  const params = { id: grant.id }
  const approve = useVaultAct(() => api.call('POST /grants/:id/approve', { params, body: {} }))
  const reject = useVaultAct(() => api.call('POST /grants/:id/reject', { params, body: {} }))
  const suspend = useVaultAct(() => api.call('POST /grants/:id/suspend', { params, body: {} }))
  const revoke = useVaultAct(() => api.call('POST /grants/:id/revoke', { params, body: {} }))
  const closed = closedTo(me, 'grant.decide', t('decide about grants'))
  const isLive = grant.status === 'active' || grant.status === 'suspended' || grant.status === 'proposed'
  if (!isLive) return null
  const waits = grant.status !== 'active'
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-3">
        {waits && (
          <Button tone="primary" small reason={closed} busy={approve.isPending} onClick={() => approve.mutate(undefined)}>
            {grant.status === 'proposed' ? t('Accept') : t('Confirm it again')}
          </Button>
        )}
        {!editing && (
          <Button small reason={closed} onClick={onEdit}>
            {t('Change')}
          </Button>
        )}
        {grant.status === 'proposed' && (
          <Button small tone="danger" reason={closed} busy={reject.isPending} onClick={() => reject.mutate(undefined)}>
            {t('Refuse')}
          </Button>
        )}
        {grant.status === 'active' && (
          <Button small reason={closed} busy={suspend.isPending} onClick={() => suspend.mutate(undefined)}>
            {t('Suspend')}
          </Button>
        )}
        {grant.status !== 'proposed' && (
          <Confirm
            name={t('Revoke')}
            title={t('Revoke the grant')}
            confirm={t('Revoke it')}
            reason={closedTo(me, 'grant.revoke', t('revoke grants'))}
            busy={revoke.isPending}
            onConfirm={() => revoke.mutate(undefined)}
          >
            {t('Its requests are refused and what runs is cut within a second. It cannot be taken up again; make another one.')}
          </Confirm>
        )}
      </div>
      <Refusal error={approve.error ?? reject.error ?? suspend.error ?? revoke.error} />
    </div>
  )
}

const Rules = ({ grant }: { grant: Grant }) => (
  <Card title={t('What it may do')}>
    {grant.rules.length === 0 && <p className="text-muted">{t('Without a rule nothing is let through.')}</p>}
    <ol className="flex list-decimal flex-col gap-1 pl-5">
      {grant.rules.map((rule) => (
        <li key={JSON.stringify(rule)} className="wrap-anywhere">
          {visible(sentence(rule))}
        </li>
      ))}
    </ol>
    <p className="text-sm text-muted">
      {t(
        'The rule with the longest path counts, then the exact host, then the stricter one. Policies decide as well, and may be stricter.',
      )}
    </p>
  </Card>
)

function Limits({ grant }: { grant: Grant }) {
  const names = useNames(true)
  const rows: Row[] = [
    [
      t('Connection'),
      <Link key="connection" href={paths.connection(grant.connection_id)} className="underline underline-offset-4">
        {visible(names.connections.get(grant.connection_id) ?? grant.connection_id)}
      </Link>,
    ],
    [t('From'), exact(grant.starts_at)],
    [t('Until'), exact(grant.expires_at)],
    [t('Requests'), grant.max_uses === null ? t('no limit') : t('{uses} of {most}', { uses: grant.uses, most: grant.max_uses })],
    [t('From addresses'), grant.client_cidrs.length > 0 ? grant.client_cidrs.join(', ') : t('any')],
    [t('Placeholder'), grant.placeholder_required ? t('needed') : t('not needed')],
    [t('New credentials'), grant.minting ? t('it may make them') : t('it may not make them')],
    ...(grant.reason ? [[t('Why'), visible(grant.reason)] as Row] : []),
    [t('Made'), exact(grant.created_at)],
  ]
  return (
    <Card title={t('Limits')}>
      <Described rows={rows} />
    </Card>
  )
}

function Edit({ grant, onDone }: { grant: Grant; onDone: () => void }) {
  const [terms, setTerms] = useState(() => typedTerms(grant))
  const facts = useFacts(grant.connection_id)
  const save = useVaultAct(
    () =>
      api.call('PATCH /grants/:id', {
        params: { id: grant.id },
        body: termsOf(terms),
        headers: { 'if-match': `"${grant.generation}"` },
      }),
    onDone,
  )
  const { beside, rest } = placeErrors(save.error, PLACES(terms))
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(undefined)
  }
  return (
    <Card title={t('What it may do')}>
      <form onSubmit={onSubmit} noValidate className="flex flex-col gap-4">
        <TermsFields terms={terms} onChange={setTerms} facts={facts} errors={beside} />
        <Refusal error={save.error} placed={{ beside, rest }} />
        <div className="flex gap-2">
          <Button type="submit" tone="primary" busy={save.isPending}>
            {t('Save')}
          </Button>
          <Button tone="quiet" onClick={onDone}>
            {t('Leave it')}
          </Button>
        </div>
      </form>
    </Card>
  )
}
