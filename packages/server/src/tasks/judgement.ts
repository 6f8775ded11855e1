// Creation is judged by policy (T8): in the transaction of the creation, all of a batch at once. A question about a question is refused. Opens no task.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../db/tx.ts'
import { writeJson } from '../http/json.ts'
import type { Passed } from '../identity/policies/countersign.ts'
import { denialOf, passedOf, tellDecided } from '../identity/policies/denial.ts'
import { type Judged, judgeAll } from '../identity/policies/judge.ts'
import { keepDecisions } from '../identity/policies/recorded.ts'
import { type Act, isJudged } from '../identity/policies/request.ts'
import type { ActiveRow } from '../identity/policies/sql.ts'
import { tenantWire } from '../std/id.ts'
import type { Action } from './actions/proposal.ts'
import type { Prepared } from './creation.ts'
import type { TasksHouse } from './house.ts'

/** Of each that is judged: that it passed, or the refusal. What waits for people was judged as their room's act, and the system asks for nobody. */
export async function judgeCreations(
  house: TasksHouse,
  t: Tx,
  all: readonly Prepared[],
  active: ActiveRow,
): Promise<Map<Prepared, Passed | Problem>> {
  const asked = all.filter(({ scope, act }) => act === null && isJudged(scope))
  if (asked.length === 0) return new Map()
  const { scope } = asked[0] as Prepared
  const found = (
    await judgeAll(
      house,
      t,
      asked.map((one) => ({ scope: one.scope, act: creationOf(one) })),
      active,
    )
  ).map(withoutAsk)
  await keepDecisions(
    house,
    t,
    scope,
    found.filter(({ outcome }) => outcome.outcome === 'allow'),
  )
  return new Map(asked.map((one, i) => [one, passOrDeny(one.scope, found[i] as Judged)]))
}

const creationOf = (p: Prepared): Act =>
  creationAct(p.scope.tenantId, {
    ...p,
    assigned: p.assignment.form === null ? 'nobody' : 'emails' in p.assignment.form ? 'several' : 'one',
    callback: p.callback_url !== null,
  })

/** What a creation says about itself; an edit of its action is judged as if it had been asked like that (T46). */
export type Creation = {
  risk: string
  priority: string
  tags: readonly string[]
  assigned: 'nobody' | 'several' | 'one'
  redact: string
  callback: boolean
  bytes: number
  task: string
  description: string | null
  payload: unknown
  action: Pick<Action, 'name' | 'args'> | null
  edited?: true
}

export const creationAct = (tenantId: string, p: Creation): Act => ({
  action: 'task.create',
  resource: { type: 'Tenant', id: tenantWire(tenantId) },
  context: {
    risk: p.risk,
    priority: p.priority,
    tags: [...p.tags],
    assigned: p.assigned,
    redact: p.redact,
    callback: p.callback,
    size_bytes: p.bytes,
    action: p.action ? proposalOf(p.action, p.edited === true) : undefined,
    // Only a policy that reads it pays for it.
    get content() {
      return questionText(p.task, p)
    },
  },
})

/** The text of whoever asks, as far as a policy can read it. */
export const questionText = (
  task: string,
  { description, payload, action }: Record<'description' | 'payload' | 'action', unknown>,
) =>
  [task, description ?? '', ...[payload, (action as Action | null)?.args].map((part) => (part ? writeJson(part) : ''))]
    .join('\n')
    .slice(0, 8_192)

/** An amount that is a whole number may decide; every other argument is text of whoever asks. */
export function proposalOf({ name, args }: Pick<Action, 'name' | 'args'>, edited: boolean) {
  const amount = args.amount
  return { name, edited, ...(typeof amount === 'number' && Number.isSafeInteger(amount) ? { amount } : {}) }
}

/** A question about a question is refused: of creations, notices and decisions (T8). */
export function withoutAsk({ request, outcome }: Judged): Judged {
  if (outcome.outcome !== 'ask') return { request, outcome }
  const { ask: _, ...rest } = outcome
  const faults = ['A policy asks before a question may be asked, and a question about a question is refused.']
  return { request, outcome: { ...rest, outcome: 'deny', reason: 'policy_error', faults } }
}

/** Changed content is judged as if it had been asked like that (T8, T53). Throws the refusal, which belongs to `tellIfDenied`. */
export async function judgeRevision(house: TasksHouse, t: Tx, scope: Scope, creation: Creation): Promise<void> {
  if (!isJudged(scope)) return
  const found = (await judgeAll(house, t, [{ scope, act: creationAct(scope.tenantId, creation) }])).map(withoutAsk)
  await keepDecisions(
    house,
    t,
    scope,
    found.filter(({ outcome }) => outcome.outcome === 'allow'),
  )
  const passed = passOrDeny(scope, found[0] as Judged)
  if (passed instanceof Problem) throw passed
}

const denials = new WeakMap<Problem, { scope: Scope; judged: Judged }>()

function passOrDeny(scope: Scope, judged: Judged): Passed | Problem {
  if (judged.outcome.outcome === 'allow') return passedOf(judged.outcome)
  const problem = denialOf(judged)
  denials.set(problem, { scope, judged })
  return problem
}

/** A refusal of its own words that a policy is behind. */
export function refusedBy(scope: Scope, judged: Judged, problem: Problem): Problem {
  denials.set(problem, { scope, judged })
  return problem
}

/** The refused creation left nothing; that it was refused is written by itself. Always throws. */
export async function tellIfDenied(house: TasksHouse, error: unknown): Promise<never> {
  const denied = error instanceof Problem ? denials.get(error) : undefined
  if (denied) {
    const scope = { ...denied.scope, beforeCommit: undefined }
    await tx(house.db, scope, (t) => tellDecided(house, t, scope, denied.judged))
  }
  throw error
}
