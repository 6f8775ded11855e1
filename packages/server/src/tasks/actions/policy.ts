// Edited arguments go before policy again (T46): as the creation of this task by whoever asked it, with what it would now propose. A denial refuses the edit, and a
// question that wants more people raises the quorum. Writes nothing but the record of a denial.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { writeJson } from '../../http/json.ts'
import { judgeOne } from '../../identity/policies/judge.ts'
import { findRole } from '../../identity/policies/sql.ts'
import { sayOutcome } from '../../policy/words.ts'
import type { Decision } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import { creationAct, refusedBy } from '../judgement.ts'
import { isRequester } from '../may-decide.ts'
import { neededOf, type Quorum } from '../quorum/quorum.ts'
import { findOwners } from '../quorum/sql.ts'
import type { TaskRow } from '../sql.ts'
import type { Action } from './proposal.ts'

/** The quorum that policy wants for these arguments, when it is more than what the task has; throws `edited_action_denied`. */
export async function stricterQuorum(house: TasksHouse, t: Tx, decision: Decision, row: TaskRow): Promise<Quorum | null> {
  const { scope } = decision
  const keeper = house.held.get(row.origin)
  const wanted = keeper
    ? await keeper.judgeEdit(t, scope, row, decision.args as Record<string, unknown>)
    : await wantedFor(house, t, decision, row)
  const now = row.quorum
  if (wanted <= (now ? neededOf(now) : 1)) return null
  const raised = now ? more(now, wanted - neededOf(now)) : ofAll(row, wanted)
  const side = { owners: await ownersOf(t, scope, row), delegates: decision.around.delegates }
  if (isRequester(row, decision.person, side)) throw new Problem('separation_of_duties')
  return raised
}

/** Of a question of an agent or a person: judged as its creation. */
async function wantedFor(house: TasksHouse, t: Tx, decision: Decision, row: TaskRow): Promise<number> {
  const { scope, content } = decision
  const asker = await askerOf(t, scope, row)
  if (asker === null) return 1
  const action = content.action as unknown as Action
  const act = creationAct(scope.tenantId, {
    ...row,
    assigned: row.assign_to === null ? 'nobody' : 'emails' in row.assign_to ? 'several' : 'one',
    callback: row.callback_url !== null,
    bytes: writeJson(decision.args).length,
    description: content.description as string | null,
    payload: content.payload,
    action: { ...action, args: decision.args as Record<string, unknown> },
    edited: true,
  })
  const judged = await judgeOne(house, t, { scope: asker, act })
  const { outcome } = judged
  if (outcome.outcome === 'deny') {
    const detail = sayOutcome(outcome)
    const problem = new Problem('edited_action_denied', {
      errors: [{ path: '/args', field: '', code: 'denied', message: detail }],
      policy_ids: outcome.policy_ids,
      policy_version: outcome.policy_version,
      detail,
    })
    throw refusedBy(scope, judged, problem)
  }
  return outcome.ask?.quorum ?? 1
}

/** The first group answers for it. */
const more = (quorum: Quorum, by: number): Quorum => ({
  ...quorum,
  separate: true,
  groups: quorum.groups.map((group, i) => (i === 0 ? { ...group, need: group.need + by } : group)),
})

const ofAll = (row: TaskRow, need: number): Quorum => ({
  groups: [{ name: null, need, all: false, assign_to: null, keys: null }],
  asked: row.asked,
  sent: null,
  on_deny: 'first',
  combine: 'last',
  separate: true,
  blind: false,
})

const ownersOf = async (t: Tx, scope: Scope, { agent_id }: TaskRow) =>
  new Map(agent_id === null ? [] : (await findOwners(t, scope, [agent_id])).map(({ id, user_id }) => [id, user_id]))

/** Who asked, as policy knows them; null for the system's own questions. */
async function askerOf(t: Tx, scope: Scope, row: TaskRow): Promise<Scope | null> {
  const base = { ...systemScope('edit', scope.tenantId), requestId: scope.requestId, address: null }
  if (row.agent_id !== null) {
    const userId = (await ownersOf(t, scope, row)).get(row.agent_id) ?? null
    return {
      ...base,
      principal: row.agent_id,
      actor: { type: 'agent', id: row.agent_id },
      agentId: row.agent_id,
      userId,
      scopes: [],
    }
  }
  if (row.asker.startsWith('usr_')) {
    const found = await findRole(t, scope, row.asker)
    const role = (found?.role ?? null) as Scope['role']
    return {
      ...base,
      principal: row.asker,
      actor: { type: 'user', id: row.asker },
      userId: row.asker,
      role,
      isHost: found?.is_host ?? false,
    }
  }
  if (row.asker.startsWith('key_')) return { ...base, principal: row.asker, actor: { type: 'key', id: row.asker }, scopes: [] }
  return null
}
