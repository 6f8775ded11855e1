// The members of a workspace, and who they are here.
import type { RouteAnswer } from '@countersign/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'
import { Empty, Table } from '../jobs/frame.tsx'
import { More, useList } from '../list.tsx'
import { useStepUp } from '../step-up.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'

type Member = RouteAnswer<'GET /channels/slack/installations/:team/members'>['data'][number]
type Team = { team_id: string; team_name: string }

const HOW = { mail: 'by a verified address', sign_in: 'by signing in' } as const

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
      title={`Members of ${visible(team.team_name)}`}
      aside={
        <Button small tone="quiet" onClick={onClose}>
          Close
        </Button>
      }
    >
      <Refusal error={query.error} />
      {query.isPending && <p className="text-muted">Loading…</p>}
      {query.data && rows.length === 0 && <Empty>Nobody is there.</Empty>}
      {rows.length > 0 && (
        <Table
          label="Members"
          rows={rows}
          id={(one) => one.id}
          columns={[
            {
              name: 'In Slack',
              cell: (one) => (
                <span className="flex flex-col items-start">
                  <span>{visible(one.display_name)}</span>
                  <span className="text-xs text-muted">@{visible(one.handle)}</span>
                </span>
              ),
            },
            {
              name: 'Here',
              cell: (one) =>
                one.user_name === null ? (
                  <span className="text-muted">not known yet</span>
                ) : (
                  <span>
                    {visible(one.user_name)} <span className="text-muted">{one.linked_by ? HOW[one.linked_by] : ''}</span>
                  </span>
                ),
            },
            { name: 'Acts', cell: (one) => (one.user_id === null ? null : <Forget team={team} member={one} />) },
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
        name="Forget"
        title={`Forget who ${visible(member.display_name)} is`}
        confirm="Forget it"
        busy={act.isPending}
        onConfirm={() => act.mutate()}
      >
        What they press in Slack does not count until they are linked again. With a verified address that happens by itself.
      </Confirm>
      <Refusal error={act.error} />
      {dialog}
    </>
  )
}
