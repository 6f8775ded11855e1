// A public key comes to an agent (vault.md V136): as a token of a key, whose text is the thumbprint, so that all that holds for keys holds for it. An agent has one at a
// time, and two for the overlap of a rotation. Never sees a private half.
import { Problem } from '@countersign/sdk'
import { KeyRefused, type PublicKey, readPublicKey } from '../../crypto/public-key.ts'
import { sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { insertKeyToken } from '../sql.ts'
import { insertAgentKey, liveProofKeys, lockAgent } from './sql.ts'

export type GivenKey = string | Record<string, unknown>

/** Two live key pairs are for a change from one to the other, and a change is done within a day. */
export const MAX_OVERLAP_SECONDS = 86_400

export function publicKeyOf(given: GivenKey): PublicKey {
  try {
    return readPublicKey(given)
  } catch (cause) {
    if (!(cause instanceof KeyRefused)) throw cause
    const errors = [{ path: '/public_key', code: 'key_refused', message: cause.message }]
    throw new Problem('validation_failed', { errors }, { cause })
  }
}

/** Of two who give an agent its first key pair at once, one does. */
export async function refuseSecondPair(t: Tx, scope: Scope, agentId: string): Promise<void> {
  await lockAgent(t, scope, agentId)
  const [other] = await liveProofKeys(t, scope, agentId)
  if (!other) return
  const detail = 'The agent has a key pair: rotate that key, or revoke it first.'
  throw new Problem('state_conflict', { state: 'enrolled', key_id: other.key_id, detail })
}

export async function enrolKey(t: Tx, scope: Scope, agentId: string, keyId: string, key: PublicKey): Promise<undefined> {
  const { thumbprint, jwk } = key
  if ((await insertAgentKey(t, scope, { thumbprint, agentId, keyId, jwk })) === 0) throw new Problem('key_in_use')
  const ends = { prefix: thumbprint.slice(0, 12), last_four: thumbprint.slice(-4) }
  await insertKeyToken(t, scope, keyId, { hash: sha256(thumbprint), ...ends })
  const data = { agent_id: agentId, key_id: keyId, thumbprint }
  await record(t, scope, 'agent.key_changed', data, { resource: { type: 'agent', id: agentId } })
}
