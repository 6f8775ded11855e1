// Fixing a decision that is still to be proven: looked at and judged like the decision itself, but for the proof. Decides nothing and shows nobody.
import { randomBytes } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { type DecideInput, digestsOf, judged } from '../decided.ts'
import { lookFor } from '../decision.ts'
import type { TasksHouse } from '../house.ts'
import { stepUpRequired } from '../may-decide.ts'
import { challengeOf } from './challenge.ts'
import { deleteStale, insertChallenge } from './sql.ts'

const LASTS_MS = 5 * 60_000

export type Fixed = {
  challenge: string
  nonce: string
  decision_sha256: string
  expires_at: Date
  options: { methods: string[] }
}

export async function fixDecision(house: TasksHouse, scope: Scope, id: string, input: DecideInput): Promise<Fixed> {
  const seen = await lookFor(house, { scope, id, input, fixing: true })
  const { userId, actor } = scope
  // Whoever came by a link, a chat or a key has nothing to prove their presence with: they sign in first.
  if (userId === null || actor.session_id === undefined) throw stepUpRequired('step_up', 'link', `${house.origin()}/tasks/${id}`)
  const { decision_sha256: decisionSha256 } = digestsOf({ ...seen, ...(await judged(house, seen, input)), scope, input })
  const nonce = randomBytes(32)
  const by = { challenge: challengeOf(decisionSha256, nonce), taskId: id, userId, sessionId: actor.session_id }
  return tx(house.db, scope, async (t) => {
    const expiresAt = new Date(t.now.getTime() + LASTS_MS)
    await deleteStale(t, scope, userId)
    await insertChallenge(t, scope, by, { decisionSha256, expiresAt })
    return {
      challenge: by.challenge.toString('base64url'),
      nonce: nonce.toString('base64url'),
      decision_sha256: decisionSha256.toString('hex'),
      expires_at: expiresAt,
      options: { methods: ['password'] },
    }
  })
}
