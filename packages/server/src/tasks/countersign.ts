// The one decision path (style.md §4): judge; on ask spend what people agreed to, once, in the transaction of the act; else open a task and say so.
// Rooms below are handed it. Never lets an act through that was not judged in that very transaction, and never spends for a request that differs by a byte.
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../db/errors.ts'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import {
  type ActIn,
  type Countersign,
  type CountersignedAct,
  digestOf,
  type Passed,
  sentSha256,
} from '../identity/policies/countersign.ts'
import { denialOf, passedOf, tellDecided } from '../identity/policies/denial.ts'
import { keepDecisions } from '../identity/policies/recorded.ts'
import { isJudged } from '../identity/policies/request.ts'
import type { Asking, Request } from '../policy/decide.ts'
import { fillAsk } from '../policy/words.ts'
import { type JudgedAct, judgeIn, tellSpent } from './asks/spend.ts'
import { type AskRow, countOpenAsks, expireAsks, findLastAsk, insertAsk, takeAgreed } from './asks/sql.ts'
import { openContents } from './content.ts'
import { type Prepared, prepareTask } from './creation.ts'
import type { TasksHouse } from './house.ts'
import { EVERY, findTask } from './sql.ts'
import { createTaskIn } from './task.ts'

const MOST_OPEN = 20
const ATTEMPTS = 3
const RETRY_SECONDS = 5

export const openCountersign =
  (house: TasksHouse): Countersign =>
  async (scope, act, effect, kept) => {
    if (!isJudged(scope)) return tx(house.db, scope, (t) => effect(t, null))
    for (let attempt = 1; ; attempt++) {
      const held = new Held()
      try {
        return await tx(house.db, scope, async (t) => {
          const { passed, outcomeId } = await passOr(house, t, scope, act, held)
          if (outcomeId === null) return effect(t, passed)
          if (!kept) throw new Error('What the house does by itself says how its outcome is shown.')
          return kept.again(t, outcomeId)
        })
      } catch (error) {
        if (error !== held) throw error
      }
      // Nothing was written. What is written about a refusal carries no stored reply: the same call is to be made again.
      const refusal = await refuse(house, { ...scope, beforeCommit: undefined }, act)
      if (refusal) throw refusal
      if (attempt === ATTEMPTS) throw new Problem('busy', { retry_after: 1 })
    }
  }

/** Ends the transaction of an act that may not be done now, and is seen by nobody. */
class Held extends Error {}

/** `outcomeId`: the house has done it already (T9), and its asker is handed what came of that. */
type Pass = { passed: Passed; outcomeId: string | null }

async function passOr(house: TasksHouse, t: Tx, scope: Scope, act: ActIn, held: Held): Promise<Pass> {
  const judged = await judgeIn(house, t, scope, act)
  if (judged.outcome.outcome === 'deny') throw held
  // Also where policy lets it through by now: what was agreed to and done is not done again because its asker comes back for it.
  const taken = await takeAgreed(t, scope, { digest: digestOf(judged.request), sent: sentSha256(judged.request, judged.act) })
  if (!taken && judged.outcome.outcome === 'ask') throw held
  const outcomeId = taken?.outcome_id ?? null
  if (outcomeId !== null) return { passed: passedOf(judged.outcome), outcomeId }
  if (taken) await tellSpent(t, scope, taken.task_id, judged)
  await keepDecisions(house, t, scope, [judged])
  return { passed: passedOf(judged.outcome), outcomeId }
}

/** Why the act is not done now; null when that changed meanwhile, and it is tried again. */
async function refuse(house: TasksHouse, scope: Scope, act: ActIn): Promise<Problem | null> {
  // Judged first without writing, for the checks of a task belong before any transaction; judged again where it is written.
  const first = await tx(house.db, scope, (t) => judgeIn(house, t, scope, act))
  const asks = first.outcome.outcome === 'ask'
  if (asks) await rehearse(house, scope, first.act)
  const prepared = asks ? await prepareAsk(house, scope, first) : null
  try {
    return await tx(house.db, scope, async (t) => {
      const judged = await judgeIn(house, t, scope, act)
      if (judged.outcome.outcome === 'allow') return null
      if (judged.outcome.outcome === 'deny') {
        await tellDecided(house, t, scope, judged)
        return denialOf(judged)
      }
      return prepared && (await ask(house, t, scope, judged, prepared))
    })
  } catch (error) {
    // Somebody asked the same at the same moment: theirs is the question.
    if (isUniqueViolation(error, 'policy_asks_live')) return null
    throw error
  }
}

async function rehearse(house: TasksHouse, scope: Scope, act: CountersignedAct): Promise<void> {
  const over = new Held()
  try {
    await tx(house.db, scope, async (t) => {
      await act.rehearse?.(t)
      throw over
    })
  } catch (error) {
    if (error !== over) throw error
  }
}

