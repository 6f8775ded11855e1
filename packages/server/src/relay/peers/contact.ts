// Contacts (relay.md R20): every peer with whom a relay grant or request ever existed, read from those, with what this tenant notes about it. Nobody is met by being noted.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { tenantWire } from '../../std/id.ts'
import { ownOf } from '../grants/list.ts'
import type { RelayHouse } from '../house.ts'
import { type ContactFilter, type ContactRow, findContact, listContactRows, putContact } from './sql.ts'

type House = Pick<RelayHouse, 'db' | 'keyring'>
export type ShownContact = ReturnType<typeof showContact>

export async function listContacts(
  house: House,
  scope: Scope,
  { limit, cursor, ...filter }: ContactFilter & { limit: number; cursor?: string },
) {
  const at = { tenantId: scope.tenantId, route: 'GET /contacts', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const below = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listContactRows(t, scope, filter, ownOf(scope, 'contact.read'), below, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      return { ...page, data: page.data.map(showContact) }
    },
    { readOnly: true },
  )
}

/** The same again changes nothing. */
export const changeContact = (
  house: House,
  scope: Scope,
  id: string,
  wishes: { note?: string | null; favourite?: boolean },
): Promise<ShownContact> =>
  tx(house.db, scope, async (t) => {
    const row = await findContact(t, scope, id, ownOf(scope, 'contact.update'))
    if (!row) throw new Problem('not_found')
    const note = wishes.note === undefined ? row.note : wishes.note
    const favourite = wishes.favourite ?? row.favourite
    if (note !== row.note || favourite !== row.favourite) {
      await putContact(t, scope, id, { note, favourite })
      await record(
        t,
        scope,
        'contact.updated',
        { contact_id: id, peer: row.peer, favourite },
        { resource: { type: 'contact', id } },
      )
    }
    return showContact({ ...row, note, favourite })
  })

const showContact = (row: ContactRow) => ({
  id: row.id,
  direction: row.direction,
  peer: row.peer,
  tenant: row.peer_tenant === null ? null : tenantWire(row.peer_tenant),
  name: row.name,
  state: row.state,
  relay_grant_id: row.relay_grant_id,
  connection_request_id: row.request_id,
  since: row.since,
  last_thread: row.last_thread_id === null ? null : { id: row.last_thread_id, at: row.last_thread_at },
  note: row.note,
  favourite: row.favourite,
})
