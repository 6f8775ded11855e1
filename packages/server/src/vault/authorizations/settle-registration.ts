// What a registration left open is settled by a job (V39): one whose process was killed, one whose answer was lost, and one that its server does not know any more. By
// reading it where the server offers that (RFC 7592), else by one more registration with a note. Never sends a third.
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { type Client, openClient } from '../clients/client.ts'
import { findConnectionsUnder, lockClient } from '../clients/sql.ts'
import type { VaultHouse } from '../house.ts'
import { needReauth } from '../refresh/need.ts'
import { outsideOf } from './flow.ts'
import { discoverServer } from './protocol/discovery.ts'
import { ProviderFault } from './protocol/fault.ts'
import { readRegistration } from './protocol/registration.ts'
import { isLost, leave, type Place, registerNow, storeRegistration } from './registered.ts'

export async function settleRegistration(house: VaultHouse, tenantId: string, at: Place & { doubt?: boolean }): Promise<void> {
  const scope = systemScope('clients', tenantId)
  const client = await tx(house.db, scope, (t) => openQuestion(house, t, scope, at))
  if (client === null) return
  const outside = outsideOf(house, scope)
  if (client.managed !== null) {
    const managed = { url: client.managed.url, token: client.managed.token.reveal() }
    const made = await readRegistration(outside, managed, client.auth)
    if (made !== null) return tx(house.db, scope, (t) => storeRegistration(house, t, scope, at, made, false))
    await tx(house.db, scope, (t) => forgetRegistration(house, t, scope, at, client.id))
  }
  try {
    const found = await discoverServer(outside, at.issuer)
    if (found.registrationUrl !== null) await registerNow(house, scope, at, found, found.registrationUrl)
  } catch (error) {
    // The row says what came of it; who comes next to the page is told.
    if (!(error instanceof ProviderFault)) throw error
    house.log.warn({ provider: at.provider, issuer: at.issuer, code: error.code }, 'a registration is not known')
  }
}

/** Null: there is none. */
async function openQuestion(house: VaultHouse, t: Tx, scope: Scope, at: Place & { doubt?: boolean }): Promise<Client | null> {
  const row = await lockClient(t, scope, at.provider, at.issuer)
  if (row === null) return null
  if (isLost(row, t.now)) await leave(house, t, scope, at, 'unknown', 'registration_lost')
  const now = await lockClient(t, scope, at.provider, at.issuer)
  const isOpen = now?.state === 'unknown' || (now?.state === 'active' && at.doubt === true)
  return now && isOpen ? openClient(house, t, scope, now) : null
}

/** Refresh tokens belong to the client that obtained them. */
async function forgetRegistration(house: VaultHouse, t: Tx, scope: Scope, at: Place, id: string): Promise<void> {
  for (const one of await findConnectionsUnder(t, scope, id))
    await needReauth(t, scope, one.id, 'client_lost', 'client_lost', null)
  await leave(house, t, scope, at, 'unknown', 'registration_gone')
}
