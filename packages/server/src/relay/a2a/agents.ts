// Which agent a request is for, and whether whoever asks may know of it (R85, R89, R106). What an agent's version needs to be called is made once and kept for as long as it is the
// current one; which version that is, and who may see it, is read each time.
import { JsonRpcTransportHandler } from '@a2a-js/sdk/server'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { Steps } from '../../http/route.ts'
import { a2aDocument, FACES } from '../cards/document.ts'
import type { CardContent } from '../cards/input.ts'
import { placeOfCard } from '../party.ts'
import { type CardRow, findCard } from '../threads/sql.ts'
import { hasGrant } from './call.ts'
import { Malformed } from './errors.ts'
import type { DeclaredExtension } from './extension.ts'
import { relayHandler } from './handler.ts'
import type { A2aHouse } from './house.ts'
import { isObject } from './parts.ts'

export type Agent = {
  card: CardRow & { content: CardContent }
  extensions: readonly DeclaredExtension[]
  transport: JsonRpcTransportHandler
}

/** By card: its current version, as it is called. */
export type Agents = Map<string, { version: number; origin: string; agent: Omit<Agent, 'card'> }>

const MOST = 1_000

/** The agent, and whoever asks once they are known. One that they may not know of is not there, whatever they have shown. */
export async function seeAgent(house: A2aHouse, agents: Agents, steps: Steps): Promise<{ agent: Agent; scope: Scope }> {
  // Both are found at once; what is refused is said in the order of R106 all the same.
  const [found, asker] = await Promise.allSettled([cardOf(house, steps.params.slug ?? ''), steps.who()])
  if (found.status === 'rejected') throw found.reason
  const card = found.value
  if (card.visibility !== 'public') {
    if (asker.status === 'rejected') throw asker.reason instanceof Problem ? unknown() : asker.reason
    const scope = asker.value
    const isSeen = scope.relayParty === undefined ? scope.tenantId === card.tenantId : hasGrant({ scope, card })
    if (!isSeen) throw unknown()
    steps.refuseLarge(card.max_message_bytes)
    return { agent: agentOf(house, agents, card), scope }
  }
  steps.refuseLarge(card.max_message_bytes)
  if (asker.status === 'rejected') throw asker.reason
  return { agent: agentOf(house, agents, card), scope: asker.value }
}

const unknown = () => new Malformed('NOT_FOUND', 'There is no such agent.')

async function cardOf(house: A2aHouse, slug: string): Promise<Agent['card'] & { tenantId: string }> {
  const place = await placeOfCard(house, slug).catch((cause: unknown) => {
    throw cause instanceof Problem && cause.code === 'not_found' ? unknown() : cause
  })
  const system = systemScope('relay', place.tenant_id)
  const card = await tx(house.db, system, (t) => findCard(t, system, { slug }), { readOnly: true })
  if (!card || card.state === 'retired') throw unknown()
  return { ...(card as Agent['card']), tenantId: place.tenant_id }
}

function agentOf(house: A2aHouse, agents: Agents, card: Agent['card']): Agent {
  const origin = house.origin()
  const kept = agents.get(card.id)
  if (kept && kept.version === card.version && kept.origin === origin) return { card, ...kept.agent }
  const document = a2aDocument(card.content, { number: card.version, origin, faces: FACES })
  const agent = { extensions: declaredBy(document), transport: new JsonRpcTransportHandler(relayHandler(house, document)) }
  agents.delete(card.id)
  agents.set(card.id, { version: card.version, origin, agent })
  for (const oldest of agents.keys()) {
    if (agents.size <= MOST) break
    agents.delete(oldest)
  }
  return { card, ...agent }
}

function declaredBy({ capabilities }: Record<string, unknown>): DeclaredExtension[] {
  const extensions = isObject(capabilities) ? capabilities.extensions : null
  return Array.isArray(extensions) ? (extensions as DeclaredExtension[]) : []
}
