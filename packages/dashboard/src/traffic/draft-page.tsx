// What a run learned, as grants and policies that are not made yet. Nothing holds by looking: each grant is made by a button of its own, and policies are taken to their editor.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { api } from '../api.ts'
import { sentence } from '../grants/rule.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Card, PageTitle } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import type { Names } from './picture.tsx'
import { useNames } from './traffic-page.tsx'

type Draft = RouteAnswer<'GET /runs/:id/draft'>

export function DraftPage({ id }: { id: string }) {
  useTitle(t('What a run learned'))
  const me = useUser()
  const closed = closedTo(me, 'grant.decide', t('let agents use connections'))
  const names = useNames(closed === undefined)
  const query = useQuery({
    queryKey: ['traffic', 'draft', id],
    queryFn: () => api.call('GET /runs/:id/draft', { params: { id } }),
    enabled: closed === undefined,
  })
  return (
    <div className="flex flex-col gap-5">
      <Link href={paths.traffic()} className="self-start text-muted hover:text-text hover:underline">
        {t('← Traffic')}
      </Link>
      <PageTitle title={t('What a run learned')} />
      {closed && <Banner tone="info">{closed}</Banner>}
      <Refusal error={query.error} />
      {!closed && query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && <Shown draft={query.data} names={names} />}
    </div>
  )
}

const times = (count: number): string => t('{count, plural, one {# request} other {# requests}}', { count })

function Shown({ draft, names }: { draft: Draft; names: Names }) {
  const { grants, passes, missing, left_out: leftOut } = draft
  const who = visible(names.agents.get(draft.agent_id) ?? draft.agent_id)
  const isEmpty = grants.length + passes.length + missing.length + leftOut.length === 0
  return (
    <>
      <p className="text-muted">
        {t('{agent} sent {requests} that no grant names, without a credential. Nothing of this holds until you make it.', {
          agent: who,
          requests: times(draft.requests),
        })}
        {draft.truncated && ` ${t('There was more: the newest and most wanted stand here.')}`}
      </p>
      {isEmpty && <Banner tone="info">{t('This run learned nothing yet.')}</Banner>}
      {grants.map((one) => (
        <Proposed key={one.grant.connection_id} one={one} names={names} />
      ))}
      {missing.length > 0 && <Missing missing={missing} />}
      {passes.length > 0 && <Passes passes={passes} />}
      {leftOut.length > 0 && <LeftOut leftOut={leftOut} />}
    </>
  )
}

function Proposed({
  one: { provider, name, requests, other_connections, grant },
  names,
}: {
  one: Draft['grants'][number]
  names: Names
}) {
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: () => api.call('POST /grants', { body: grant }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['grants'] }),
  })
  return (
    <Card
      title={visible(`${provider}:${name}`)}
      foreign
      aside={
        create.data ? (
          <Link href={paths.grant(create.data.id)} className="underline underline-offset-4">
            {t('The grant')}
          </Link>
        ) : (
          <Button tone="primary" busy={create.isPending} onClick={() => create.mutate()}>
            {t('Make this grant')}
          </Button>
        )
      }
    >
      <Refusal error={create.error} />
      <p className="text-sm text-muted">{times(requests)}</p>
      <ul className="flex list-disc flex-col gap-1 pl-5">
        {grant.rules.map((rule) => (
          <li key={JSON.stringify(rule)} className="wrap-anywhere">
            {visible(sentence(rule))}
          </li>
        ))}
      </ul>
      {other_connections.length > 0 && (
        <p className="text-sm text-muted">
          {t('It would fit as well: {names}.', {
            names: other_connections.map((id) => visible(names.connections.get(id) ?? id)).join(', '),
          })}
        </p>
      )}
    </Card>
  )
}

const Missing = ({ missing }: { missing: Draft['missing'] }) => (
  <Card title={t('Connect these first')}>
    <ul className="flex flex-col gap-2">
      {missing.map(({ provider, display_name, connection_id, hosts, requests }) => (
        <li key={`${provider} ${connection_id}`} className="flex flex-wrap items-baseline gap-x-3">
          <Link
            href={connection_id === null ? paths.connect(provider) : paths.connection(connection_id)}
            className="underline underline-offset-4"
          >
            {connection_id === null
              ? t('Connect {provider}', { provider: visible(display_name) })
              : t('Sign in to {provider} again', { provider: visible(display_name) })}
          </Link>
          <span className="text-sm text-muted wrap-anywhere">
            {t('{requests} to {hosts}', { requests: times(requests), hosts: visible(hosts.join(', ')) })}
          </span>
        </li>
      ))}
    </ul>
  </Card>
)

const Passes = ({ passes }: { passes: Draft['passes'] }) => (
  <Card title={t('Hosts of nobody')}>
    <p className="text-sm text-muted">
      {rich('These policies let it pass them without a credential. Put them behind the others in <editor>the editor</editor>.', {
        editor: (words) => (
          <Link href={paths.policyEditor()} className="underline underline-offset-4">
            {words}
          </Link>
        ),
      })}
    </p>
    <p className="wrap-anywhere">{visible(passes.map(({ host }) => host).join(', '))}</p>
    <Copyable label={t('policies')} text={passes.map(({ policy }) => policy).join('\n')} block />
  </Card>
)

const WHY: Record<Draft['left_out'][number]['why'], string> = {
  plaintext: t('without TLS no credential goes out'),
  token_endpoint: t('tokens are fetched there, and no credential goes there'),
  minting: t('it hands out credentials, which a grant has to allow by itself'),
  unnamed: t('no rule can name it'),
}

const LeftOut = ({ leftOut }: { leftOut: Draft['left_out'] }) => (
  <Card title={t('Left out')}>
    <ul className="flex flex-col gap-1">
      {leftOut.map(({ scheme, host, port, method, path, why }) => (
        <li key={`${method} ${scheme} ${host} ${port} ${path}`} className="wrap-anywhere">
          <code className="font-mono text-sm">{visible(`${method} ${scheme}://${host}${path}`)}</code>{' '}
          <span className="text-sm text-muted">{WHY[why]}</span>
        </li>
      ))}
    </ul>
  </Card>
)