async function ask(house: TasksHouse, t: Tx, scope: Scope, judged: JudgedAct, prepared: Prepared): Promise<Problem | null> {
  const digest = digestOf(judged.request)
  // The question was written for what was judged first; if that changed in between, it is written anew.
  if (prepared.act?.ref !== digest.toString('hex')) return null
  await expireAsks(t, scope, digest)
  const last = await findLastAsk(t, scope, digest)
  if (last?.state === 'agreed') return null
  if (last?.state === 'open') return pending(house, last)
  // Until the time for it is over, a no stays a no: nobody is asked again and again.
  if (last?.state === 'refused' && last.expires_at > t.now) return deniedBy(house, t, scope, last.task_id)
  if ((await countOpenAsks(t, scope, scope.principal)).open >= MOST_OPEN)
    return new Problem('too_many_open', { limit: MOST_OPEN })
  const asking = judged.outcome.ask as Asking
  const row = await createTaskIn(house, t, prepared)
  const opened = {
    task_id: row.id,
    digest,
    principal: scope.principal,
    principal_user: scope.userId,
    action: judged.request.action,
    policy_version: judged.outcome.policy_version,
    policy_ids: judged.outcome.policy_ids,
    quorum: asking.quorum,
    on_timeout: asking.on_timeout,
    expires_at: row.deadline_at,
    asked_by_key: scope.actor.key_id ?? null,
    sent_sha256: sentSha256(judged.request, judged.act),
  }
  await insertAsk(t, scope, opened)
  await tellDecided(house, t, scope, judged, { task_id: row.id, digest: digest.toString('hex'), quorum: asking.quorum })
  return pending(house, opened)
}

/** With what the person said to the asking side. */
async function deniedBy(house: TasksHouse, t: Tx, scope: Scope, taskId: string): Promise<Problem> {
  const row = await findTask(t, scope, taskId, EVERY)
  const answer = row && ((await openContents(house, t, scope, [taskId])).task(row).response as { comment?: string } | null)
  const comment = answer?.comment ? { comment: answer.comment } : {}
  return new Problem('human_denied', { task_id: taskId, task_url: urlOf(house, taskId), ...comment })
}

const urlOf = (house: TasksHouse, taskId: string): string => `${house.origin()}/tasks/${taskId}`

const pending = (
  house: TasksHouse,
  { task_id, digest, expires_at }: Pick<AskRow, 'task_id' | 'digest' | 'expires_at'>,
): Problem =>
  new Problem('approval_pending', {
    task_id,
    task_url: urlOf(house, task_id),
    digest: digest.toString('hex'),
    expires_at,
    retry_after: RETRY_SECONDS,
  })

const ANSWER = {
  type: 'object',
  additionalProperties: false,
  properties: {
    approve: { type: 'boolean', title: 'Approve' },
    comment: { type: 'string', title: 'Comment', maxLength: 2_000 },
  },
  required: ['approve'],
}

/** What people see is the whole act, and the digest of exactly that is what they agree to (T87). */
async function prepareAsk(house: TasksHouse, scope: Scope, { act, request, outcome }: JudgedAct): Promise<Prepared> {
  const asking = outcome.ask as Asking
  const { principal, action, resource, context } = request
  const digest = digestOf(request).toString('hex')
  const questions = asking.texts.map((text) => fillAsk(text, valuesOf(request, scope)))
  const prepared = await prepareTask(
    house,
    scope,
    {
      task: questions.join(' ').slice(0, 4_000),
      description: [
        asking.quorum > 1 ? `${asking.quorum} people have to agree.` : null,
        `Asked by ${outcome.policy_ids.join(', ')} in version ${outcome.policy_version} of the policies: ${questions.map((one) => `“${one}”`).join(' ')}`,
        `What is below is done once if it is approved; anything else is asked anew.`,
      ]
        .filter((line) => line !== null)
        .join('\n\n'),
      payload: {
        action,
        principal: `${principal.type} ${principal.id}`,
        resource: `${resource.type} ${resource.id}`,
        context: Object.fromEntries(Object.entries(context).filter(([name, value]) => value !== undefined && name !== 'content')),
        ...(act.body === undefined ? {} : { body: act.body }),
        digest,
      },
      response_schema: ANSWER,
      timeout_seconds: asking.expires_seconds,
      on_timeout: 'deny',
      quorum: asking.quorum > 1 ? asking.quorum : null,
      tags: ['approval'],
      metadata: { action, digest, quorum: asking.quorum },
    },
    'native',
  )
  return { ...prepared, act: { origin: act.origin, ref: digest } }
}

/** What a text of `@ask` may name. */
function valuesOf({ context, resource, entities }: Request, scope: Scope): Record<string, string | undefined> {
  const said = (value: unknown): string | undefined =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
  const target = (context.target ?? {}) as Record<string, unknown>
  const facts = Object.entries((context.facts ?? {}) as Record<string, unknown>).map(([name, value]) => [
    `facts.${name}`,
    said(value),
  ])
  const name = entities.find(({ uid }) => uid.type === resource.type && uid.id === resource.id)?.attrs.name
  return {
    agent: scope.displayName,
    method: said(target.method),
    host: said(target.host),
    path: said(target.path),
    tool: said(context.tool),
    connection: resource.type === 'Connection' ? (said(name) ?? resource.id) : undefined,
    ...Object.fromEntries(facts),
  }
}
