// Reading one task for one caller: found within what they reach, opened, masked, and with what they may do next. Changes nothing but the facts "viewed" and "collected".
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { reach } from '../identity/matrix.ts'
import { mayOf } from './acts.ts'
import { type Content, type Opener, openContents } from './content.ts'
import type { TasksHouse } from './house.ts'
import { assuranceOf, type Circumstances, circumstancesOf } from './may-decide.ts'
import { type Person, personOf, within } from './person.ts'
import type { Surface } from './redaction.ts'
import {
  collectIfFinal,
  type DecisionRow,
  findAgentNames,
  findDecisions,
  findTask,
  isFinal,
  markViewedIfNot,
  OPEN,
  type TaskRow,
} from './sql.ts'
import { showDecision, showTask, surfaceOf, type Task } from './wire.ts'

export type Seen = { row: TaskRow; person: Person | null }

/** The row, or 404 for what this caller has no relation to, as if it did not exist (T17). */
export async function seeTask(t: Tx, scope: Scope, id: string, action: string): Promise<Seen> {
  const person = await personOf(t, scope)
  const row = await findTask(t, scope, id, within(scope, action, person))
  if (!row) throw new Problem('not_found')
  return { row, person }
}

export async function getTask(house: TasksHouse, scope: Scope, id: string): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const seen = await seeTask(t, scope, id, 'task.read')
    if (seen.person && seen.row.first_viewed_at === null && (await markViewedIfNot(t, scope, id)) > 0)
      await record(t, scope, 'task.viewed', { agent_id: seen.row.agent_id }, { resource: { type: 'task', id } })
    if (isUncollected(scope, seen.row)) await collectIfFinal(t, scope, [id])
    return showWhole(house, t, scope, seen.row, null, seen.person)
  })
}

/** The asking agent is about to read an end for the first time (T24). */
export const isUncollected = (scope: Scope, row: Pick<TaskRow, 'agent_id' | 'collected_at' | 'status'>): boolean =>
  scope.agentId !== null && row.agent_id === scope.agentId && row.collected_at === null && isFinal(row.status)

export async function listDecisions(house: TasksHouse, scope: Scope, id: string) {
  return tx(
    house.db,
    scope,
    async (t) => {
      const { row, person } = await seeTask(t, scope, id, 'task.read')
      const opener = await openContents(house, t, scope, [id])
      const rows = seenBy(row, person, await findDecisions(t, scope, [id]))
      const data = rows.map((one) => showDecision(one, opener.decision(one), row, { surface: surfaceOf(scope) }))
      return { data, next_cursor: null }
    },
    { readOnly: true },
  )
}

/** The whole task as this caller may see it. `content` when the caller of this function holds it already. */
export async function showWhole(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  content: Content | null,
  person?: Person | null,
  surface?: Surface,
): Promise<Task> {
  const decided = row.status !== 'open' || row.version > 1
  const rows = decided ? await findDecisions(t, scope, [row.id]) : []
  const opener = content && rows.length === 0 ? null : await openContents(house, t, scope, [row.id])
  const who = person === undefined ? await personOf(t, scope) : person
  return showTask(
    {
      row,
      content: content ?? (opener as NonNullable<typeof opener>).task(row),
      decisions: seenBy(row, who, rows).map((one) => ({
        row: one,
        content: (opener as NonNullable<typeof opener>).decision(one),
      })),
    },
    {
      scope,
      surface: surface ?? surfaceOf(scope),
      agentName: await agentName(t, scope, row),
      publicUrl: house.origin(),
      ...mayOf(scope, row, who, {
        ...{ around: await aroundOf(t, scope, row, who), vote: hasVoted(rows, row, who), have: assuranceOf(t, scope) },
      }),
    },
  )
}

/** The whole task as it may be shown somewhere else than to this caller: in a notice, in an embedded page. What may be done with it is nobody's there. */
export const showAs = async (house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, surface: Surface): Promise<Task> => ({
  ...(await showWhole(house, t, scope, row, null, null, surface)),
  may: [],
  may_not: {},
  needs_proof: null,
})

export type Shown = Seen & { scope: Scope; opener: Opener }

/** What its caller has read of these tasks already, in the same transaction. */
export type Known = { decisions: readonly DecisionRow[]; agents: ReadonlyMap<string, string> }

/** Any number of tasks of one tenant that are decided, each as its own caller may see it; `opener` opens them all. */
export async function showDecided(house: TasksHouse, t: Tx, shown: readonly Shown[], known?: Known): Promise<Task[]> {
  const { decisions, agents: names } = known ?? (await knownOf(t, shown))
  const arounds = new Map<TaskRow, Circumstances | null>()
  for (const { scope, row, person } of shown) arounds.set(row, await aroundOf(t, scope, row, person))
  return shown.map(({ scope, row, person, opener }) =>
    showTask(
      {
        row,
        content: opener.task(row),
        decisions: seenBy(
          row,
          person,
          decisions.filter((one) => one.task_id === row.id),
        ).map((one) => ({ row: one, content: opener.decision(one) })),
      },
      {
        scope,
        surface: surfaceOf(scope),
        agentName: names.get(row.agent_id ?? '') ?? null,
        publicUrl: house.origin(),
        ...mayOf(scope, row, person, {
          ...{ around: arounds.get(row) ?? null, vote: hasVoted(decisions, row, person), have: assuranceOf(t, scope) },
        }),
      },
    ),
  )
}

async function knownOf(t: Tx, shown: readonly Shown[]): Promise<Known> {
  const { scope } = shown[0] as Shown
  const agents = [...new Set(shown.flatMap(({ row }) => row.agent_id ?? []))]
  const names = agents.length === 0 ? [] : await findAgentNames(t, scope, agents)
  const ids = shown.map(({ row }) => row.id)
  return { decisions: await findDecisions(t, scope, ids), agents: new Map(names.map(({ id, name }) => [id, name])) }
}

async function agentName(t: Tx, scope: Scope, row: TaskRow): Promise<string | null> {
  if (row.agent_id === null) return null
  if (row.agent_id === scope.agentId) return scope.displayName
  return (await findAgentNames(t, scope, [row.agent_id]))[0]?.name ?? null
}

/** Only who could decide, and only of what is open, is worth the look. */
const aroundOf = async (t: Tx, scope: Scope, row: TaskRow, person: Person | null): Promise<Circumstances | null> =>
  person && OPEN.includes(row.status) && reach(scope, 'task.decide') !== 'none' ? circumstancesOf(t, scope, [row]) : null

const hasVoted = (decisions: readonly DecisionRow[], row: TaskRow, person: Person | null): boolean =>
  decisions.some(
    (one) => one.task_id === row.id && one.person === person?.id && (one.state === 'counted' || one.state === 'pending'),
  )

/** Until it settles, a blind vote is its voter's alone (T43). */
const seenBy = (row: TaskRow, person: Person | null, decisions: readonly DecisionRow[]): DecisionRow[] =>
  decisions.filter((one) => !row.quorum?.blind || isFinal(row.status) || one.person === person?.id)
