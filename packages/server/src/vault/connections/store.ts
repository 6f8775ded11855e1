// Where material is written: a connection comes to be, is replaced in place, or is renewed. Each write raises the generation to which its envelope is bound, and
// leaves an event that names it (V70). Never writes material anywhere but into its envelope.
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { newId } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { sealMaterial } from '../material/material.ts'
import type { Material, Method } from '../providers/definition.ts'
import { type ConnectionRow, insertConnection, lockByName, renewIfGeneration, replaceConnection } from './sql.ts'

export type { ConnectionRow } from './sql.ts'

export type NewConnection = {
  /** The provider's own name, not an alias. */
  provider: string
  /** Of the definition; 0 = bundled. */
  version: number
  name?: string
  /** A user, or the whole tenant's. */
  belongs: { owner: string } | { shared: true }
  method: Method
  params?: Record<string, string>
  material: Material
  scopes?: readonly string[]
  account?: { id: string | null; label: string | null }
  expiresAt?: Date | null
  /** When it is renewed by itself; null: never. */
  refreshAt?: Date | null
  clientId?: string | null
  /** Where alone it may go; unless named to every host of the provider (V45). */
  hosts?: readonly string[]
  labels?: readonly string[]
  /** In place of one with this name: id, labels and grants stay. */
  replace?: boolean
  imported?: boolean
}

const CONNECTION_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/

/** `connection_exists` where there is one of this name and it is not to be replaced. */
export async function storeConnection(
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  input: NewConnection,
): Promise<ConnectionRow> {
  const name = checkedName(input.name ?? 'default')
  const owner = 'owner' in input.belongs ? input.belongs.owner : null
  const written = {
    definition_version: input.version,
    params: input.params ?? {},
    method: input.method,
    scopes: input.scopes ?? [],
    account_id: input.account?.id ?? null,
    account_label: input.account?.label ?? null,
    expires_at: input.expiresAt ?? null,
    refresh_at: input.refreshAt ?? null,
    client_id: input.clientId ?? null,
    hosts: input.hosts ?? [],
  }
  const present = await lockByName(t, scope, input.provider, owner, name)
  if (present && !input.replace) throw exists(present.id)
  if (!present) {
    const id = newId('conn', t.now.getTime())
    const material = await sealMaterial(house, t, scope, id, 1, input.material)
    const fresh = { ...written, id, provider: input.provider, name, owner, labels: input.labels ?? [], material }
    const row = await insertConnection(t, scope, fresh).catch((error: unknown) => {
      throw isUniqueViolation(error, 'connections_name') ? exists(null) : error
    })
    await tellConnection(t, scope, input.imported ? 'connection.imported' : 'connection.created', row, { method: row.method })
    return row
  }
  const generation = present.generation + 1
  const material = await sealMaterial(house, t, scope, present.id, generation, input.material)
  const row = await replaceConnection(t, scope, present.id, { ...written, generation, material })
  const type = present.status === 'needs_reauth' ? 'connection.reauthorized' : 'connection.replaced'
  await tellConnection(t, scope, type, row, { method: row.method, was: present.status })
  return row
}

export type RenewedMaterial = {
  /** Of the row that was opened; another one by now: nothing is written. */
  expectedGeneration: number
  material: Material
  expiresAt: Date | null
  refreshAt: Date | null
  /** Where the provider gave fewer or more; else as they were. */
  scopes?: readonly string[]
  as: 'connection.refreshed' | 'connection.rotated'
}

/** Null: somebody else wrote meanwhile, or the connection may not be used any more. */
export async function writeMaterial(
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  connectionId: string,
  { expectedGeneration, material, expiresAt, refreshAt, scopes, as }: RenewedMaterial,
): Promise<ConnectionRow | null> {
  const sealed = await sealMaterial(house, t, scope, connectionId, expectedGeneration + 1, material)
  const renewed = { material: sealed, expires_at: expiresAt, refresh_at: refreshAt, scopes: scopes ?? null }
  const row = await renewIfGeneration(t, scope, connectionId, expectedGeneration, renewed)
  if (row) await tellConnection(t, scope, as, row, {})
  return row
}

/** Every event about a connection names both counters: a row that was put back is older than the newest of them (V70). */
export const tellConnection = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `connection.${string}`>,
  row: ConnectionRow,
  data: EventData,
): Promise<string> =>
  record(
    t,
    scope,
    type,
    {
      connection_id: row.id,
      provider: row.provider,
      owner_id: row.owner,
      generation: row.generation,
      revision: row.revision,
      ...data,
    },
    { resource: { type: 'connection', id: row.id } },
  )

export function checkedName(name: string): string {
  if (CONNECTION_NAME.test(name)) return name
  const message = 'A name has 1 to 63 lower-case letters, digits, - and _, and begins with a letter or a digit.'
  throw new Problem('validation_failed', { errors: [{ path: '/name', code: 'pattern', message }] })
}

const exists = (id: string | null): Problem =>
  new Problem('connection_exists', {
    ...(id === null ? {} : { connection_id: id }),
    detail: 'Another name, or `replace: true` to put this in its place.',
  })
