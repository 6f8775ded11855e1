// The question to people about a connection that an agent proposes: asked once, looked after until somebody has answered or a week is over. A yes makes no connection:
// it lets the agent know that somebody will, and that person goes on by the link.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { askerScope } from '../../identity/asker.ts'
import { reach } from '../../identity/matrix.ts'
import { findAgent } from '../../identity/sql.ts'
import { isId } from '../../std/id.ts'
import { emailsOfGranters } from '../grants/sql.ts'
import type { VaultHouse } from '../house.ts'
import { endProposal, FOLLOW_CONNECTION, systemOf, tellProposal } from './proposal.ts'
import { findConnectionProposal, moveProposalIf, type ProposalRow, setProposalTask } from './sql.ts'

/** Null: there is nothing to wait for any more; else how long until it looks again. */
async function followConnectionProposal(house: VaultHouse, tenantId: string, id: string): Promise<number | null> {
  const system = systemOf(tenantId)
  const found = await tx(house.db, system, (t) => read(t, system, id))
  if (!found) return null
  const { row, owner, agentName, emails, now } = found
  if (row.status !== 'proposed') {
    await house.proposals.withdraw(system, row)
    return null
  }
  if (now >= row.expires_at) {
    await tx(house.db, system, (t) => endProposal(t, system, id, { status: 'expired', cause: null }))
    await house.proposals.withdraw(system, row)
    return null
  }
  const taskId = row.task_id ?? (await house.proposals.askConnection(system, { row, agentName, emails, page: pageOf(house) })).id
  if (row.task_id === null) await tx(house.db, system, (t) => setProposalTask(t, system, id, taskId))
  const said = await house.proposals.look(system, taskId)
  if (!said.over) return pauseFor(now.getTime() - row.created_at.getTime())
  await tx(house.db, system, (t) => settle(t, system, row, owner, said))
  return null
}

/** Where whoever accepted goes on. */
const pageOf = ({ origin }: VaultHouse): string => `${origin()}/connections`

/** Who answers soon hears of it soon. */
const pauseFor = (ageMs: number): number => (ageMs < 600_000 ? 2_000 : ageMs < 3_600_000 ? 10_000 : 60_000)

async function read(t: Tx, scope: Scope, id: string) {
  const row = await findConnectionProposal(t, scope, id, { user: null, agent: null })
  if (!row) return null
  const agent = await findAgent(t, scope, row.agent_id, { user: null, agent: null })
  const owner = agent?.owner_user_id ?? null
  const emails = (await emailsOfGranters(t, scope, owner)).map(({ email }) => email)
  return { row, owner, agentName: agent?.name ?? row.agent_id, emails, now: t.now }
}

type Said = { approved: boolean; by: string | null; comment: string | null }

/** A yes counts as that person's own: they have to be able to connect at this moment. */
async function settle(t: Tx, system: Scope, row: ProposalRow, owner: string | null, said: Said): Promise<void> {
  const now = await findConnectionProposal(t, system, row.id, { user: null, agent: null })
  if (now?.status !== 'proposed') return
  if (!said.approved || said.by === null)
    return void (await endProposal(t, system, row.id, { status: 'rejected', cause: said.comment ?? 'refused', by: said.by }))
  const person = await askerScope(t, system, { principal: said.by, userId: said.by, keyId: null, action: 'connection.create' })
  const may = !(person instanceof Problem) && (reach(person, 'connection.create') === 'any' || owner === said.by)
  if (!may) return void (await endProposal(t, system, row.id, { status: 'rejected', cause: 'not_permitted', by: said.by }))
  await moveProposalIf(t, system, row.id, ['proposed'], { status: 'accepted', by: said.by })
  await tellProposal(t, { ...person, requestId: null }, 'connection.proposal_accepted', row)
}

export const proposalJobs = (house: VaultHouse): Kind[] => [
  defineKind<unknown, { proposal_id: string }>(FOLLOW_CONNECTION, {
    keepOutput: false,
    schema(value) {
      const id = (value as { proposal_id?: unknown } | null)?.proposal_id
      if (!isId('prp', id)) throw new TypeError('proposal_id is an id')
      return { proposal_id: id }
    },
    async run({ tenantId, payload }) {
      const pause = await followConnectionProposal(house, tenantId, payload.proposal_id)
      return pause === null ? undefined : snooze(pause)
    },
  }) as Kind,
]
