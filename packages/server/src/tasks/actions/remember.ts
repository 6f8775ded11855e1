// What policy asked about and a person allows for a while (T48): a version of the policies with a permit that ends by itself, for the same act of the same agent on
// the same target. Reads what the judge read about the act, never what its author wrote.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import { rememberPolicy } from '../../identity/policies/remembered.ts'
import { requireProof } from '../../identity/proof.ts'
import { isAct } from '../asks/ask.ts'
import type { Decision } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import { invalid } from '../settle.ts'
import type { TaskRow } from '../sql.ts'

const LEAST_SECONDS = 60
const MOST_SECONDS = 86_400

/** Whether this person could have this act remembered; the proof of presence is asked for when they do. */
export const mayRemember = (scope: Scope, row: Pick<TaskRow, 'origin'>): boolean =>
  isAct(row) && !scope.guest && reach(scope, 'policy.activate') === 'any'

/** In the transaction of the decision: which version says so, and until when. */
export async function rememberAct(
  house: TasksHouse,
  t: Tx,
  decision: Decision,
): Promise<{ remembered_version: number; remembered_until: Date }> {
  const { scope, row, content, input, says } = decision
  const seconds = input.remember?.for_seconds ?? 0
  if (!isAct(row)) throw invalid('/remember', 'not_offered', 'Only what a policy asked about can be remembered.')
  if (says !== 'yes') throw invalid('/remember', 'not_approved', 'Only what is approved is remembered.')
  if (seconds < LEAST_SECONDS || seconds > MOST_SECONDS)
    throw invalid('/remember/for_seconds', 'out_of_range', 'Something is remembered for 60 seconds to 24 hours.')
  if (!mayRemember(scope, row)) throw new Problem('forbidden', { action: 'policy.activate' })
  requireProof(scope, t.now)
  const until = new Date(t.now.getTime() + seconds * 1_000)
  const version = await rememberPolicy(house, t, scope, {
    id: idOf(row.id),
    text: permitOf(row.id, content.payload as Asked, until),
  })
  return { remembered_version: version, remembered_until: until }
}

export const idOf = (taskId: string): string => `remembered.${taskId.slice('task_'.length).toLowerCase()}`

/** The payload of an act's own question, as the room wrote it. */
type Asked = { action: string; principal: string; resource: string; context: Record<string, unknown> }

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
const uid = (spoken: string): string => {
  const at = spoken.indexOf(' ')
  return `${spoken.slice(0, at)}::${quoted(spoken.slice(at + 1))}`
}

/** The parts of a context that say where an act goes, and that a permit without @ask may read. */
const TARGET = ['queue', 'kind', 'tool', 'direction', 'face', 'skill']
const TARGET_OF = ['scheme', 'host', 'port', 'method', 'path']

/** Of a message between agents: only under its relay grant. */
const ofRelay = ({ relay_grant }: Record<string, unknown>): (readonly [string, unknown])[] => {
  const { id } = (relay_grant ?? {}) as { id?: unknown }
  return id === undefined ? [] : [['context has relay_grant && context.relay_grant.id', id]]
}

/** What a message says of itself may be that or less; what it did not say is asked about. */
const withinFacts = (facts: Record<string, unknown>): string[] =>
  Object.entries(facts).flatMap(([name, value]) => {
    const has = `context.facts has ${name} && context.facts.${name}`
    if (typeof value === 'number') return [`${has} <= ${value}`]
    if (typeof value === 'boolean') return [`${has} == ${value}`]
    return typeof value === 'string' ? [`${has} == ${quoted(value)}`] : []
  })

function permitOf(taskId: string, { action, principal, resource, context }: Asked, until: Date): string {
  const target = (context.target ?? {}) as Record<string, unknown>
  const conditions = [
    ...TARGET.filter((name) => name in context).map((name) => [`context.${name}`, context[name]] as const),
    ...TARGET_OF.filter((name) => name in target).map((name) => [`context.target.${name}`, target[name]] as const),
    ...ofRelay(context),
  ].flatMap(([name, value]) =>
    typeof value === 'string' ? [`${name} == ${quoted(value)}`] : typeof value === 'number' ? [`${name} == ${value}`] : [],
  )
  if (context.relay_grant !== undefined) conditions.push(...withinFacts((context.facts ?? {}) as Record<string, unknown>))
  return [
    `@id(${quoted(idOf(taskId))})`,
    `@note(${quoted(`Remembered with the approval of ${taskId}.`)})`,
    `@until(${quoted(until.toISOString())})`,
    `permit (principal == ${uid(principal)}, action == Action::${quoted(action)}, resource == ${uid(resource)})`,
    conditions.length === 0 ? ';' : `when { ${conditions.join(' && ')} };`,
  ].join('\n')
}
