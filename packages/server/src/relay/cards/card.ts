// Cards (R10–R12): saved, changed, paused and retired. A save with other content makes a version and signs it; one without leaves everything as it is. A card is
// never erased, for relay grants and threads name it, and its slug is nobody else's.
import { type FieldError, Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { ownOnly } from '../../identity/agent.ts'
import { bodySha256, type CountersignedAct } from '../../identity/policies/countersign.ts'
import { findAgent } from '../../identity/sql.ts'
import { newId } from '../../std/id.ts'
import { refuseFactClash } from './fact-types.ts'
import type { CardsHouse } from './house.ts'
import {
  type CardContent,
  type CardSettings,
  type DeliveryMode,
  isReserved,
  type Limits,
  MOST_CARD_BYTES,
  NEW_CONTENT,
  NEW_SETTINGS,
  type NewCard,
  readCardSettings,
  readContent,
  type Visibility,
  type Wishes,
} from './input.ts'
import { contentHash, publish } from './publish.ts'
import { enqueueReview } from './review-job.ts'
import { secretsIn } from './secrets-in.ts'
import { type Card, etagOf, show } from './show.ts'
import {
  type CardColumns,
  type CardFilter,
  type CardRow,
  clearPrimary,
  findCard,
  hasGrants,
  insertCardIfFree,
  listCards,
  lockCard,
  moveCardIf,
  moveCardVersion,
  retireCardIfLive,
  shareKeys,
  updateCard,
} from './sql.ts'

export const getCard = (house: CardsHouse, scope: Scope, id: string): Promise<Card> =>
  tx(house.db, scope, async (t) => show(house, await seeCard(t, scope, id, 'card.read')), { readOnly: true })

export async function seeCard(t: Tx, scope: Scope, id: string, action: string): Promise<CardRow> {
  const row = await findCard(t, scope, id, ownOnly(scope, action))
  if (!row) throw new Problem('not_found')
  return row
}

/** For whoever changes it in this transaction. */
export async function takeCard(t: Tx, scope: Scope, id: string): Promise<CardRow> {
  await shareKeys(t, scope)
  if (!(await lockCard(t, scope, id, ownOnly(scope, 'card.publish')))) throw new Problem('not_found')
  const row = await seeCard(t, scope, id, 'card.publish')
  if (row.state === 'retired') throw new Problem('state_conflict', { state: row.state, detail: 'This card was retired.' })
  return row
}

export async function listOwnCards(house: CardsHouse, scope: Scope, query: CardFilter & { limit: number; cursor?: string }) {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /cards', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listCards(t, scope, filter, ownOnly(scope, 'card.read'), before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      return { ...page, data: page.data.map((row) => show(house, row)) }
    },
    { readOnly: true },
  )
}

export type CardAct = 'save' | 'restore' | 'deliver' | 'pause' | 'resume' | 'retire'

/** What policies are asked, and people see: the card by its id, or by its slug while it has none, and the whole of what was sent, bound by its digest. */
export const actOnCard = (
  act: CardAct,
  card: { id: string; visibility: Visibility },
  body: unknown,
  delivery?: DeliveryMode,
): CountersignedAct => ({
  origin: 'relay',
  action: 'card.publish',
  resource: { type: 'Card', id: card.id },
  context: { act, visibility: card.visibility, body_sha256: bodySha256(body), ...(delivery && { delivery: { mode: delivery } }) },
  body,
})

/** `delivery`: what its documents say, for whoever sets it in the same transaction. */
type Saved = NewCard & { environment?: 'live' | 'test'; delivery?: DeliveryMode }

export async function createCard(house: CardsHouse, scope: Scope, input: Saved): Promise<Card> {
  if (isReserved(input.slug)) throw invalid('/slug', 'reserved', 'This slug is reserved.')
  const content = readContent(NEW_CONTENT, input)
  refuseUnsaid(content, input)
  return house.countersign(scope, actOnCard('save', { id: content.slug, visibility: content.visibility }, input), (t) =>
    createCardIn(house, t, scope, input),
  )
}

