// When a worker of an agent last asked for messages (relay.md R23): written down once in five minutes for each process and card, so that claiming costs nothing more.
import { type Scope, tx } from '../../db/tx.ts'
import type { RelayHouse } from '../house.ts'
import { noteClaim } from './sql.ts'

const EVERY_MS = 300_000
const MOST_CARDS = 10_000

/** What this process has written down; a database each, for tests have several. */
const noted = new WeakMap<object, Map<string, number>>()

export async function noteWorker({ db }: Pick<RelayHouse, 'db'>, scope: Scope, cardId: string): Promise<void> {
  const cards = noted.get(db) ?? new Map<string, number>()
  noted.set(db, cards)
  const now = db.now().getTime()
  if (now - (cards.get(cardId) ?? 0) < EVERY_MS) return
  if (cards.size >= MOST_CARDS) cards.clear()
  cards.set(cardId, now)
  await tx(db, { ...scope, beforeCommit: undefined }, (t) => noteClaim(t, scope, cardId))
}
