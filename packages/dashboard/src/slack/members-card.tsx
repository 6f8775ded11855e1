// The members of a workspace, and who they are here.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { Empty, Table } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Member = RouteAnswer<'GET /channels/slack/installations/:team/members'>['data'][number]
type Team = { team_id: string; team_name: string }

const HOW = { mail: t('by a verified address'), sign_in: t('by signing in') } as const

export function MembersCard({ team, onClose }: { team: Team; onClose: () => void }) {
  const params = { team: team.team_id }
  const { rows, query } = useList<Member & { id: string }>(
    ['slack', 'members', team.team_id],
    async (cursor) => {
      const page = await api.call('GET /channels/slack/installations/:team/members', { params, query: { cursor } })
      return { ...page, data: page.data.map((one) => ({ ...one, id: one.slack_user_id })) }
    },
    {},
  )
  return (
    <Card
      title={t('Members of {teamName}', { teamName: visible(team.team_name) })}
      aside={
        <Button small tone="quiet" onClick={onClose}>
          {t('Close')}
        </Button>
      }
    >
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {query.data && rows.length === 0 && <Empty>{t('Nobody is there.')}</Empty>}
      {rows.length > 0 && (
        <Table
          label={t('Members')}
          rows={rows}
          id={(one) => one.id}
          columns={[
            {
              name: t('In Slack'),
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <span>{visible(one.display_name)}</span>
                  <span className="text-xs text-muted">@{visible(one.handle)}</span>
                </span>
              ),
            },
            {
              name: t('Here'),
              cell: (one) =>
                one.user_name === null ? (
                  <span className="text-muted">{t('not known yet')}</span>
                ) : (
                  <span>
                    {visible(one.user_name)} <span className="text-muted">{one.linked_by ? HOW[one.linked_by] : ''}</span>
                  </span>
                ),
            },
            { name: t('Acts'), cell: (one) => (one.user_id === null ? null : <Forget team={team} member={one} />) },
          ]}
        />
      )}
      <More query={query} />
    </Card>
  )
}

function Forget({ team, member }: { team: Team; member: Member }) {
  const queries = useQueryClient()
  const { run, dialog } = useStepUp()
  const params = { team: team.team_id, member: member.slack_user_id }
  const act = useMutation({
    mutationFn: () => run(() => api.call('DELETE /channels/slack/installations/:team/members/:member', { params })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['slack', 'members'] }),
  })
  return (
    <>
      <Confirm
        name={t('Forget')}
        title={t('Forget who {name} is', { name: visible(member.display_name) })}
        confirm={t('Forget it')}
        busy={act.isPending}
        onConfirm={() => act.mutate()}
      >
        {t(
          'What they press in Slack does not count until they are linked again. With a verified address that happens by itself.',
        )}
      </Confirm>
      <Refusal error={act.error} />
      {dialog}
    </>
  )
}