/** In a transaction of somebody else, judged by them; a reserved slug is for the house's own. */
export async function createCardIn(house: CardsHouse, t: Tx, scope: Scope, input: Saved): Promise<Card> {
  const content = readContent(NEW_CONTENT, input)
  await shareKeys(t, scope)
  await refuseFactClash(house, t, scope, content)
  const settings = readCardSettings({ ...NEW_SETTINGS, agent_id: scope.agentId }, input)
  const agent = await serverOf(t, scope, settings.agent_id)
  const id = newId('card', t.now.getTime())
  const one = {
    ...columnsOf(content, settings),
    id,
    environment: input.environment ?? agent?.environment ?? 'live',
    created_by: scope.userId ?? scope.principal,
  }
  if (one.is_primary) await clearPrimary(t, scope, id)
  if ((await insertCardIfFree(t, scope, one)) === 0) throw new Problem('slug_taken', { slug: content.slug })
  await publish(house, t, scope, { card_id: id, number: 1, content })
  await tellCard(t, scope, 'card.created', id, { slug: content.slug, version: 1, visibility: content.visibility })
  return show(house, await seeCard(t, scope, id, 'card.read'))
}

export async function changeCard(
  house: CardsHouse,
  scope: Scope,
  id: string,
  wishes: Wishes,
  ifMatch: string | undefined,
): Promise<Card> {
  const change = house.countersign(
    scope,
    async (t) => {
      const row = await seeCard(t, scope, id, 'card.publish')
      const content = readContent(row.content, wishes)
      return actOnCard('save', { id, visibility: content.visibility }, { card: id, change: wishes })
    },
    async (t) => {
      const row = await takeCard(t, scope, id)
      refuseStale(house, row, ifMatch)
      return changeCardIn(house, t, scope, row, wishes)
    },
  )
  return change.catch((error: unknown) => {
    throw isUniqueViolation(error, 'cards_slug') ? new Problem('slug_taken', { slug: wishes.slug }) : error
  })
}

async function changeCardIn(house: CardsHouse, t: Tx, scope: Scope, row: CardRow, wishes: Wishes): Promise<Card> {
  const content = readContent(row.content, wishes)
  refuseUnsaid(content, wishes)
  if (content.slug !== row.slug) await refuseRename(t, scope, row, content.slug)
  const before = settingsOf(row)
  const settings = readCardSettings(before, wishes)
  if (settings.agent_id !== before.agent_id) await serverOf(t, scope, settings.agent_id)
  const isSame = contentHash(content).equals(row.content_hash)
  const changed = Object.keys(settings).filter(
    (name) => settings[name as keyof CardSettings] !== before[name as keyof CardSettings],
  )
  if (isSame && changed.length === 0) return show(house, row)
  const version = isSame ? row.version : row.version + 1
  if (!isSame) await refuseFactClash(house, t, scope, content)
  if (settings.primary) await clearPrimary(t, scope, row.id)
  await updateCard(t, scope, row.id, { ...columnsOf(content, settings), version })
  if (row.listing !== 'direct_link_only') await enqueueReview(t, scope, row.id)
  if (!isSame) await publish(house, t, scope, { card_id: row.id, number: version, content })
  const fields = [...changed, ...changedFields(row.content, content)].sort()
  await tellCard(t, scope, 'card.saved', row.id, { slug: content.slug, version, fields })
  return show(house, await seeCard(t, scope, row.id, 'card.read'))
}

/** Puts other content in the place of what is there; null where it is the same. For restores, and for what changes a posture. */
export async function putContent(
  house: CardsHouse,
  t: Tx,
  scope: Scope,
  row: CardRow,
  content: CardContent,
): Promise<number | null> {
  if (contentHash(content).equals(row.content_hash)) return null
  const version = row.version + 1
  await updateCard(t, scope, row.id, { ...columnsOf(content, settingsOf(row)), version })
  if (row.listing !== 'direct_link_only') await enqueueReview(t, scope, row.id)
  await publish(house, t, scope, { card_id: row.id, number: version, content })
  return version
}

/** Signs what is there under a new number: its signatures went with their key (R15). */
export async function putAgain(house: CardsHouse, t: Tx, scope: Scope, cardId: string, version: number, content: CardContent) {
  await moveCardVersion(t, scope, cardId, version)
  await publish(house, t, scope, { card_id: cardId, number: version, content })
}

/** Out of use for good. Whoever has a relay grant keeps what was said in its threads. */
export const retireCard = (house: CardsHouse, scope: Scope, id: string): Promise<null> =>
  house.countersign(
    scope,
    async (t) => actOnCard('retire', await seeCard(t, scope, id, 'card.publish'), { card: id, act: 'retire' }),
    async (t) => {
      if (!(await lockCard(t, scope, id, ownOnly(scope, 'card.publish')))) throw new Problem('not_found')
      if ((await retireCardIfLive(t, scope, id)) > 0) {
        await enqueueReview(t, scope, id)
        await tellCard(t, scope, 'card.retired', id, {})
      }
      return null
    },
  )

