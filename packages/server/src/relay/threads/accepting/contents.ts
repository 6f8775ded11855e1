// What the versions of cards say, as acceptance reads it: kept in memory by version, for what a version says never changes. Which version counts is never remembered.
import type { Db, Scope, Tx } from '../../../db/tx.ts'
import type { CardContent } from '../sql.ts'
import { findContents } from './sql.ts'

const MOST = 256

const kept = new WeakMap<Db, Map<string, CardContent>>()

type Version = { id: string; version: number }
const nameOf = ({ id, version }: Version): string => `${id} ${version}`

/** Opens nothing where all of them are known. */
export async function contentsOf(
  db: Db,
  t: Tx,
  scope: Scope,
  cards: readonly Version[],
): Promise<(card: Version) => CardContent> {
  const known = kept.get(db) ?? new Map<string, CardContent>()
  kept.set(db, known)
  const here = new Map<string, CardContent>()
  const missing = new Map<string, Version>()
  for (const card of cards) {
    const content = known.get(nameOf(card))
    if (content) here.set(nameOf(card), content)
    else missing.set(nameOf(card), card)
  }
  for (const { card_id, number, content } of missing.size === 0 ? [] : await findContents(t, scope, [...missing.values()])) {
    const name = nameOf({ id: card_id, version: number })
    here.set(name, content)
    // The oldest goes: a Map keeps the order of insertion. One that the transaction takes back was never read by anybody else.
    t.afterCommit(() => {
      if (known.size >= MOST) known.delete(known.keys().next().value as string)
      known.set(name, content)
    })
  }
  return (card) => here.get(nameOf(card)) as CardContent
}
