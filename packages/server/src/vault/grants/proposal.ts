// What an agent proposes (V15): a grant that holds nothing until a person accepts it. At most 20 wait for one agent, the same again joins the one that waits, and
// after seven days without an answer it is over. The task in which people are asked is made and followed by a job, for this room knows no tasks.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { askerScope } from '../../identity/asker.ts'
import { reach } from '../../identity/matrix.ts'
import { findAgent } from '../../identity/sql.ts'
import { newId } from '../../std/id.ts'
import { actOnConnection } from '../connections/act.ts'
import { findConnection } from '../connections/sql.ts'
import type { VaultHouse } from '../house.ts'
import { invalid } from '../problem.ts'
import type { ProposalRow } from '../proposals/sql.ts'
import { tellGrant } from './end.ts'
import { approveIn, connectionFor, endIn, type NewGrant, termsFor } from './grant.ts'
import { sayRules } from './say.ts'
import {
  countProposals,
  emailsOfGranters,
  findGrant,
  findProposal,
  type GrantRow,
  insertGrant,
  lockGrant,
  lockProposals,
  setTask,
} from './sql.ts'

export type Proposal = {
  grantId: string
  agentId: string
  agentName: string
  provider: string
  connection: string
  account: string | null
  /** One sentence for each rule. */
  rules: readonly string[]
  reason: string
  expiresAt: Date
  /** When nobody is asked any longer. */
  deadline: Date
  emails: readonly string[]
}

/** A new connection, as people are asked for it; `page`: where whoever says yes goes on. */
export type ConnectionQuestion = { row: ProposalRow; agentName: string; emails: readonly string[]; page: string }

/** The questions to people, handed in by main. */
export type Proposals = {
  ask(scope: Scope, proposal: Proposal): Promise<{ id: string }>
  askConnection(scope: Scope, question: ConnectionQuestion): Promise<{ id: string }>
  look(scope: Scope, taskId: string): Promise<{ over: boolean; approved: boolean; by: string | null; comment: string | null }>
  /** Nobody needs to answer any more: it was decided elsewhere, or is over. */
  withdraw(scope: Scope, row: { task_id: string | null }): Promise<void>
}

/** The job that asks and then looks for the answer; its payload is `{ grant_id }`. */
export const FOLLOW = 'grant.follow'
const MOST_OPEN = 20
const WAITS_MS = 7 * 86_400_000

/** `joined`: told when the same waits already, and is answered. */
export const proposeGrant = (house: VaultHouse, scope: Scope, input: NewGrant, joined: () => void): Promise<GrantRow> => {
  const agentId = scope.agentId as string
  if (input.agent_label !== undefined || (input.agent_id !== undefined && input.agent_id !== agentId))
    throw invalid('/agent_id', 'not_allowed', 'An agent proposes for itself.')
  return house.countersign(
    scope,
    async (t) =>
      actOnConnection('grant.create', scope, await connectionFor(house, t, scope, input), {
        body: { ...input, agent_id: agentId },
      }),
    async (t) => {
      const connection = await connectionFor(house, t, scope, input)
      const terms = await termsFor(t, scope, connection, input)
      const { expires_at: _, starts_at: __, ...lasting } = terms
      const times = { starts_at: input.starts_at, expires_at: input.expires_at }
      const digest = sha256(canonical({ agent: agentId, connection: connection.id, ...lasting, ...times }))
      await lockProposals(t, scope, agentId)
      const open = await findProposal(t, scope, digest)
      if (open) {
        joined()
        return open
      }
      if ((await countProposals(t, scope, agentId)).n >= MOST_OPEN) throw new Problem('too_many_open', { limit: MOST_OPEN })
      const id = newId('grt', t.now.getTime())
      const grant = await insertGrant(t, scope, {
        ...{ ...terms, id, agent_id: agentId, agent_label: null, connection_id: connection.id },
        ...{ status: 'proposed', reason: input.reason ?? '', proposal_digest: digest },
      })
      await tellGrant(t, scope, 'grant.proposed', grant, { rules: grant.rules.length })
      await enqueue(t, { kind: FOLLOW, tenantId: scope.tenantId, payload: { grant_id: id } })
      return grant
    },
  )
}

