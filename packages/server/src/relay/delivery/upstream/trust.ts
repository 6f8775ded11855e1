// Whether the card of somebody else is theirs (relay.md R118): signed by keys that the operator pinned for its origin, else by the key set that the card's own origin serves. A key set
// that a card names elsewhere is not asked for, so that a card that was copied to another origin verifies there by nothing. How much of that is asked for, each tenant says.
import { verifyDocument } from '../../../crypto/card-signature.ts'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import type { DeliveryHouse } from '../house.ts'
import { type CardVerification, findVerification } from './sql.ts'

export type Trust = {
  mode: CardVerification
  /** The keys that verified, by name. */
  signers: string[]
  /** Where they are from; null: none verified. */
  keys: 'pinned' | 'origin' | null
  /** mismatch: a key that should have signed it did not; away: the key set could not be read just now. */
  fault: 'mismatch' | 'away' | null
}

const KEY_SET_BYTES = 262_144
const MOST_SIGNATURES = 4
type Jwk = Readonly<Record<string, unknown>>
type Keys = { from: 'pinned' | 'origin'; keys: readonly Jwk[] } | 'none' | 'away'

export async function trustOf(house: DeliveryHouse, scope: Scope, origin: string, card: Record<string, unknown>): Promise<Trust> {
  const here = systemScope('relay', scope.tenantId)
  const { mode } = await tx(house.db, here, (t) => findVerification(t, here), { readOnly: true })
  if (mode === 'ignore') return { mode, signers: [], keys: null, fault: null }
  const signatures = Array.isArray(card.signatures) ? (card.signatures as unknown[]).slice(0, MOST_SIGNATURES) : []
  const signers = new Set<string>()
  let from: Trust['keys'] = null
  let isAway = false
  for (const one of signatures) {
    const known = await keysFor(house, scope.tenantId, origin, one)
    if (known === 'away') isAway = true
    if (typeof known === 'string') continue
    const verified = verifyDocument({ ...card, signatures: [one] }, { keys: known.keys })
    if (!verified.ok && verified.reason === 'mismatch') return { mode, signers: [], keys: null, fault: 'mismatch' }
    if (!verified.ok) continue
    signers.add(verified.kid)
    from = known.from
  }
  return { mode, signers: [...signers].sort(), keys: from, fault: signers.size === 0 && isAway ? 'away' : null }
}

/** What may not be taken into use. */
export const isRefused = ({ mode, signers, fault }: Trust): boolean =>
  fault === 'mismatch' || (mode === 'require' && signers.length === 0)

async function keysFor(house: DeliveryHouse, tenantId: string, origin: string, signature: unknown): Promise<Keys> {
  const pinned = house.pinnedKeys(origin)
  if (pinned) return { from: 'pinned', keys: pinned }
  const { protected: header } = (signature ?? {}) as { protected?: unknown }
  const said = typeof header === 'string' ? parsed(Buffer.from(header, 'base64url')) : null
  const jku = (said as { jku?: unknown } | null)?.jku
  if (typeof jku !== 'string' || URL.parse(jku)?.origin !== origin) return 'none'
  const answer = await house.door.fetch({ tenantId, url: jku, caps: { bodyBytes: KEY_SET_BYTES, wholeMs: 10_000 } })
  if ('failed' in answer) return answer.failed === 'url_not_allowed' ? 'none' : 'away'
  if (answer.status >= 500 || answer.status === 429) return 'away'
  const keys = answer.status === 200 ? (parsed(answer.body) as { keys?: unknown } | null)?.keys : null
  if (!Array.isArray(keys)) return 'none'
  return { from: 'origin', keys: keys.filter((one): one is Jwk => typeof one === 'object' && one !== null) }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}
