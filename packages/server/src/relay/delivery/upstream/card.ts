// The card of an agent that answers elsewhere (relay.md R44, R117, R118): read through the door, understood by the SDK's codec, and verified where it is signed. Follows no redirect and answers nothing of what the other side said.
import { AgentCard } from '@a2a-js/sdk'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import type { Answer } from '../../../egress/fetch.ts'
import { checkUrl } from '../../../egress/guard.ts'
import type { DeliveryHouse } from '../house.ts'
import type { NewUpstream } from './sql.ts'
import { isRefused, type Trust, trustOf } from './trust.ts'

export type UpstreamWishes = { card_url: string; connection_id?: string | undefined }
type Read = Omit<NewUpstream, 'card_id'>

const CARD_BYTES = 262_144
const BINDINGS = ['JSONRPC', 'HTTP+JSON']

/** For a person who is saving it: says what is wrong with which field. */
export async function readUpstreamCard(
  house: DeliveryHouse,
  scope: Scope,
  wishes: UpstreamWishes,
  at = '/upstream/card_url',
): Promise<Read & { trust: Trust }> {
  const { tenantId } = scope
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
  const trust = await trustOf(house, scope, origin, card)
  if (isRefused(trust)) throw new Problem('card_untrusted', { detail: untrusted(trust) })
  return { card_url, connection_id, origin, card, signers: trust.signers, trust }
}

const untrusted = ({ fault }: Trust): string =>
  fault === 'mismatch'
    ? 'A signature of the card is not of this card.'
    : fault === 'away'
      ? 'The keys of the card cannot be read just now.'
      : 'No key that is known for the origin of the card has signed it.'

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

const refused = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })
