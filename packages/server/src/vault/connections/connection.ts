// Connections as people and agents see them: metadata, and nothing of what is sealed, not even its length (V8). An agent sees those that it was granted.
// Here they are listed, renamed, shared, made a default, and removed.
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../db/errors.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { ownOnly } from '../../identity/agent.ts'
import { reach } from '../../identity/matrix.ts'
import { suspendGrantsOf } from '../grants/end.ts'
import type { VaultHouse } from '../house.ts'
import { invalid, versionOf } from '../problem.ts'
import { rotationsOf, type ShownRotation } from '../rotation/sql.ts'
import { actOnConnection } from './act.ts'
import { revokeConnectionIn } from './end.ts'
import { changedParams } from './params.ts'
import {
  type ConnectionRow,
  changeConnectionIf,
  type Filter,
  findConnection,
  holdersOf,
  listConnections,
  lockConnection,
  moveConnectionIf,
  type SealedConnection,
  type Seen,
  usersOf,
} from './sql.ts'
import { checkedName, tellConnection } from './store.ts'

export type Connection = ReturnType<typeof show>

export const seenOf = (scope: Scope, action: string): Seen => {
  const { user, agent } = ownOnly(scope, action)
  return { owner: user, agent }
}

export async function listConnectionsOf(
  house: VaultHouse,
  scope: Scope,
  query: Filter & { limit: number; cursor?: string },
): Promise<{ data: Connection[]; next_cursor: string | null }> {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /connections', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listConnections(t, scope, filter, seenOf(scope, 'connection.read'), before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      return { ...page, data: await showAll(t, scope, page.data) }
    },
    { readOnly: true },
  )
}

export const getConnection = (house: VaultHouse, scope: Scope, id: string): Promise<Connection> =>
  tx(house.db, scope, (t) => readConnection(t, scope, id), { readOnly: true })

export async function readConnection(t: Tx, scope: Scope, id: string): Promise<Connection> {
  return showOne(t, scope, await seeConnection(t, scope, id, 'connection.read'))
}

/** The row, or 404: what is another's looks like what never was (V11). */
export async function seeConnection(t: Tx, scope: Scope, id: string, action: string): Promise<ConnectionRow> {
  const row = await findConnection(t, scope, id, seenOf(scope, action))
  if (!row) throw new Problem('not_found')
  return row
}

export async function lockOrThrow(t: Tx, scope: Scope, id: string, action: string): Promise<SealedConnection> {
  const row = await lockConnection(t, scope, id, seenOf(scope, action))
  if (!row) throw new Problem('not_found')
  return row
}

export type ConnectionChange = {
  name?: string
  labels?: string[]
  shared?: boolean
  params?: Record<string, string>
  /** Of a key whose end its provider does not tell us; null: it has none. */
  expires_at?: Date | null
}

/**
 * What is named is changed. Parameters say where the credential goes, so a change of one suspends every grant until somebody confirms it, as a change of hosts
 * in a definition does (V5).
 */
export async function changeConnection(
  house: VaultHouse,
  scope: Scope,
  id: string,
  change: ConnectionChange,
  ifMatch: string | undefined,
): Promise<Connection> {
  if (Object.values(change).every((value) => value === undefined))
    throw invalid('', 'nothing_to_change', 'Send at least one of name, labels, shared, params, expires_at.')
  const wanted = versionOf(ifMatch)
  return tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id, 'connection.update')
    if (wanted !== null && row.revision !== wanted) throw new Problem('version_conflict', { version: row.revision })
    const params = change.params ? await changedParams(t, scope, row, change.params) : row.params
    const next = {
      name: change.name === undefined ? row.name : checkedName(change.name),
      labels: change.labels === undefined ? row.labels : checkedLabels(change.labels),
      owner: change.shared === undefined ? row.owner : ownerOf(scope, row, change.shared),
      params,
      expires_at: change.expires_at === undefined ? row.expires_at : endOf(row, change.expires_at, t.now),
    }
    const changed = await changeConnectionIf(t, scope, id, row.revision, next).catch((error: unknown) => {
      throw isUniqueViolation(error, 'connections_name') ? new Problem('connection_exists') : error
    })
    if (!changed) throw new Problem('state_conflict', { detail: 'The connection changed meanwhile.' })
    const fields = Object.keys(change).filter((name) => change[name as keyof ConnectionChange] !== undefined)
    await tellConnection(t, scope, 'connection.updated', changed, { fields: fields.sort() })
    if (JSON.stringify(params) !== JSON.stringify(row.params)) await suspendGrantsOf(t, scope, id, 'params_changed')
    return showOne(t, scope, changed)
  })
}

