// The card of an agent that answers elsewhere (relay.md R44, R117, R118): read through the door, understood by the SDK's codec, and verified where it is signed, by keys of its own
// origin alone. Follows no redirect; takes no key from anywhere else; answers nothing of what the other side said.
import { AgentCard } from '@a2a-js/sdk'
import { Problem } from '@countersign/sdk'
import { verifyDocument } from '../../../crypto/card-signature.ts'
import type { Answer } from '../../../egress/fetch.ts'
import { checkUrl } from '../../../egress/guard.ts'
import type { DeliveryHouse } from '../house.ts'
import type { NewUpstream } from './sql.ts'

export type UpstreamWishes = { card_url: string; connection_id?: string | undefined }
type Read = Omit<NewUpstream, 'card_id'>

const CARD_BYTES = 262_144
const BINDINGS = ['JSONRPC', 'HTTP+JSON']

/** For a person who is saving it: says what is wrong with which field. */
export async function readUpstreamCard(house: DeliveryHouse, tenantId: string, wishes: UpstreamWishes): Promise<Read> {
  const at = '/upstream/card_url'
  const card_url = await checkUrl(house.door.guard, wishes.card_url, at, tenantId)
  const connection_id = wishes.connection_id ?? null
  const { origin } = new URL(card_url)
  const answer = await fetchCard(house, tenantId, { card_url, connection_id, origin })
  if ('failed' in answer) throw new Problem(answer.failed)
  if (answer.status !== 200) throw refused(at, 'no_card', `Its answer was ${answer.status}, and no card.`)
  const card = readCard(answer.body)
  if (!card) throw refused(at, 'no_card', 'What is there is no card of A2A 1.0.')
  const [first] = interfacesOf(card)
  if (!first) throw refused(at, 'no_interface', 'The card names no interface of A2A 1.0 over JSON-RPC or HTTP+JSON.')
  await checkUrl(house.door.guard, first.url, at, tenantId)
  const signers = await signersOf(house, tenantId, origin, card)
  if (signers === 'mismatch') throw new Problem('card_untrusted', { detail: 'A signature of the card is not of this card.' })
  return { card_url, connection_id, origin, card, signers }
}

export const fetchCard = async (
  house: DeliveryHouse,
  tenantId: string,
  { card_url, connection_id, origin }: Pick<NewUpstream, 'card_url' | 'connection_id' | 'origin'>,
): Promise<Answer | { failed: 'url_not_allowed' | 'unreachable' | 'timeout' | 'too_large' | 'tls' }> => {
  const opens = connection_id === null ? {} : await house.credentialFor(tenantId, connection_id, origin)
  return house.door.fetch({
    tenantId,
    url: card_url,
    headers: { accept: 'application/json', 'a2a-version': '1.0', ...opens },
    caps: { bodyBytes: CARD_BYTES, wholeMs: 15_000 },
  })
}

export function readCard(body: Buffer): Record<string, unknown> | null {
  try {
    const read: unknown = JSON.parse(body.toString('utf8'))
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return null
    AgentCard.fromJSON(read)
    return read as Record<string, unknown>
  } catch {
    // Whatever it is, no client could be made of it.
    return null
  }
}

/** Those that we speak, in the order of the card. */
export const interfacesOf = (card: Record<string, unknown>) =>
  AgentCard.fromJSON(card).supportedInterfaces.filter(
    ({ protocolBinding, protocolVersion }) => BINDINGS.includes(protocolBinding) && /^1\.0(\.|$)/.test(protocolVersion),
  )

/** The keys that verified; none where nothing is signed or no key is to be had. */
export async function signersOf(
  house: DeliveryHouse,
  tenantId: string,
  origin: string,
  card: Record<string, unknown>,
): Promise<string[] | 'mismatch'> {
  const signatures = Array.isArray(card.signatures) ? (card.signatures as unknown[]).slice(0, 4) : []
  const signers = new Set<string>()
  for (const one of signatures) {
    const keys = await keysOf(house, tenantId, origin, one)
    if (!keys) continue
    const verified = verifyDocument({ ...card, signatures: [one] }, { keys })
    if (verified.ok) signers.add(verified.kid)
    else if (verified.reason === 'mismatch') return 'mismatch'
  }
  return [...signers].sort()
}

/** The set that the signature names, where that is of the card's own origin. */
async function keysOf(house: DeliveryHouse, tenantId: string, origin: string, signature: unknown) {
  const { protected: header } = (signature ?? {}) as { protected?: unknown }
  const said = typeof header === 'string' ? parsed(Buffer.from(header, 'base64url')) : null
  const jku = (said as { jku?: unknown } | null)?.jku
  if (typeof jku !== 'string' || !URL.canParse(jku) || new URL(jku).origin !== origin) return null
  const answer = await house.door.fetch({ tenantId, url: jku, caps: { bodyBytes: CARD_BYTES, wholeMs: 10_000 } })
  if ('failed' in answer || answer.status !== 200) return null
  const keys = (parsed(answer.body) as { keys?: unknown } | null)?.keys
  return Array.isArray(keys)
    ? keys.filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null)
    : null
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}

const refused = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })
