// The gate's `ask` (V100, V104, V105): the request joins the hold that waits for it, spends one that people agreed to, or opens one, with its task, in one
// transaction. Judges by itself, whatever the node says. Waits on the hold and holds no connection meanwhile. Never opens a second question for the same bytes.
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { prepareTask } from '../../tasks/creation.ts'
import { expireTask } from '../../tasks/deadline.ts'
import { createTaskIn } from '../../tasks/task.ts'
import { denial } from '../decide/deny.ts'
import { requestDigest } from '../decide/digest.ts'
import type { GateHouse } from '../gate/house.ts'
import type { AskParams, AskResult } from '../gate/wire.ts'
import { closeIfLive, lapse } from './end.ts'
import { type Asks, askingOf, asksPeople, isStricter, type Judgement, judgeStored } from './judge.ts'
import { actionOf, questionOf } from './question.ts'
import { resultOf } from './result.ts'
import {
  countOpenHolds,
  findLastHold,
  type HoldRow,
  holdsOfRun,
  insertHold,
  keepJudged,
  lockRunHolds,
  namesFor,
  tellIfUntold,
} from './sql.ts'
import { holdKey, type Stored, sealStored, storedOf } from './stored.ts'
import { waitOn } from './wait.ts'

export const MOST_OPEN = 20
const ATTEMPTS = 4
const SHOWN_BEFORE = 20
/** A call of the channel ends after 35 s. */
const LONGEST_CALL_MS = 30_000

export async function ask(house: GateHouse, who: { tenantId: string }, params: AskParams): Promise<AskResult> {
  const scope = systemScope('gate', who.tenantId)
  const { db } = house.vault
  const asked: Asked = { params, stored: storedOf(params), digest: requestDigest(params.request) }
  const until = db.clock.now().getTime() + Math.min(params.wait_ms, LONGEST_CALL_MS)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const hold = await join(house, scope, asked)
    if (hold === null) continue
    if (!('row' in hold)) throw hold.problem
    const settled = hold.isOver ? hold.row : await waitOn(house, scope, hold.row, { requestId: params.request_id, until })
    // What was taken back or lapsed meanwhile is judged anew: what it would be asked now is another question.
    if (settled !== null) return resultOf(house, scope, settled)
  }
  throw new Problem('busy', { retry_after: 1 })
}

type Asked = { params: AskParams; stored: Stored; digest: Buffer }
/** `isOver`: nothing has to be waited for. null: it changed meanwhile; look again. */
type Joined = { row: HoldRow; isOver: boolean } | { problem: Problem } | null

async function join(house: GateHouse, scope: Scope, asked: Asked): Promise<Joined> {
  const seen = await tx(house.vault.db, scope, (t) => look(house, t, scope, asked))
  if ('due' in seen) {
    await expireTask(house.tasks, scope.tenantId, seen.due)
    return null
  }
  return 'open' in seen ? open(house, scope, asked, seen.open) : seen
}

type Opening = { view: Judgement['view']; judged: Asks; last: HoldRow | null }

/** Returns refusals, for what it closes on the way is to be kept. */
async function look(
  house: GateHouse,
  t: Tx,
  scope: Scope,
  { params, stored, digest }: Asked,
): Promise<{ row: HoldRow; isOver: boolean } | { problem: Problem } | { open: Opening } | { due: string }> {
  const judgement = await judgeStored(house, t, scope, stored)
  if (!judgement) return { problem: denial('run_ended', { requestId: '', runId: params.run_id }).problem }
  const { view, judged } = judgement
  const last = await findLastHold(t, scope, params.run_id, digest)
  if (last?.state === 'open' && last.expires_at <= t.now) return { due: last.task_id }
  const isLive = last?.state === 'open' || last?.state === 'agreed'
  if (last && isLive) {
    const lapsed = last.state === 'agreed' && last.lapses_at !== null && last.lapses_at <= t.now
    if (lapsed) await lapse(t, scope, last)
    else if (isStricter(judged, last)) await closeIfLive(house, t, scope, last, 'rejudged')
    else {
      if (asksPeople(judged)) await keepJudged(t, scope, last.id, standing(view, judged))
      return { row: last, isOver: false }
    }
  }
  if (judged.outcome === 'deny') {
    const { connection, choices } = judged
    const about = {
      requestId: '',
      runId: params.run_id,
      ...(connection ? { connection: connection.id } : {}),
      ...(choices ? { choices } : {}),
    }
    return { problem: denial(judged.reason, about).problem }
  }
  // Nobody has to be asked any more: the node judges it anew in a moment, and lets it out.
  if (!asksPeople(judged)) return { problem: new Problem('busy', { retry_after: 1 }) }
  if (last && !isLive && (await answers(t, scope, last, params))) return { row: last, isOver: true }
  return { open: { view, judged, last } }
}

/** Whether what became of the last one is the answer to this request, or this one is asked anew. */
async function answers(t: Tx, scope: Scope, last: HoldRow, { waited_ms }: AskParams): Promise<boolean> {
  const since = new Date(t.now.getTime() - waited_ms)
  switch (last.state) {
    case 'refused':
      // Until the time for it is over, a no stays a no: nobody is asked again and again.
      return last.expires_at > t.now
    case 'expired':
      return (await tellIfUntold(t, scope, last.id)) > 0 || last.state_since >= since
    case 'spent':
      return true
    case 'sent':
    case 'unknown':
      return last.spent_at !== null && last.spent_at >= since
    default:
      return false
  }
}

const standing = (view: Judgement['view'], { use, policy }: Asks) => ({
  revision: view.revision,
  grantId: use.grant.id,
  grantGeneration: use.grant.generation,
  policyVersion: policy.policy_version,
})

/** null: somebody asked the same at the same moment, or what it is judged by has changed since the question was written. */
async function open(house: GateHouse, scope: Scope, { params, stored, digest }: Asked, opening: Opening): Promise<Joined> {
  const { view, judged, last } = opening
  const { db } = house.vault
  const written = await tx(
    db,
    scope,
    async (t) => ({
      names: await namesFor(t, scope, view.agent.id, params.connection_id),
      before: await holdsOfRun(t, scope, params.run_id, SHOWN_BEFORE),
    }),
    { readOnly: true },
  )
  const id = newId('hld', db.clock.now().getTime())
  const wasLost = last?.state === 'unknown'
  const question = questionOf({ view, judged, stored, ...written, digest: digest.toString('hex'), wasLost })
  const agent = agentScope(scope, view, written.names.agent, params.request_id)
  const prepared = { ...(await prepareTask(house.tasks, agent, question, 'native')), act: { origin: 'proxy' as const, ref: id } }
  try {
    return await tx(db, scope, async (t) => {
      await lockRunHolds(t, scope, params.run_id)
      const again = await judgeStored(house, t, scope, stored)
      if (!again || !asksPeople(again.judged)) return null
      const now = standing(again.view, again.judged)
      // Another policy asks another question.
      if (now.policyVersion !== judged.policy.policy_version || again.judged.use.grant.id !== judged.use.grant.id) return null
      if ((await countOpenHolds(t, scope, params.run_id)).open >= MOST_OPEN)
        return { problem: new Problem('too_many_open', { limit: MOST_OPEN }) }
      const task = await createTaskIn(house.tasks, t, prepared)
      const { quorum, on_timeout } = askingOf(judged)
      const row = await insertHold(t, scope, {
        ...{ id, task_id: task.id, digest, agent_id: view.agent.id, run_id: params.run_id, connection_id: params.connection_id },
        ...{ grant_id: now.grantId, grant_generation: now.grantGeneration, action: actionOf(judged) },
        ...{ policy_version: now.policyVersion, policy_ids: judged.policy.policy_ids, quorum, on_timeout },
        ...{ expires_at: task.deadline_at, judged_revision: now.revision },
        request: sealStored(await holdKey(house, t, scope, task.id), scope, id, stored),
      })
      return { row, isOver: false }
    })
  } catch (error) {
    if (isUniqueViolation(error, 'proxy_holds_live')) return null
    throw error
  }
}

/** The agent is who asks: its owner and whoever else may see its tasks see this one. */
const agentScope = (scope: Scope, { agent }: Judgement['view'], displayName: string, requestId: string): Scope => ({
  ...scope,
  principal: agent.id,
  actor: { type: 'agent', id: agent.id },
  scopes: [],
  agentId: agent.id,
  userId: agent.owner,
  displayName,
  requestId,
})
