// Slack: the tenant's app, the workspaces that it is installed in, and who their members are here. Secrets go in and never come out.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { Empty, Table, When } from '../jobs/frame.tsx'
import { closedTo, useUser } from '../me.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useNow } from '../time.ts'
import { useTitle } from '../title.ts'
import { Badge } from '../ui/badge.tsx'
import { Banner } from '../ui/banner.tsx'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { Sections } from '../ui/sections.tsx'
import { AppCard } from './app-card.tsx'
import { CHANNELS } from './channels.ts'
import { ConnectCard } from './connect-card.tsx'
import { MembersCard } from './members-card.tsx'

type Installation = RouteAnswer<'GET /channels/slack/installations'>['data'][number]

export function SlackPage() {
  useTitle(t('Slack'))
  const me = useUser()
  const now = useNow()
  const [search, setSearch] = useSearchParams()
  const closed = closedTo(me, 'task.configure', t('set up channels'))
  const enabled = closed === undefined
  const app = useQuery({ queryKey: ['slack', 'app'], queryFn: () => api.call('GET /channels/slack/app'), enabled })
  const list = useQuery({
    queryKey: ['slack', 'installations'],
    queryFn: () => api.call('GET /channels/slack/installations'),
    enabled,
    refetchInterval: 10_000,
  })
  const rows = list.data?.data ?? []
  const team = rows.find(({ team_id }) => team_id === search.get('team'))
  return (
    <Sections name={t('Channels')} places={CHANNELS} title={t('Slack')}>
      {closed && <Banner tone="info">{closed}</Banner>}
      {search.get('connected') && <Banner tone="success">{t('The workspace is connected. Send a test message below.')}</Banner>}
      {search.get('declined') && (
        <Banner tone="warning">{t('The installation was declined at Slack. Nothing has changed.')}</Banner>
      )}
      <Refusal error={app.error ?? list.error} />
      {rows.length > 0 && (
        <Table
          label={t('Workspaces')}
          rows={rows}
          id={(one) => one.id}
          columns={[
            {
              name: t('Workspace'),
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <span className="font-medium">{visible(one.team_name)}</span>
                  <span className="font-mono text-xs text-muted">{one.team_id}</span>
                </span>
              ),
            },
            { name: t('State'), cell: (one) => <State one={one} /> },
            { name: t('Connected'), cell: (one) => <When at={one.created_at} now={now} /> },
            {
              name: t('Acts'),
              cell: (one) => (
                <span className="flex flex-wrap gap-2">
                  <Button
                    small
                    aria-label={t('Members of {teamName}', { teamName: visible(one.team_name) })}
                    onClick={() => setSearch({ team: one.team_id })}
                  >
                    {t('Members')}
                  </Button>
                  {one.state === 'active' && <Disconnect one={one} />}
                </span>
              ),
            },
          ]}
        />
      )}
      {list.data && rows.length === 0 && <Empty>{t('No workspace is connected. Three steps below connect the first.')}</Empty>}
      {team && <MembersCard team={team} onClose={() => setSearch({})} />}
      {app.data && <AppCard app={app.data} />}
      {app.data && <ConnectCard app={app.data} connected={rows.some(({ state }) => state === 'active')} />}
    </Sections>
  )
}

function State({ one }: { one: Installation }) {
  if (one.state === 'revoked')
    return (
      <span className="flex flex-col items-start gap-1">
        <Badge tone="bad">{t('Not connected any more')}</Badge>
        <span className="text-xs text-muted">
          {t('{stateReason}. Connect it again below.', { stateReason: visible(one.state_reason ?? '') })}
        </span>
      </span>
    )
  const paused = one.limited_until !== null && Date.parse(one.limited_until) > Date.now()
  return <Badge tone={paused ? 'warn' : 'good'}>{paused ? t('Slack asked for a pause') : t('Connected')}</Badge>
}

function Disconnect({ one }: { one: Installation }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const act = useMutation({
    mutationFn: () => run(() => api.call('DELETE /channels/slack/installations/:team', { params: { team: one.team_id } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['slack'] }),
  })
  return (
    <>
      <Confirm
        name={t('Disconnect')}
        title={t('Disconnect {teamName}', { teamName: visible(one.team_name) })}
        confirm={t('Disconnect it')}
        busy={act.isPending}
        onConfirm={() => act.mutate()}
      >
        {t('Nobody is told there any more, and nothing that is pressed there counts. Messages that were sent stay as they are.')}
      </Confirm>
      <Refusal error={act.error} />
      {dialog}
    </>
  )
}
