// `Countersign-Reply-Token` (relay.md R42): a thread token of the owner's side, made for one attempt of a delivery. Many in one statement. Stored is a hash alone.
import { mintKey, sha256 } from '../../crypto/token.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import type { Found } from './found.ts'
import { insertReplyTokens } from './sql.ts'

const LIFE_MS = 3_600_000

/** Answers in the order of `all`. */
export async function mintReplies(t: Tx, scope: Scope, all: readonly Found[]): Promise<string[]> {
  const minted = all.map(({ thread, card }) => ({ thread, token: mintKey(card.environment, 'thr') }))
  const rows = minted.map(({ thread: { id, relay_grant_id }, token }) => ({
    ...{ id: newId('ttk', t.now.getTime()), thread_id: id, relay_grant_id, hash: sha256(token) },
  }))
  if (rows.length > 0) await insertReplyTokens(t, scope, rows, new Date(t.now.getTime() + LIFE_MS))
  return minted.map(({ token }) => token)
}
