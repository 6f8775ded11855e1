// What agents ask to be connected to (V15): accepted here, it leads on to the provider by a link of whoever accepted it. Nothing is shown where nobody asks.
import type { RouteAnswer } from '@countersign/sdk'
import { useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { relative, useNow } from '../time.ts'
import { useNames } from '../traffic/traffic-page.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { useVaultAct } from './frame.tsx'

type Proposal = RouteAnswer<'GET /connection-proposals'>['data'][number]

export function Proposals() {
  const now = useNow()
  const query = useQuery({
    queryKey: ['connections', 'proposals'],
    queryFn: () => api.call('GET /connection-proposals', { query: { limit: 50 } }),
    refetchInterval: 5_000,
  })
  const open = (query.data?.data ?? []).filter(
    ({ status, connection_id, expires_at }) =>
      (status === 'proposed' || status === 'accepted') && connection_id === null && Date.parse(expires_at) > now,
  )
  if (open.length === 0) return null
  return (
    <Card title={t('Agents ask for')}>
      <ul className="flex flex-col gap-4">
        {open.map((one) => (
          <Asked key={one.id} proposal={one} />
        ))}
      </ul>
    </Card>
  )
}

function Asked({ proposal }: { proposal: Proposal }) {
  const me = useUser()
  const now = useNow()
  const names = useNames(true)
  const params = { id: proposal.id }
  const accept = useVaultAct(
    () => api.call('POST /connection-proposals/:id/accept', { params, body: {} }),
    ({ connect_url, authorization_id }) => location.assign(connect_url ?? `/connect/${authorization_id}`),
  )
  const reject = useVaultAct(() => api.call('POST /connection-proposals/:id/reject', { params, body: {} }))
  const closed = closedTo(me, 'grant.decide', t('answer what agents ask for'))
  return (
    <li className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="min-w-0 wrap-anywhere">
          {t('{agent} asks for {provider} ({name}), {when}', {
            agent: visible(names.agents.get(proposal.agent_id) ?? proposal.agent_id),
            provider: visible(proposal.provider),
            name: visible(proposal.connection_name),
            when: relative(proposal.created_at, now),
          })}
        </p>
        <div className="flex flex-wrap gap-3">
          <Button small tone="primary" reason={closed} busy={accept.isPending} onClick={() => accept.mutate(undefined)}>
            {t('Accept and connect')}
          </Button>
          {proposal.status === 'proposed' && (
            <Confirm
              name={t('Refuse')}
              title={t('Refuse what the agent asks for')}
              confirm={t('Refuse it')}
              reason={closed}
              busy={reject.isPending}
              onConfirm={() => reject.mutate(undefined)}
            >
              {t('The agent is told. It may ask again.')}
            </Confirm>
          )}
        </div>
      </div>
      <p className="text-sm text-muted wrap-anywhere" data-content="">
        {visible(proposal.reason)}
      </p>
      {proposal.scopes.length > 0 && (
        <p className="text-sm text-muted">{t('Scopes: {scopes}', { scopes: visible(proposal.scopes.join(', ')) })}</p>
      )}
      <Refusal error={accept.error ?? reject.error} />
    </li>
  )
}
