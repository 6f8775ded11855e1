// The continuation of an act that people have agreed to (T9): done by the house in its asker's name, by the verb that the asker called, so that nobody has to come
// back for it. Once: the agreement leaves `agreed` in the transaction of the act, so that of this job, its repeats and the asker's own repeat one does it. Never
// does what policy forbids by now, what differs by a byte from what was shown, or anything in the name of somebody whose credential counts no more.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { askerScope } from '../../identity/asker.ts'
import { type Countersign, digestOf } from '../../identity/policies/countersign.ts'
import { denialOf, passedOf, tellDecided } from '../../identity/policies/denial.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import { openContents } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { EVERY, findTask } from '../sql.ts'
import { judgeIn, tellSpent } from './spend.ts'
import { type AskRow, findAsk, keepOutcome, spendForAsker } from './sql.ts'

export async function continueAct(house: TasksHouse, tenantId: string, taskId: string): Promise<void> {
  const system = systemScope('continuation', tenantId)
  const found = await tx(house.db, system, (t) => look(house, t, system, taskId), { readOnly: true })
  const continuation = found && house.continuations.get(found.ask.action)
  if (!found || !continuation) return
  const { ask, asker, body } = found
  try {
    if (asker instanceof Problem) throw asker
    if (body === undefined) throw new Problem('content_erased')
    await continuation(countersignFor(house, taskId), asker, body)
  } catch (error) {
    if (error instanceof Elsewhere) return
    if (!(error instanceof Problem) || mayPass(error)) throw error
    const data = { task_id: taskId, action: ask.action, code: error.code }
    await tx(house.db, system, (t) => record(t, system, 'policy.not_done', data, { resource: { type: 'task', id: taskId } }))
  }
}

/** Somebody else did it, or what was agreed to is not what would be done now: nothing happens, and nothing is wrong. */
class Elsewhere extends Error {}

/** What another try may find changed. */
const mayPass = ({ status, code }: Problem): boolean => status >= 500 || status === 429 || code === 'read_only'

type Found = { ask: AskRow; asker: Scope | Problem; body: unknown }

async function look(house: TasksHouse, t: Parameters<typeof findAsk>[0], system: Scope, taskId: string): Promise<Found | null> {
  const ask = await findAsk(t, system, taskId)
  const row = await findTask(t, system, taskId, EVERY)
  if (ask?.state !== 'agreed' || !row) return null
  const { payload } = (await openContents(house, t, system, [taskId])).task(row)
  const { principal, principal_user: userId, asked_by_key: keyId, action } = ask
  const asker = await askerScope(t, system, { principal, userId, keyId, action })
  return { ask, asker, body: (payload as { body?: unknown } | null)?.body }
}

/** The decision path for one agreement: no question is opened, and nothing is done but what was agreed to in this task. */
const countersignFor =
  (house: TasksHouse, taskId: string): Countersign =>
  async (scope, act, effect, kept) => {
    if (!kept) throw new Error('What the house does by itself says how its outcome is shown.')
    let denied: Judged | undefined
    try {
      return await tx(house.db, scope, async (t) => {
        const judged = await judgeIn(house, t, scope, act)
        if (judged.outcome.outcome === 'deny') {
          denied = judged
          throw denialOf(judged)
        }
        if ((await spendForAsker(t, scope, taskId, digestOf(judged.request))) === 0) throw new Elsewhere()
        await tellSpent(t, scope, taskId, judged)
        await keepDecisions(house, t, scope, [judged])
        const made = await effect(t, passedOf(judged.outcome))
        await keepOutcome(t, scope, taskId, kept.idOf(made))
        return made
      })
    } catch (error) {
      const stands = denied
      if (stands) await tx(house.db, scope, (t) => tellDecided(house, t, scope, stands))
      throw error
    }
  }
