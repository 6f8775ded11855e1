// Reading figures from rollups (T161): whole days that have ended tasks are read from counts, the hours before the first of them and all that is open or has ended
// since the last fold from the rows. All of it is one snapshot, so that nothing is counted twice or left out. Answers no where rollups do not tell what is asked.
import type { Scope } from '../../../db/scope.ts'
import { type Sql, sql } from '../../../db/sql.ts'
import type { Tx } from '../../../db/tx.ts'
import { reach } from '../../../identity/matrix.ts'
import { countAgreement, countCells, countEditedFields, type GroupBy, ofFew, type Stretch } from '../sql.ts'
import { addCells, addGroup, addPart, addSums, ENDINGS, hourOf, type Tally } from '../tally.ts'
import { endedSince, type Facet, findHours, findMark, findParts, sumFacts, sumGroups, sumLater, VOTED_OPEN } from './sql.ts'

const DAY_MS = 86_400_000

type Wanted = { agent_id?: string; person?: string; pool?: string; channel?: string; tag?: string; by: GroupBy }

/** The counts that answer this for this caller; null: only rows can. */
export function facetOf(scope: Scope, { agent_id, person, pool, channel, tag }: Wanted): Facet | null {
  if (pool !== undefined || tag !== undefined) return null
  const own = scope.agentId
  if (own === null ? reach(scope, 'task.stats') !== 'any' : agent_id !== undefined && agent_id !== own) return null
  const facet = { agent_id: own ?? agent_id ?? '', person: person ?? '', channel: channel ?? '' }
  return Object.values(facet).filter(Boolean).length > 1 ? null : facet
}

/** Where the days begin that rollups tell of, and how far they have come; null: they tell of none of it. */
export async function rollupsOf(t: Tx, scope: Scope, { from, to }: Stretch): Promise<{ from: Date; since: string } | null> {
  const first = new Date(Math.ceil(from.getTime() / DAY_MS) * DAY_MS)
  const mark = first < to ? await findMark(t, scope) : null
  return mark?.xid && !mark.is_ahead ? { from: first, since: mark.xid } : null
}

type Reading = {
  facet: Facet
  at: Stretch
  /** How far the rollups have come. */
  since: string
  by: GroupBy
  /** What the caller reaches and asked for, as a predicate over tasks. */
  matching: Sql
}

export async function addRollups(t: Tx, scope: Scope, tally: Tally, { facet, at, since, by, matching }: Reading): Promise<void> {
  const { hours } = await findHours(t, scope, facet, at)
  for (const [seconds, ...counts] of hours ?? []) {
    const hour = hourOf(tally, (seconds as number) * 1000)
    ENDINGS.forEach((name, i) => {
      hour[name] += counts[i] as number
      hour.created += counts[i] as number
    })
  }
  addSums(tally, await sumFacts(t, scope, facet, at))
  for (const part of await findParts(t, scope, facet, at)) addPart(tally, part)
  if (by !== 'none') for (const group of await sumGroups(t, scope, facet, at, by)) addGroup(tally, group)
  const rest = sql`${matching} and ${endedSince(scope, since)}`
  addCells(tally, await countCells(t, scope, { ...at, by }, rest), { later: false })
  addSums(tally, await sumLater(t, scope, since, at, matching))
  for (const said of [VOTED_OPEN, endedSince(scope, since)])
    await addSaid(t, scope, tally, at, (more) => ofFew(scope, at, sql`${matching} and ${said} and ${more}`))
}

/** What decisions say beyond how a task ended. */
export async function addSaid(t: Tx, scope: Scope, tally: Tally, at: Stretch, of: (more: Sql) => Sql): Promise<void> {
  for (const { pointer, tasks } of await countEditedFields(t, scope, at, of(sql`true`)))
    addPart(tally, { of: 'field', name: pointer, tasks })
  addSums(tally, await countAgreement(t, scope, at, of(sql`tasks.outcome is not null`)))
}
