// Our registration at an authorization server that was found (V38, V39): a client that is there already, else the document that we publish about ourselves, else
// one that is registered now. What is sent is journaled first, so that a crash leaves a row that says so and not a registration that nobody knows of.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Client, clientOf, recordNameOf, storeClient } from '../clients/client.ts'
import { type ClientRow, lockClient } from '../clients/sql.ts'
import type { VaultHouse } from '../house.ts'
import { documentUrl } from './document.ts'
import { type Flow, outsideOf } from './flow.ts'
import { type Discovered, discoverServer } from './protocol/discovery.ts'
import { ProviderFault } from './protocol/fault.ts'
import { authFor, type Registration, register } from './protocol/registration.ts'
import type { ProviderClient } from './protocol/server.ts'
import { redirectUrl } from './show.ts'

/** Longer than a call may take. */
const JOURNAL_MS = 120_000

type Place = { provider: string; issuer: string }
type Usable = { id: string; client: ProviderClient }

export async function clientAt(house: VaultHouse, scope: Scope, { definition }: Flow, issuer: string): Promise<Usable> {
  const known = await tx(house.db, scope, (t) => clientOf(house, t, scope, definition.name, issuer), { readOnly: true })
  if (known?.state === 'active' && known.client_id !== null) return usable(known, known.client_id)
  const found = await discoverServer(outsideOf(house, scope), issuer)
  const provider = await tx(house.db, scope, (t) => recordNameOf(house, t, scope, definition.name), { readOnly: true })
  const at = { provider, issuer }
  if (found.takesDocument && house.origin().startsWith('https:')) return byDocument(house, scope, at)
  if (found.registrationUrl === null) throw new Problem('client_needed', { provider, issuer })
  return byRegistration(house, scope, at, found, found.registrationUrl)
}

const usable = ({ id, auth, secret }: Client, clientId: string): Usable => ({ id, client: { clientId, auth, secret } })

/** The server reads the document itself; nothing is sent to it. */
function byDocument(house: VaultHouse, scope: Scope, at: Place): Promise<Usable> {
  const clientId = documentUrl(house, at.provider)
  return tx(house.db, scope, async (t) => {
    const row = await storeClient(house, t, scope, {
      ...at,
      clientId,
      secrets: {},
      auth: 'none',
      redirectUris: [redirectUrl(house)],
    })
    await tell(t, scope, row, 'client.registered', { by: 'document' })
    return { id: row.id, client: { clientId, auth: 'none', secret: null } }
  })
}

async function byRegistration(house: VaultHouse, scope: Scope, at: Place, found: Discovered, url: string): Promise<Usable> {
  const auth = authFor(found.authMethods)
  await journal(house, scope, at, auth)
  const us = { name: 'Countersign', redirectUri: redirectUrl(house), origin: house.origin() }
  try {
    const made = await register(outsideOf(house, scope), url, us, auth)
    await tx(house.db, scope, async (t) => {
      const row = await storeClient(house, t, scope, { ...at, ...stored(house, made), state: 'active' })
      await tell(t, scope, row, 'client.registered', { by: 'registration' })
    })
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    // Whoever did not answer may have registered us all the same.
    const state = error.kind === 'outside' ? 'unknown' : 'removed'
    await tx(house.db, scope, (t) => leave(house, t, scope, at, state, error.code))
    throw error
  }
  const client = await tx(house.db, scope, (t) => clientOf(house, t, scope, at.provider, at.issuer), { readOnly: true })
  if (!client?.client_id) throw new Problem('client_needed', { provider: at.provider, issuer: at.issuer })
  return usable(client, client.client_id)
}

const stored = (house: VaultHouse, made: Registration) => ({
  clientId: made.clientId,
  secrets: {
    ...(made.secret === null ? {} : { secret: made.secret }),
    ...(made.managed === null ? {} : { registration_token: made.managed.token }),
  },
  auth: made.auth,
  redirectUris: [redirectUrl(house)],
  registration: made.metadata,
})

/** Before anything is sent. Somebody else who is at it now is left to finish. */
async function journal(house: VaultHouse, scope: Scope, at: Place, auth: Registration['auth']): Promise<void> {
  const busy = () =>
    new ProviderFault('outside', 'registering', {
      said: 'Another page is registering at this provider now. Try again in a moment.',
    })
  try {
    await tx(house.db, scope, async (t) => {
      const present = await lockClient(t, scope, at.provider, at.issuer)
      if (present?.state === 'registering' && present.updated_at.getTime() > t.now.getTime() - JOURNAL_MS) throw busy()
      const row = await storeClient(house, t, scope, {
        ...at,
        clientId: null,
        secrets: {},
        auth,
        redirectUris: [redirectUrl(house)],
        state: 'registering',
      })
      const runAt = new Date(t.now.getTime() + JOURNAL_MS)
      await enqueue(t, { kind: 'client.settle', tenantId: scope.tenantId, payload: at, runAt })
      return row
    })
  } catch (error) {
    throw isUniqueViolation(error, 'clients_of') ? busy() : error
  }
}

/** What became of a registration whose process was killed is known to nobody; the next who needs one registers anew, and the record says that one may be left over. */
export function settleRegistration(house: VaultHouse, tenantId: string, at: Place): Promise<void> {
  const scope = systemScope('clients', tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await lockClient(t, scope, at.provider, at.issuer)
    if (row?.state === 'registering' && row.updated_at.getTime() <= t.now.getTime() - JOURNAL_MS)
      await leave(house, t, scope, at, 'unknown', 'registration_lost')
  })
}

async function leave(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  at: Place,
  state: 'unknown' | 'removed',
  code: string,
): Promise<void> {
  const { auth } = (await lockClient(t, scope, at.provider, at.issuer)) ?? { auth: 'none' as const }
  const row = await storeClient(house, t, scope, {
    ...at,
    clientId: null,
    secrets: {},
    auth,
    redirectUris: [redirectUrl(house)],
    state,
  })
  await tell(t, scope, row, 'client.changed', { state, code })
}

const tell = (t: Tx, scope: Scope, row: ClientRow, type: 'client.registered' | 'client.changed', data: Record<string, string>) =>
  record(
    t,
    scope,
    type,
    { client_id: row.id, provider: row.provider, issuer: row.issuer, ...data },
    { resource: { type: 'client', id: row.id } },
  )
