// The versions of a card (R12): what was published under each number, and how an older one is put in force again, as a new one.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { actOnCard, putContent, refuseUnsaid, seeCard, takeCard } from './card.ts'
import type { CardsHouse } from './house.ts'
import { type Card, show, showVersion, showWholeVersion } from './show.ts'
import { type CardRow, findVersion, listVersions, type VersionRow } from './sql.ts'

export async function listCardVersions(house: CardsHouse, scope: Scope, id: string, query: { limit: number; cursor?: string }) {
  const { limit, cursor } = query
  const at = { tenantId: scope.tenantId, route: 'GET /cards/:id/versions', filter: { id } }
  return tx(
    house.db,
    scope,
    async (t) => {
      const card = await seeCard(t, scope, id, 'card.read')
      const before = cursor === undefined ? null : openCursor<number>(house.keyring, at, cursor, t.now)
      const rows = await listVersions(t, scope, id, before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.number })
      return { ...page, data: page.data.map((row) => showVersion(row, card.version)) }
    },
    { readOnly: true },
  )
}

export const getCardVersion = (house: CardsHouse, scope: Scope, id: string, number: number) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const card = await seeCard(t, scope, id, 'card.read')
      return showWholeVersion(await versionOf(t, scope, card, number), card.version)
    },
    { readOnly: true },
  )

/** `restored`: told when that made a version; what is in force already is answered as it is. */
export const restoreCardVersion = (
  house: CardsHouse,
  scope: Scope,
  id: string,
  input: { number: number; confirm_public?: boolean },
  restored: () => void,
): Promise<Card> =>
  house.countersign(
    scope,
    async (t) => {
      const row = await seeCard(t, scope, id, 'card.publish')
      const { content } = await versionOf(t, scope, row, input.number)
      return actOnCard('restore', { id, visibility: content.visibility }, { card: id, version: input.number })
    },
    async (t) => {
      const row = await takeCard(t, scope, id)
      const { content: before } = await versionOf(t, scope, row, input.number)
      // Its address and where its messages go are of now.
      const content = { ...before, slug: row.slug, delivery: row.delivery_mode }
      refuseUnsaid(content, input)
      const version = await putContent(house, t, scope, row, content)
      if (version !== null) {
        restored()
        const data = { card_id: id, slug: row.slug, version, restored: input.number }
        await record(t, scope, 'card.saved', data, { resource: { type: 'card', id } })
      }
      return show(house, await seeCard(t, scope, id, 'card.read'))
    },
  )

async function versionOf(t: Tx, scope: Scope, card: CardRow, number: number): Promise<VersionRow> {
  const row = await findVersion(t, scope, card.id, number)
  if (!row) throw new Problem('not_found')
  return row
}