/** Asks where nobody was asked yet, and does what people have said. Null: there is nothing to wait for any more; else how long until it looks again. */
export async function followProposal(house: VaultHouse, tenantId: string, grantId: string): Promise<number | null> {
  const system = systemScope('vault', tenantId)
  const found = await tx(house.db, system, (t) => whatToAsk(t, system, grantId))
  if (!found) return null
  const { row, proposal, now } = found
  if (row.status !== 'proposed') {
    await house.proposals.withdraw(system, row)
    return null
  }
  if (now >= proposal.deadline) {
    await tx(house.db, system, (t) => rejectIfProposed(t, system, grantId, 'expired'))
    await house.proposals.withdraw(system, row)
    return null
  }
  const taskId = row.task_id ?? (await house.proposals.ask(system, proposal)).id
  if (row.task_id === null) await tx(house.db, system, (t) => setTask(t, system, grantId, taskId))
  const said = await house.proposals.look(system, taskId)
  if (!said.over) return pauseFor(now.getTime() - row.created_at.getTime())
  await tx(house.db, system, (t) => settle(t, system, grantId, said))
  return null
}

/** Who answers soon hears of it soon. */
const pauseFor = (ageMs: number): number => (ageMs < 600_000 ? 2_000 : ageMs < 3_600_000 ? 10_000 : 60_000)

async function whatToAsk(t: Tx, scope: Scope, grantId: string) {
  const row = await findGrant(t, scope, grantId, { user: null, agent: null })
  if (!row) return null
  const connection = await findConnection(t, scope, row.connection_id, { owner: null, agent: null })
  const agent = await findAgent(t, scope, row.agent_id as string, { user: null, agent: null })
  const emails = await emailsOfGranters(t, scope, connection?.owner ?? null)
  const proposal: Proposal = {
    grantId,
    agentId: row.agent_id as string,
    agentName: agent?.name ?? (row.agent_id as string),
    provider: connection?.provider ?? '',
    connection: connection?.name ?? row.connection_id,
    account: connection?.account_label ?? null,
    rules: sayRules(row.rules),
    reason: row.reason,
    expiresAt: row.expires_at,
    deadline: new Date(Math.min(row.created_at.getTime() + WAITS_MS, row.expires_at.getTime())),
    emails: emails.map(({ email }) => email),
  }
  return { row, proposal, now: t.now }
}

/** A yes counts as that person's own act: they have to be able to grant it at this moment. */
async function settle(
  t: Tx,
  system: Scope,
  grantId: string,
  said: { approved: boolean; by: string | null; comment: string | null },
) {
  const row = await lockGrant(t, system, grantId, { user: null, agent: null })
  if (row?.status !== 'proposed') return
  if (!said.approved || said.by === null) return endIn(t, system, row, 'reject', said.comment ?? 'refused')
  const asker = { principal: said.by, userId: said.by, keyId: null, action: 'grant.decide' }
  const person = await askerScope(t, system, asker)
  const connection = await findConnection(t, system, row.connection_id, { owner: null, agent: null })
  const may = !(person instanceof Problem) && (reach(person, 'grant.decide') === 'any' || connection?.owner === said.by)
  if (!may || !connection || !['connected', 'needs_reauth', 'pending'].includes(connection.status))
    return endIn(t, system, row, 'reject', may ? 'connection_over' : 'not_permitted')
  return approveIn(t, { ...person, requestId: null }, row, row)
}

async function rejectIfProposed(t: Tx, scope: Scope, grantId: string, reason: string): Promise<void> {
  const row = await lockGrant(t, scope, grantId, { user: null, agent: null })
  if (row?.status === 'proposed') await endIn(t, scope, row, 'reject', reason)
}
