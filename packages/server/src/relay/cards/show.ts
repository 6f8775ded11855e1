// How a card is shown to those who keep it: its content, its settings, and where it stands. What callers read is the document that was signed.
import { agentUrl } from './document.ts'
import type { CardsHouse } from './house.ts'
import type { CardRow, ListedVersion, VersionRow } from './sql.ts'

export type Card = ReturnType<typeof show>

/** Of the card as its keepers see it; every change of it is another. */
export const etagOf = (row: Pick<CardRow, 'version' | 'updated_at'>): string =>
  `"${row.version}.${row.updated_at.getTime().toString(36)}"`

export function show(house: Pick<CardsHouse, 'origin'>, row: CardRow) {
  const { delivery: _, ...content } = row.content
  return {
    id: row.id,
    ...content,
    version: row.version,
    etag: etagOf(row),
    state: row.state,
    state_since: row.state_since,
    paused_reason: row.paused_reason,
    listing: row.listing,
    listed_version: row.listed_version,
    pending_version: row.listing === 'listed' ? row.submitted_version : null,
    listing_note: row.listing_note,
    delivery: { mode: row.delivery_mode, on_exhausted: row.on_exhausted },
    environment: row.environment,
    agent_id: row.agent_id,
    unapproved: row.unapproved,
    direct_messages: row.direct_messages,
    idle_seconds: row.idle_seconds,
    reply_closes_after_seconds: row.reply_closes_after_seconds,
    ring_seconds: row.ring_seconds,
    primary: row.is_primary,
    url: agentUrl(house.origin(), row.slug),
    card_url: `${house.origin()}/api/v1/agents/${row.slug}/card`,
    created_by: row.created_by,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

export const showVersion = (row: ListedVersion, current: number) => ({
  number: row.number,
  is_current: row.number === current,
  content_sha256: row.content_hash.toString('hex'),
  author: row.author,
  created_at: row.created_at,
  signed_at: row.signed_at,
})

/** With both documents as they are served. */
export const showWholeVersion = (row: VersionRow, current: number) => ({
  ...showVersion(row, current),
  document: JSON.parse(row.native.toString('utf8')) as Record<string, unknown>,
  a2a_document: JSON.parse(row.a2a.toString('utf8')) as Record<string, unknown>,
})
