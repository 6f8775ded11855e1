// The page to which a provider sends the browser back (V30) has no power of its own: what it posts counts together with the cookie of the page that left, and in
// no other browser.
import { Problem } from '@countersign/sdk'
import { tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { readCookie } from './cookie.ts'
import { cookieFor, refused, type Visit, visitorOf } from './page.ts'
import type { Returned } from './protocol/code.ts'
import { takeReturn } from './redirect.ts'
import { type ConnectShown, viewOf } from './show.ts'
import { type AuthorizationRow, findAuthorization } from './sql.ts'

export async function returnConnect(house: VaultHouse, visit: Visit, returned: Returned): Promise<ConnectShown> {
  const id = readCookie(house.origin(), visit.request)?.id
  const visitor = id === undefined ? null : await visitorOf(house, visit.request, id)
  if (!visitor) throw new Problem('form_replayed')
  const { scope, row, now } = visitor
  if (!cookieFor(house, visit, row)) throw await refused(house, scope, row, 'cookie')
  if (row.status === 'waiting_for_user' && row.expires_at <= now)
    throw new Problem('authorization_expired', { status: row.status })
  if (row.method !== 'code' && row.method !== 'register') throw await refused(house, scope, row, 'state')
  if (!(await takeReturn(house, scope, row, returned))) throw await refused(house, scope, row, 'state')
  return tx(
    house.db,
    scope,
    async (t) => viewOf(house, t, scope, (await findAuthorization(t, scope, row.id)) as AuthorizationRow, null),
    { readOnly: true },
  )
}