/** Tokens end when their provider says; only of what was handed in does a human know. */
function endOf({ method }: ConnectionRow, wanted: Date | null, now: Date): Date | null {
  if (!['api_key', 'basic', 'aws', 'cookies'].includes(method))
    throw invalid('/expires_at', 'not_stored', 'When this ends is for its provider to say.')
  if (wanted !== null && wanted <= now) throw invalid('/expires_at', 'past', 'This is over already: revoke the connection.')
  return wanted
}

/** Its owner shares it with the tenant; only who reaches all of the tenant's takes it for themselves. */
function ownerOf(scope: Scope, row: ConnectionRow, shared: boolean): string | null {
  if (shared) return null
  if (row.owner !== null) return row.owner
  if (scope.userId === null || reach(scope, 'connection.update') !== 'any') throw new Problem('forbidden')
  return scope.userId
}

const LABEL = /^[\p{L}\p{N}][\p{L}\p{N} ._:/-]{0,99}$/u

export function checkedLabels(labels: readonly string[], path = '/labels'): string[] {
  const at = labels.findIndex((label) => !LABEL.test(label))
  if (at >= 0) throw invalid(`${path}/${at}`, 'pattern', 'A label has 1 to 100 letters, digits, spaces and . _ : / -')
  return [...new Set(labels)].sort()
}

/** Revoked, then removed (§9.1): its use ends now, its provider is told by a job, and its name is free. */
export const removeConnection = (house: VaultHouse, scope: Scope, id: string): Promise<Connection> =>
  house.countersign(
    scope,
    async (t) => actOnConnection('connection.delete', scope, await seeConnection(t, scope, id, 'connection.delete')),
    async (t) => {
      const row = await lockOrThrow(t, scope, id, 'connection.delete')
      if (row.status !== 'revoked') await revokeConnectionIn(t, scope, id, { cause: 'removed' })
      const removed = await moveConnectionIf(t, scope, id, ['revoked'], { status: 'removed', cause: 'removed' })
      if (!removed) throw new Problem('state_conflict', { detail: 'The connection changed meanwhile.' })
      await tellConnection(t, scope, 'connection.removed', removed, {})
      return showOne(t, scope, removed)
    },
  )

const showOne = async (t: Tx, scope: Scope, row: ConnectionRow): Promise<Connection> =>
  (await showAll(t, scope, [row]))[0] as Connection

async function showAll(t: Tx, scope: Scope, rows: readonly ConnectionRow[]): Promise<Connection[]> {
  const ids = rows.map(({ id }) => id)
  const users = ids.length === 0 ? [] : await usersOf(t, scope, ids)
  const holders = ids.length === 0 ? [] : await holdersOf(t, scope, ids)
  const rotations = ids.length === 0 ? [] : await rotationsOf(t, scope, ids)
  // Who else may use it, and whose default it is, is nothing that an agent needs to know.
  const isAgent = scope.actor.type === 'agent'
  const shown = isAgent ? users.filter(({ agent_id }) => agent_id === scope.agentId) : users
  return rows.map((row) =>
    show(
      row,
      shown.filter(({ connection_id }) => connection_id === row.id),
      holders.filter(({ connection_id, holder }) => connection_id === row.id && (!isAgent || holder === scope.agentId)),
      rotations.find(({ connection_id }) => connection_id === row.id),
    ),
  )
}

function show(
  row: ConnectionRow,
  users: readonly { grant_id: string; agent_id: string | null; agent_label: string | null }[],
  holders: readonly { holder: string }[],
  rotation: ShownRotation | undefined,
) {
  return {
    id: row.id,
    provider: row.provider,
    definition_version: row.definition_version,
    name: row.name,
    owner: row.owner,
    shared: row.owner === null,
    labels: row.labels,
    params: row.params,
    method: row.method,
    status: row.status,
    status_cause: row.status_cause,
    status_since: row.status_since,
    scopes: row.scopes,
    asked_scopes: row.asked_scopes,
    hosts: row.hosts,
    account: row.account_id === null && row.account_label === null ? null : { id: row.account_id, label: row.account_label },
    expires_at: row.expires_at,
    refresh_at: row.refresh_at,
    obtained_at: row.obtained_at,
    last_used_at: row.last_used_at,
    last_error: row.last_error_code === null ? null : { code: row.last_error_code, at: row.last_error_at as Date },
    generation: row.generation,
    revision: row.revision,
    provider_revocation: row.provider_revocation,
    rotation: rotation
      ? { state: rotation.state, cause: rotation.cause, started_at: rotation.started_at, retire_at: rotation.retire_at }
      : null,
    used_by: users.map(({ grant_id, agent_id, agent_label }) => ({ grant_id, agent_id, agent_label })),
    default_of: holders.map(({ holder }) => holder),
    created_by: row.created_by,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}
