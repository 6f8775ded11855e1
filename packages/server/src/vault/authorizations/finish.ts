// An authorization ends: as a connection, in the transaction that also says so, or with why there is none. Never leaves one without the other.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { storeConnection } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import type { Definition, Material } from '../providers/definition.ts'
import type { Params } from '../providers/pattern.ts'
import { nextMoment } from '../refresh/moment.ts'
import { doubtRegistration } from './doubt.ts'
import { readAccount } from './protocol/account.ts'
import type { ProviderFault } from './protocol/fault.ts'
import type { Outside } from './protocol/server.ts'
import { materialOf, type Tokens } from './protocol/tokens.ts'
import { type AuthorizationRow, noteError, type Settled, settleIf } from './sql.ts'

type Obtained = {
  material: Material
  params: Params
  scopes: readonly string[]
  lifetime: number | null
  account: { id: string | null; label: string | null }
  clientId: string | null
  /** After so many days without use it is worth nothing. */
  idleDays?: number | undefined
  /** Stored although its test failed. */
  doubt: string | null
}

/** Tokens of a flow become a connection. What the provider says of the account is asked first; without it the connection is none the worse. */
export async function finishTokens(
  house: VaultHouse,
  outside: Outside,
  scope: Scope,
  row: AuthorizationRow,
  definition: Definition,
  tokens: Tokens,
): Promise<void> {
  const account = await readAccount(outside, definition, row.params, tokens)
  await finish(house, scope, row, {
    material: materialOf(tokens),
    params: row.params,
    scopes: tokens.scopes ?? row.scopes,
    lifetime: tokens.lifetime,
    account,
    clientId: row.client_id,
    idleDays: definition.oauth?.idle_days,
    doubt: null,
  })
}

export async function finish(house: VaultHouse, scope: Scope, row: AuthorizationRow, got: Obtained): Promise<void> {
  try {
    await tx(house.db, scope, (t) => complete(house, t, scope, row, got))
  } catch (error) {
    // Somebody else stored one of this name meanwhile, and this one was not to replace it.
    if (!(error instanceof Problem) || error.code !== 'connection_exists') throw error
    await fail(house, scope, row, { code: 'connection_exists', said: null })
  }
}

async function complete(house: VaultHouse, t: Tx, scope: Scope, row: AuthorizationRow, got: Obtained): Promise<void> {
  const expiresAt = got.lifetime === null ? null : new Date(t.now.getTime() + got.lifetime * 1_000)
  const renews = got.material.refresh_token !== undefined || row.method === 'client_credentials'
  const connection = await storeConnection(house, t, scope, {
    provider: row.provider,
    version: row.definition_version,
    name: row.connection_name,
    belongs: row.owner === null ? { shared: true } : { owner: row.owner },
    method: row.method,
    params: got.params,
    material: got.material,
    scopes: got.scopes,
    account: got.account,
    expiresAt,
    refreshAt: nextMoment(t.now, { expiresAt, renews, idleDays: got.idleDays }),
    clientId: got.clientId,
    replace: row.replaces,
  })
  if (got.doubt !== null) await noteError(t, scope, connection.id, got.doubt)
  const settled = await settleIf(t, scope, row.id, ['processing', 'waiting_for_user'], {
    status: 'completed',
    connectionId: connection.id,
  })
  if (settled === 0) throw new Problem('authorization_expired')
  await tell(t, scope, row, 'authorization.completed', { connection_id: connection.id })
}

export const fail = (
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  scope: Scope,
  row: AuthorizationRow,
  why: Pick<ProviderFault, 'code' | 'said'>,
): Promise<void> =>
  tx(house.db, scope, async (t) => {
    const to = { status: 'failed', code: why.code, said: why.said } as const
    await settle(t, scope, row, ['pending', 'waiting_for_user', 'processing'], to)
    if (why.code === 'invalid_client') await doubtRegistration(house, t, scope, row.client_id)
  })

/** The event comes with the change and never without it. */
export async function settle(
  t: Tx,
  scope: Scope,
  row: AuthorizationRow,
  from: Parameters<typeof settleIf>[3],
  to: Settled,
): Promise<void> {
  if ((await settleIf(t, scope, row.id, from, to)) === 0) return
  if (to.status === 'failed') await tell(t, scope, row, 'authorization.failed', { code: to.code })
  if (to.status === 'expired') await tell(t, scope, row, 'authorization.expired', {})
  if (to.status === 'cancelled') await tell(t, scope, row, 'authorization.cancelled', {})
}

type Told = 'completed' | 'failed' | 'expired' | 'cancelled' | 'refused'

export const tell = (
  t: Tx,
  scope: Scope,
  row: AuthorizationRow,
  type: `authorization.${Told}`,
  data: Record<string, string>,
): Promise<string> => {
  t.wake(`authorization:${row.id}`)
  return record(
    t,
    scope,
    type,
    {
      authorization_id: row.id,
      provider: row.provider,
      method: row.method,
      connection_name: row.connection_name,
      owner_id: row.owner,
      ...data,
    },
    { resource: { type: 'authorization', id: row.id } },
  )
}
