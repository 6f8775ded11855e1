// The connect page's doors (V30–V33): open, by the link's token once, by its cookie again, or by the owner's session; and submit, by the nonce of the form that was
// shown. Whoever comes with less is refused, and the record says so.
import { Problem } from '@countersign/sdk'
import { randomToken, sameBytes, sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { ReplyControl, RequestInfo } from '../../http/route.ts'
import { originOf } from '../../identity/origin.ts'
import type { VaultHouse } from '../house.ts'
import { type ConnectCookie, giveCookie, readCookie } from './cookie.ts'
import { fieldsOf } from './fields.ts'
import { tell } from './finish.ts'
import { readFlow } from './flow.ts'
import { leaveForProvider } from './redirect.ts'
import { nonceHash } from './secrets.ts'
import { type ConnectShown, isOpen, seeAuthorization, viewOf } from './show.ts'
import { type AuthorizationRow, findAuthorization, findTenant, openOnce, setNonce, spendNonce } from './sql.ts'
import { storeFields } from './store-fields.ts'

export type Visit = { request: Pick<RequestInfo, 'id' | 'address' | 'client' | 'cookie'>; reply: ReplyControl }
export type Visitor = { scope: Scope; row: AuthorizationRow; now: Date }

/** Whoever is at the page of this authorization, in its tenant. Null: there is none. */
export async function visitorOf(house: VaultHouse, request: Visit['request'], id: string): Promise<Visitor | null> {
  const found = await tx(house.db, systemScope('connect'), (t) => findTenant(t, id), { readOnly: true })
  if (!found) return null
  const bare = systemScope('connect', found.tenant_id)
  const seen = await tx(house.db, bare, async (t) => ({ row: await findAuthorization(t, bare, id), now: t.now }), {
    readOnly: true,
  })
  if (!seen.row) return null
  return { scope: visiting(house, bare, seen.row, request), row: seen.row, now: seen.now }
}

/** Somebody who has not signed in here, by what let them in: the authorization. */
function visiting(house: VaultHouse, bare: Scope, row: AuthorizationRow, request: Visit['request']): Scope {
  const scope: Scope = {
    ...bare,
    principal: row.created_by,
    actor: { type: 'guest', id: row.id, assurance: 'link' },
    displayName: row.owner_name ?? 'connect page',
    requestId: request.id,
  }
  const subject = row.owner === null ? `guest:${row.id}` : `user:${row.owner}`
  return { ...scope, origin: originOf(house, scope, subject, { address: request.address, client: request.client }) }
}

export async function openConnect(house: VaultHouse, visit: Visit, id: string, token: string | undefined): Promise<ConnectShown> {
  const visitor = await visitorOf(house, visit.request, id)
  // As where there is one: whoever holds nothing of it does not learn that it exists.
  if (!visitor) throw new Problem(token === undefined ? 'form_replayed' : 'not_found')
  const { scope, row, now } = visitor
  if (token === undefined) {
    const cookie = cookieFor(house, visit, row)
    // Who has no cookie learns nothing, not even whether it is over.
    if (!cookie) throw new Problem('form_replayed')
    return tx(house.db, scope, async (t) => withNonce(house, t, scope, await again(t, scope, row), cookie))
  }
  if (!sameBytes(sha256(token), row.token_hash)) throw new Problem('not_found')
  // Once, and a page that was closed is opened from where it was started.
  if (!isOpen(row) || row.expires_at <= now) throw new Problem('authorization_expired', { status: row.status })
  const cookie = giveCookie(house.origin(), visit.reply, id)
  return tx(house.db, scope, async (t) => {
    if ((await openOnce(t, scope, id, cookie.hash, { token: sha256(token) })) === 0) throw new Problem('authorization_expired')
    return withNonce(house, t, scope, await again(t, scope, row), cookie)
  })
}

/** The owner, signed in, needs no token; their page gets a cookie like any other. */
export async function openAsOwner(house: VaultHouse, scope: Scope, visit: Visit, id: string): Promise<ConnectShown> {
  return tx(house.db, scope, async (t) => {
    const row = await seeAuthorization(t, scope, id)
    if (row.owner !== scope.userId && row.created_by !== scope.principal) throw new Problem('not_found')
    if (!isOpen(row)) return viewOf(house, t, scope, row, null)
    const cookie = giveCookie(house.origin(), visit.reply, id)
    if ((await openOnce(t, scope, id, cookie.hash, 'owner')) === 0)
      throw new Problem('authorization_expired', { status: row.status })
    return withNonce(house, t, scope, await again(t, scope, row), cookie)
  })
}

const again = async (t: Tx, scope: Scope, { id }: AuthorizationRow): Promise<AuthorizationRow> =>
  (await findAuthorization(t, scope, id)) as AuthorizationRow

export function cookieFor(
  house: Pick<VaultHouse, 'origin'>,
  { request }: Pick<Visit, 'request'>,
  row: AuthorizationRow,
): ConnectCookie | null {
  const cookie = readCookie(house.origin(), request)
  return cookie?.id === row.id && row.cookie_hash !== null && sameBytes(cookie.hash, row.cookie_hash) ? cookie : null
}

/** Each showing of the form has a nonce of its own, and the one before is worth nothing. */
async function withNonce(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  row: AuthorizationRow,
  cookie: ConnectCookie,
): Promise<ConnectShown> {
  if (!isOpen(row) || row.method === 'device') return viewOf(house, t, scope, row, null)
  const { definition } = await readFlow(house, t, scope, row.id)
  const names = fieldsOf(definition, row.method).map(({ name }) => name)
  const nonce = randomToken()
  await setNonce(t, scope, row.id, nonceHash(nonce, cookie.hash, names))
  return viewOf(house, t, scope, row, nonce)
}

export type Submission = {
  nonce: string
  fields?: Record<string, string> | undefined
  issuer?: string | undefined
  store_anyway?: boolean | undefined
}

export async function submitConnect(
  house: VaultHouse,
  visit: Visit,
  id: string,
  given: Submission,
): Promise<{ redirect_to: string | null; view: ConnectShown }> {
  const visitor = await visitorOf(house, visit.request, id)
  if (!visitor) throw new Problem('form_replayed')
  const { scope, row, now } = visitor
  const cookie = cookieFor(house, visit, row)
  if (!cookie) throw await refused(house, scope, row, 'cookie')
  if (row.expires_at <= now) throw new Problem('authorization_expired', { status: row.status })
  const names = Object.keys(given.fields ?? {})
  // Used up whatever comes of it: what is sent twice at once is one form and one refusal.
  const spent = await tx(house.db, scope, (t) => spendNonce(t, scope, id, nonceHash(given.nonce, cookie.hash, names)))
  if (spent === 0) throw await refused(house, scope, row, 'nonce')
  const redirect_to =
    row.method === 'code' || row.method === 'register'
      ? await leaveForProvider(house, scope, id, given.issuer)
      : await store(house, scope, id, given)
  const view = await tx(house.db, scope, async (t) => viewOf(house, t, scope, await again(t, scope, row), null), {
    readOnly: true,
  })
  return { redirect_to, view }
}

async function store(house: VaultHouse, scope: Scope, id: string, given: Submission): Promise<null> {
  await storeFields(house, scope, id, { fields: given.fields ?? {}, anyway: given.store_anyway ?? false, last: false })
  return null
}

/** In the record by what was wrong with it; the answer is the same for all of it. */
export async function refused(
  house: VaultHouse,
  scope: Scope,
  row: AuthorizationRow,
  why: 'cookie' | 'nonce' | 'state',
): Promise<Problem> {
  await tx(house.db, scope, (t) => tell(t, scope, row, 'authorization.refused', { reason: why }))
  return new Problem('form_replayed')
}
