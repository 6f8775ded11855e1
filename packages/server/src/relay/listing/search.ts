// The listing, as anybody searches it (relay.md R22): listed versions with facts and their dates, best match first and what proved a domain before what did not. What blocks
// whoever asks is not there. Counts nothing.
import { NO_TENANT, type Scope } from '../../db/scope.ts'
import { once } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { agentUrl } from '../cards/document.ts'
import type { RelayHouse } from '../house.ts'
import { type FoundCard, searchListing } from './sql.ts'

export type ListingQuery = {
  q?: string
  skill?: string
  tag?: string
  input?: string
  output?: string
  verified?: boolean
  healthy?: boolean
}

export async function readListing(
  house: Pick<RelayHouse, 'db' | 'keyring' | 'origin'>,
  scope: Scope,
  { limit, cursor, ...filter }: ListingQuery & { limit: number; cursor?: string },
) {
  const now = house.db.now()
  const at = { tenantId: NO_TENANT, route: 'GET /listing', filter }
  const below = cursor === undefined ? null : openCursor<[number, number, string]>(house.keyring, at, cursor, now)
  const { q, ...wants } = filter
  const said = Object.fromEntries(Object.entries(wants).filter(([, value]) => value !== undefined))
  const tenant = scope.tenantId === NO_TENANT ? null : scope.tenantId
  const rows = await once<FoundCard>(
    house.db,
    searchListing(q ?? null, said as Record<string, string | boolean>, { tenant, agent: scope.agentId, below, limit: limit + 1 }),
  )
  const position = (row: FoundCard) => [row.score, row.verified, row.card_id]
  const page = pageOf(house.keyring, at, rows, { limit, now, position })
  return { ...page, data: page.data.map((row) => showListed(house.origin(), row)) }
}

const showListed = (origin: string, { content, slug, version, ...row }: FoundCard) => ({
  ...{ slug, version },
  name: content.name,
  summary: content.summary,
  category: content.category ?? null,
  provider: content.provider ?? null,
  skills: content.skills.map(({ id, name, tags }) => ({ id, name, tags })),
  accepted_inputs: content.accepted_inputs,
  expected_outputs: content.expected_outputs,
  url: agentUrl(origin, slug),
  card_url: `${origin}/api/v1/agents/${slug}/card?version=${version}`,
  listed_at: row.listed_at,
  signed: { at: row.signed_at },
  verified_domains: row.domains.map((one) => ({
    ...one,
    verified_at: new Date(one.verified_at),
    expires_at: new Date(one.expires_at),
  })),
  health: row.health && { ...row.health, checked_at: new Date(row.health.checked_at) },
})
