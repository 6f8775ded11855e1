// GetExtendedAgentCard (R86): whoever holds a live relay grant reads the whole card and what that relay grant gives, signed for them alone; whoever has none reads what everybody
// reads. The bytes are answered as they were signed, past every codec, and are kept nowhere.
import { ExtendedAgentCardNotConfiguredError } from '@a2a-js/sdk/errors'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { signedExtended, signingKeys } from '../cards/publish.ts'
import { findCurrentVersion } from '../cards/sql.ts'
import { findGrant } from '../grants/sql.ts'
import { placeOfCard } from '../party.ts'
import { type Call, hasGrant } from './call.ts'
import type { A2aHouse } from './house.ts'
import type { WireObject } from './parts.ts'

export async function extendedCard(house: A2aHouse, call: Call): Promise<WireObject> {
  const { scope, card } = call
  if (card.content.extended === undefined)
    throw new ExtendedAgentCardNotConfiguredError('This agent says nothing more than its card.')
  const { tenant_id: tenantId } = await placeOfCard(house, card.slug)
  const owner = systemScope('relay', tenantId)
  const grantId = hasGrant(call) ? scope.relayParty : undefined
  const bytes = await tx(house.db, owner, async (t) => {
    const grant = grantId === undefined ? null : await findGrant(t, owner, grantId)
    const isLive = grant?.state === 'active' && (grant.expires_at === null || grant.expires_at > t.now)
    if (!grant || !isLive) return (await findCurrentVersion(t, owner, card.id))?.a2a
    const { id, scopes, skills, limits, expires_at, encryption } = grant
    const granted = {
      ...{ id, scopes, encryption },
      ...(skills && { skills }),
      ...(Object.keys(limits).length > 0 && { limits }),
      ...(expires_at && { expires_at: expires_at.toISOString() }),
    }
    const keys = await signingKeys(house, t, owner)
    return signedExtended(house, keys, { content: card.content, number: card.version }, granted)
  })
  if (!bytes) throw new Error(`Card ${card.id} has no current version.`)
  return JSON.parse(bytes.toString('utf8')) as WireObject
}
