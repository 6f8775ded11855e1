// Our registration at an authorization server that was found (V38, V39): a client that is there already, else the document that we publish about ourselves, else
// one that is registered now. What is sent is journaled first, so that a crash leaves a row that says so and not a registration that nobody knows of. Of a registration
// whose answer was lost one more is made, by the next page or by the job, whichever comes first; never a third by itself.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Client, clientOf, recordNameOf, storeClient } from '../clients/client.ts'
import { type ClientRow, lockClient } from '../clients/sql.ts'
import type { VaultHouse } from '../house.ts'
import { documentUrl } from './document.ts'
import { SETTLE } from './doubt.ts'
import { type Flow, outsideOf } from './flow.ts'
import { type Discovered, discoverServer } from './protocol/discovery.ts'
import { ProviderFault } from './protocol/fault.ts'
import { authFor, type Registration, register } from './protocol/registration.ts'
import type { ProviderClient } from './protocol/server.ts'
import { redirectUrl } from './show.ts'

/** Longer than a call may take. */
const JOURNAL_MS = 120_000
/** Of which the provider may keep all but one for ever. */
const MOST_SENT = 2

export type Place = { provider: string; issuer: string }
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

const usable = ({ id, auth, secret, keyId }: Client, clientId: string): Usable => ({
  id,
  client: { clientId, auth, secret, keyId },
})

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
  await registerNow(house, scope, at, found, url)
  const client = await tx(house.db, scope, (t) => clientOf(house, t, scope, at.provider, at.issuer), { readOnly: true })
  if (!client?.client_id) throw new Problem('client_needed', { provider: at.provider, issuer: at.issuer })
  return usable(client, client.client_id)
}

export async function registerNow(house: VaultHouse, scope: Scope, at: Place, found: Discovered, url: string): Promise<void> {
  const auth = authFor(found.authMethods)
  const sent = await journal(house, scope, at, auth)
  const us = { name: 'Countersign', redirectUri: redirectUrl(house), origin: house.origin() }
  try {
    const made = await register(outsideOf(house, scope), url, us, auth)
    await tx(house.db, scope, (t) => storeRegistration(house, t, scope, at, made, sent > 1))
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    // Whoever did not answer may have registered us all the same.
    const state = error.kind === 'outside' ? 'unknown' : 'removed'
    await tx(house.db, scope, (t) => leave(house, t, scope, at, state, error.code))
    throw error
  }
}

/** `left`: an earlier one may stand at the provider still, and nobody knows its name. */
export async function storeRegistration(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  at: Place,
  made: Registration,
  left: boolean,
): Promise<void> {
  const row = await storeClient(house, t, scope, {
    ...at,
    clientId: made.clientId,
    secrets: {
      ...(made.secret === null ? {} : { secret: made.secret }),
      ...(made.managed === null ? {} : { registration_token: made.managed.token, registration_url: made.managed.url }),
    },
    auth: made.auth,
    redirectUris: [redirectUrl(house)],
    registration: made.metadata,
    state: 'active',
  })
  await tell(t, scope, row, 'client.registered', { by: 'registration', ...(left ? { note: 'another_may_be_left' } : {}) })
}

/** Before anything is sent. Somebody else who is at it now is left to finish. Answers how many went out without an answer, this one too. */
export async function journal(house: VaultHouse, scope: Scope, at: Place, auth: Registration['auth']): Promise<number> {
  const busy = () =>
    new ProviderFault('outside', 'registering', {
      said: 'Another page is registering at this provider now. Try again in a moment.',
    })
  try {
    return await tx(house.db, scope, async (t) => {
      const present = await lockClient(t, scope, at.provider, at.issuer)
      if (present?.state === 'registering' && present.updated_at.getTime() > t.now.getTime() - JOURNAL_MS) throw busy()
      if (present && present.sent >= MOST_SENT)
        throw new ProviderFault('unusable', 'registration_lost', {
          said: 'This provider was asked to register us and did not answer. Remove its client record to try once more.',
        })
      const sent = (present?.sent ?? 0) + 1
      await storeClient(house, t, scope, { ...bare(house, at), auth, state: 'registering', sent })
      const runAt = new Date(t.now.getTime() + JOURNAL_MS)
      await enqueue(t, { kind: SETTLE, tenantId: scope.tenantId, payload: at, runAt })
      return sent
    })
  } catch (error) {
    throw isUniqueViolation(error, 'clients_of') ? busy() : error
  }
}

const bare = (house: VaultHouse, at: Place) => ({ ...at, clientId: null, secrets: {}, redirectUris: [redirectUrl(house)] })

/** True: whoever was at it is gone, and what came of it is known to nobody. */
export const isLost = (row: ClientRow, now: Date): boolean =>
  row.state === 'registering' && row.updated_at.getTime() <= now.getTime() - JOURNAL_MS

export async function leave(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  at: Place,
  state: 'unknown' | 'removed',
  code: string,
): Promise<void> {
  const { auth, sent } = (await lockClient(t, scope, at.provider, at.issuer)) ?? { auth: 'none' as const, sent: 1 }
  const row = await storeClient(house, t, scope, { ...bare(house, at), auth, state, sent })
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
