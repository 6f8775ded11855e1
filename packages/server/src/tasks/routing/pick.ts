// Whose turn it is (T93). Picks of one source (a pool, or a set of labels) come one after another, for whoever picks holds its row until they commit; a
// transaction that picks several times keeps count here, and what it picked is written once.
import type { Scope, Tx } from '../../db/tx.ts'
import type { Strategy } from './form.ts'
import { findTurns, lockLabels, lockPools, markLabelPicks, markPoolPicks, type RoutedPerson, type Turn } from './sql.ts'

/** A pool by its id, or labels in one spelling. */
export type Source = { pool: string } | { labels: string }
export type Pick = { source: Source; userId: string }
/** The sources that a transaction holds, and what it has picked from each so far. */
export type Picks = Map<string, { turns: Map<string, Turn>; count: number }>

export const nameOf = (source: Source): string => ('pool' in source ? source.pool : `labels:${source.labels}`)

/** Before the first pick of a batch, so that batches wait for each other in one order. */
export async function holdSources(t: Tx, scope: Scope, sources: readonly Source[], picks: Picks): Promise<void> {
  const fresh = sources.filter((source) => !picks.has(nameOf(source)))
  const pools = [...new Set(fresh.flatMap((source) => ('pool' in source ? [source.pool] : [])))].sort()
  if (pools.length > 0) await lockPools(t, scope, pools)
  if (fresh.some((source) => 'labels' in source)) await lockLabels(t, scope)
  for (const source of fresh) picks.set(nameOf(source), { turns: new Map(), count: 0 })
}

export type Choosing = { people: readonly RoutedPerson[]; strategy: Exclude<Strategy, 'broadcast'>; picks: Picks }

/** Null: everybody is away, full or passed over. `people` are those who may be picked at all. */
export async function pickOne(
  t: Tx,
  scope: Scope,
  source: Source,
  { people, strategy, picks }: Choosing,
): Promise<RoutedPerson | null> {
  await holdSources(t, scope, [source], picks)
  const held = picks.get(nameOf(source)) as { turns: Map<string, Turn>; count: number }
  const unknown = people.filter(({ id }) => !held.turns.has(id)).map(({ id }) => id)
  if (unknown.length > 0)
    for (const turn of await findTurns(t, scope, nameOf(source), unknown)) held.turns.set(turn.user_id, turn)
  const free = people.filter(
    ({ id, away, max_open }) => !away && (max_open === null || (held.turns.get(id) as Turn).open < max_open),
  )
  const turnOf = ({ id }: RoutedPerson) => held.turns.get(id) as Turn
  const [next] = [...free].sort(
    (a, b) =>
      (strategy === 'least_open' ? turnOf(a).open - turnOf(b).open : 0) ||
      Number(turnOf(a).last_pick) - Number(turnOf(b).last_pick) ||
      (a.id < b.id ? -1 : 1),
  )
  return next ?? null
}

/** Above every pick that is stored, and far below where whole numbers lose their last digit. */
const FAR = 2 ** 50

/** It was given to them: the next pick of this transaction knows. */
export function countPick(picks: Picks, { source, userId }: Pick): void {
  const held = picks.get(nameOf(source))
  const turn = held?.turns.get(userId)
  if (!held || !turn) return
  held.count++
  // Above whatever is stored, in the order of this transaction.
  held.turns.set(userId, { ...turn, open: turn.open + 1, last_pick: String(FAR + held.count) })
}

/** Writes what was picked, in its order; a source at a time. */
export async function markPicks(t: Tx, scope: Scope, made: readonly Pick[]): Promise<void> {
  const bySource = new Map<string, Pick[]>()
  for (const pick of made) bySource.set(nameOf(pick.source), [...(bySource.get(nameOf(pick.source)) ?? []), pick])
  for (const [name, picks] of [...bySource].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const userIds = picks.map(({ userId }) => userId)
    const { source } = picks[0] as Pick
    if ('pool' in source) await markPoolPicks(t, scope, source.pool, userIds)
    else await markLabelPicks(t, scope, name, userIds)
  }
}