export const pauseCard = (house: CardsHouse, scope: Scope, id: string, input: { reason?: string }): Promise<Card> =>
  move(house, scope, id, { act: 'pause', from: 'active', to: 'paused', reason: input.reason ?? null })

export const resumeCard = (house: CardsHouse, scope: Scope, id: string): Promise<Card> =>
  move(house, scope, id, { act: 'resume', from: 'paused', to: 'active', reason: null })

type Move = { act: 'pause' | 'resume'; from: 'active' | 'paused'; to: 'active' | 'paused'; reason: string | null }

const move = (house: CardsHouse, scope: Scope, id: string, { act, from, to, reason }: Move): Promise<Card> =>
  house.countersign(
    scope,
    async (t) => actOnCard(act, await seeCard(t, scope, id, 'card.publish'), { card: id, act, reason }),
    async (t) => {
      await takeCard(t, scope, id)
      if ((await moveCardIf(t, scope, id, from, to, reason)) > 0)
        await tellCard(t, scope, to === 'paused' ? 'card.paused' : 'card.resumed', id, reason === null ? {} : { reason })
      return show(house, await seeCard(t, scope, id, 'card.read'))
    },
  )

const fault = (path: string, code: string, message: string): FieldError => ({ path, code, message })
const invalid = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [fault(path, code, message)] })

/** What may not be said at all, and what may be only by somebody who means it (R11). */
export function refuseUnsaid(content: CardContent, { confirm_public: isMeant }: Pick<Wishes, 'confirm_public'>): void {
  const bytes = Buffer.byteLength(JSON.stringify(content))
  if (bytes > MOST_CARD_BYTES) throw invalid('', 'too_large', `A card has at most ${MOST_CARD_BYTES} bytes, not ${bytes}.`)
  if (content.visibility !== 'public' || isMeant) return
  const found = secretsIn(content)
  if (found.length > 0)
    throw new Problem('secret_in_card', {
      errors: found.map(({ path, kind }) => fault(path, kind, 'Everybody could read this, and it looks like a secret.')),
    })
}

/** RFC 9110: a change names what it was made from. */
function refuseStale(house: CardsHouse, row: CardRow, ifMatch: string | undefined): void {
  const current = etagOf(row)
  if (ifMatch === undefined) throw new Problem('precondition_required', { current_etag: current })
  const named = ifMatch.split(',').map((one) => one.trim())
  if (!named.includes('*') && !named.includes(current))
    throw new Problem('version_conflict', { current_etag: current, version: show(house, row).version })
}

async function refuseRename(t: Tx, scope: Scope, row: CardRow, slug: string): Promise<void> {
  if (isReserved(slug)) throw invalid('/slug', 'reserved', 'This slug is reserved.')
  if ((await hasGrants(t, scope, row.id)).has)
    throw invalid('/slug', 'fixed', 'Its relay grants name this card by its slug: it stays.')
}

/** Null: any agent of the tenant. Who reaches only their own names only their own. */
async function serverOf(t: Tx, scope: Scope, agentId: string | null) {
  if (agentId === null) return null
  const agent = await findAgent(t, scope, agentId, ownOnly(scope, 'card.publish'))
  if (!agent || agent.state === 'revoked') throw invalid('/agent_id', 'not_found', 'There is no such agent.')
  return agent
}

const changedFields = (before: CardContent, after: CardContent): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => bodySha256(before[name as keyof CardContent]) !== bodySha256(after[name as keyof CardContent]),
  )

const settingsOf = (row: CardRow): CardSettings => ({
  agent_id: row.agent_id,
  unapproved: row.unapproved,
  direct_messages: row.direct_messages,
  idle_seconds: row.idle_seconds,
  reply_closes_after_seconds: row.reply_closes_after_seconds,
  ring_seconds: row.ring_seconds,
  primary: row.is_primary,
})

const columnsOf = (content: CardContent, { primary, ...settings }: CardSettings): CardColumns => ({
  ...settings,
  is_primary: primary,
  slug: content.slug,
  name: content.name,
  visibility: content.visibility,
  retention_days: content.retention_days === 'none' ? null : content.retention_days,
  max_message_bytes: content.max_message_bytes,
  limits: (content.limits ?? {}) as Limits,
})

type Told =
  | 'card.submitted'
  | 'card.withdrawn'
  | 'card.created'
  | 'card.saved'
  | 'card.delivery_changed'
  | 'card.paused'
  | 'card.resumed'
  | 'card.retired'
export const tellCard = (t: Tx, scope: Scope, type: Told, id: string, data: EventData): Promise<string> =>
  record(t, scope, type, { card_id: id, ...data }, { resource: { type: 'card', id } })
