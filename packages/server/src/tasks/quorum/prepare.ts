// What a creation says about the people who have to agree: read and checked before any transaction (T38, T40, T151), and resolved in the one that writes the task.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { judgeUnder, type PolicyHouse } from '../../identity/policies/judge.ts'
import { couldDecide, type Decided } from '../decision-judgement.ts'
import { type DecisionSettings, rulesIn } from '../decision-settings.ts'
import type { Forms } from '../forms/answer.ts'
import type { Gated } from '../forms/schema.ts'
import { isSeparated } from '../may-decide.ts'
import type { TaskRow } from '../sql.ts'
import { needsAccount, resolveQuorum, type ToResolve } from './eligible.ts'
import { type Quorum, type QuorumIn, readQuorum, refused, type Wanted } from './quorum.ts'

export async function prepareQuorum(
  forms: Forms,
  given: QuorumIn | null | undefined,
  about: { schema: Gated; risk: TaskRow['risk']; hasAction: boolean },
): Promise<Wanted | null> {
  const wanted = readQuorum(given)
  if (wanted?.combine === 'list') await checkList(forms, about)
  return wanted
}

/** What the asking side is promised is what its schema admits (T40). */
async function checkList(forms: Forms, { schema, hasAction }: { schema: Gated; hasAction: boolean }): Promise<void> {
  const path = '/quorum/combine'
  if (hasAction) throw refused(path, 'not_offered', 'An action has one answer: the arguments that are to be run.')
  const sample = { decisions: [{ by: 'usr_0', response: {} }] }
  const errors = (await forms.check(schema, sample, '')).filter((error) => !error.path.startsWith('/decisions/0/response'))
  if (errors.length > 0)
    throw refused(path, 'schema_refuses', 'response_schema does not admit {"decisions": [{"by": …, "response": …}]}.')
}

export type Agreed = { quorum: Quorum | null; separate: boolean; asked: string[] | null; unreachable: boolean }

type Asking = Pick<ToResolve, 'asked' | 'requested' | 'refuse'> & {
  wanted: Wanted | null
  row: Decided['row'] & Pick<TaskRow, 'assurance'>
  content: Decided['content']
}

/** Who has to agree, as it is kept with the task. Reads nothing where one decision is enough. */
export async function agreeOnQuorum(
  house: PolicyHouse,
  t: Tx,
  scope: Scope,
  { wanted: given, row, content, ...rest }: Asking,
): Promise<Agreed> {
  const critical = row.risk === 'critical'
  if (given === null && !critical) return { quorum: null, separate: false, asked: null, unreachable: false }
  const { settings, policyVersion } = await rulesIn(t, scope)
  const wanted = given ?? (settings.critical_quorum > 1 ? readQuorum(settings.critical_quorum) : null)
  if (wanted === null) return { quorum: null, separate: critical, asked: null, unreachable: false }
  if (critical) checkCritical(wanted, settings)
  const { quorum, asked, reachable } = await resolveQuorum(t, scope, {
    ...rest,
    wanted,
    separateByDefault: critical,
    separateAnyway: isSeparated({ separate: false, risk: row.risk }, settings),
    insideOnly: needsAccount(row, settings),
    passes: couldDecide(await judgeUnder(house, t, scope, policyVersion), scope, { row, content }),
  })
  // Nobody sent what the risk brings along.
  return { quorum: given ? quorum : { ...quorum, sent: null }, separate: quorum.separate, asked, unreachable: !reachable }
}

function checkCritical({ groups }: Wanted, { critical_quorum: least }: DecisionSettings): void {
  const total = groups.reduce((sum, { need }) => sum + (need === 'all' ? least : need), 0)
  if (total < least) throw refused('/quorum', 'too_few', `A critical task needs ${least} people here.`)
}
