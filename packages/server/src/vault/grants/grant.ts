// Grants: use of one connection without reading it (V12). People make, change, suspend and revoke them; what an agent proposes, people approve or reject.
// Gives nobody more than their own reach, and never extends to what its rules do not name.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { OutsideFirst, type Tx, tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { ownOnly } from '../../identity/agent.ts'
import { reach } from '../../identity/matrix.ts'
import { type Agent, findAgent } from '../../identity/sql.ts'
import { newId } from '../../std/id.ts'
import { actOnConnection } from '../connections/act.ts'
import { chooseConnection } from '../connections/default.ts'
import { definitionOf } from '../connections/definition.ts'
import { type ConnectionRow, findConnection } from '../connections/sql.ts'
import type { VaultHouse } from '../house.ts'
import { invalid, versionOf } from '../problem.ts'
import { tellGrant } from './end.ts'
import {
  findGrant,
  type GrantFilter,
  type GrantRow,
  type GrantStatus,
  grantMost,
  insertGrant,
  listGrants,
  lockGrant,
  moveGrantIf,
  type SeenGrants,
  type Terms,
  changeGrant as writeChange,
} from './sql.ts'
import { readTerms, type Wishes } from './terms.ts'

export type NewGrant = Wishes & {
  agent_id?: string
  agent_label?: string
  connection_id?: string
  provider?: string
  connection?: string
  reason?: string
}

export const seenGrants = (scope: Scope, action: string): SeenGrants => ownOnly(scope, action)

export async function listGrantsOf(house: VaultHouse, scope: Scope, query: GrantFilter & { limit: number; cursor?: string }) {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /grants', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listGrants(t, scope, filter, seenGrants(scope, 'grant.read'), before, limit + 1)
      return pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
    },
    { readOnly: true },
  )
}

export const getGrant = (house: VaultHouse, scope: Scope, id: string): Promise<GrantRow> =>
  tx(house.db, scope, (t) => seeGrant(t, scope, id, 'grant.read'), { readOnly: true })

export async function seeGrant(t: Tx, scope: Scope, id: string, action: string): Promise<GrantRow> {
  const row = await findGrant(t, scope, id, seenGrants(scope, action))
  if (!row) throw new Problem('not_found')
  return row
}

export const createGrant = (house: VaultHouse, scope: Scope, input: NewGrant): Promise<GrantRow> =>
  house.countersign(
    scope,
    async (t) => {
      const connection = await connectionFor(house, t, scope, input)
      return actOnConnection('grant.create', scope, connection, { body: input })
    },
    async (t) => {
      const connection = await connectionFor(house, t, scope, input)
      const agent = await granteeFor(t, scope, input)
      const wanted = await termsFor(t, scope, connection, input)
      const id = newId('grt', t.now.getTime())
      const row = await insertGrant(t, scope, {
        ...{ ...wanted, ...agent, id, connection_id: connection.id, status: 'active', reason: input.reason ?? '' },
        proposal_digest: null,
      })
      await tellGrant(t, scope, 'grant.created', row, { expires_at: row.expires_at.toISOString(), rules: row.rules.length })
      return row
    },
  )

/** What a caller may grant: within their reach, and not over. What is named and another's looks like what never was. */
export async function connectionFor(house: VaultHouse, t: Tx, scope: Scope, input: NewGrant): Promise<ConnectionRow> {
  const row = await namedConnection(house, t, scope, input)
  if (row.status === 'revoked') throw new Problem('state_conflict', { state: row.status, detail: 'This connection is over.' })
  return row
}

async function namedConnection({ db }: VaultHouse, t: Tx, scope: Scope, input: NewGrant): Promise<ConnectionRow> {
  const ownerId = reach(scope, 'grant.create') === 'any' ? null : scope.userId
  const missing = () => invalid('/connection_id', 'not_found', 'There is no such connection.')
  if (input.connection_id !== undefined) {
    if (input.provider !== undefined) throw invalid('/provider', 'unexpected', 'Name the connection, or its provider.')
    const row = await findConnection(t, scope, input.connection_id, { owner: null, agent: null })
    // An agent asks for what is its owner's or everybody's.
    const mine = row && (ownerId === null || row.owner === ownerId || (scope.actor.type === 'agent' && row.owner === null))
    if (!mine) throw missing()
    return row
  }
  if (input.provider === undefined) throw invalid('/connection_id', 'required', 'Name a connection, or a provider.')
  const agentId = input.agent_id ?? scope.agentId
  const wanted = { provider: input.provider, name: input.connection, agentId, ownerId: scope.userId }
  const chosen = await chooseConnection(t, scope, wanted)
  if (chosen === null || chosen === 'missing') {
    // What was cleared on the way is kept: this transaction is not.
    if (chosen === 'missing')
      throw new OutsideFirst(async () => {
        await tx(db, scope, (again) => chooseConnection(again, scope, wanted))
        throw new Problem('connection_missing', { provider: input.provider })
      })
    throw new Problem('connection_missing', { provider: input.provider })
  }
  if (ownerId !== null && chosen.owner !== ownerId && scope.actor.type !== 'agent') throw missing()
  return chosen
}

async function granteeFor(t: Tx, scope: Scope, { agent_id, agent_label }: NewGrant) {
  if ((agent_id === undefined) === (agent_label === undefined))
    throw invalid('/agent_id', 'required', 'Name one agent, or one label of agents.')
  if (agent_label !== undefined) {
    // Whoever has only their own agents would reach others by a word.
    if (reach(scope, 'grant.create') !== 'any') throw invalid('/agent_label', 'not_allowed', 'Name one of your agents.')
    return { agent_id: null, agent_label }
  }
  const agent = await findAgent(t, scope, agent_id as string, ownOnly(scope, 'grant.create'))
  if (!agent || agent.state === 'revoked') throw invalid('/agent_id', 'not_found', 'There is no such agent.')
  return { agent_id: (agent as Agent).id, agent_label: null }
}

export async function termsFor(
  t: Tx,
  scope: Scope,
  connection: ConnectionRow,
  wishes: Wishes,
  present?: GrantRow,
): Promise<Terms> {
  const definition = await definitionOf(t, scope, connection)
  if (!definition) throw new Problem('state_conflict', { detail: 'The definition of this provider is not there any more.' })
  const { seconds } = await grantMost(t, scope)
  return readTerms(wishes, {
    ...{ definition, params: connection.params, now: t.now, mostMs: seconds * 1_000 },
    ...(present ? { present } : {}),
  })
}

/** The row with its connection, locked, at the generation that the caller saw. */
async function lockSeen(t: Tx, scope: Scope, id: string, action: string, ifMatch: string | undefined) {
  const wanted = versionOf(ifMatch)
  const row = await lockGrant(t, scope, id, seenGrants(scope, action))
  if (!row) throw new Problem('not_found')
  if (wanted !== null && row.generation !== wanted) throw new Problem('version_conflict', { version: row.generation })
  const connection = await findConnection(t, scope, row.connection_id, { owner: null, agent: null })
  // Whose agent is granted something does not widen it: that is for whoever holds the connection.
  const owns = reach(scope, action) === 'any' || connection?.owner === scope.userId
  return { row, connection, owns }
}

const over = (row: GrantRow): Problem => new Problem('state_conflict', { state: row.status })

export const changeGrant = (house: VaultHouse, scope: Scope, id: string, wishes: Wishes, ifMatch?: string): Promise<GrantRow> => {
  if (Object.values(wishes).every((value) => value === undefined))
    throw invalid('', 'nothing_to_change', 'Send at least one thing to change.')
  return judged(house, scope, id, 'grant.create', wishes, async (t) => {
    const { row, connection, owns } = await lockSeen(t, scope, id, 'grant.decide', ifMatch)
    if (!owns || !connection) throw new Problem('forbidden', { action: 'grant.decide' })
    if (row.status !== 'active' && row.status !== 'suspended') throw over(row)
    const changed = await writeChange(t, scope, id, await termsFor(t, scope, connection, wishes, row))
    await tellGrant(t, scope, 'grant.changed', changed, { fields: Object.keys(wishes).sort() })
    return changed
  })
}

/** A proposed grant becomes active, narrowed where the person says so (V15); a suspended one holds again. */
export const approveGrant = (house: VaultHouse, scope: Scope, id: string, wishes: Wishes, ifMatch?: string): Promise<GrantRow> =>
  judged(house, scope, id, 'grant.create', wishes, async (t) => {
    const { row, connection, owns } = await lockSeen(t, scope, id, 'grant.decide', ifMatch)
    if (!owns || !connection) throw new Problem('forbidden', { action: 'grant.decide' })
    if (row.status !== 'proposed' && row.status !== 'suspended') throw over(row)
    if (connection.status === 'revoked' || connection.status === 'suspended')
      throw new Problem('state_conflict', { state: connection.status, detail: 'Its connection may not be used.' })
    return approveIn(t, scope, row, await termsFor(t, scope, connection, wishes, row))
  }).then(async (row) => {
    await house.proposals.withdraw(scope, row)
    return row
  })

export async function approveIn(t: Tx, scope: Scope, row: GrantRow, terms: Terms): Promise<GrantRow> {
  const approved = await moveGrantIf(t, scope, row.id, [row.status], { status: 'active', cause: null, terms })
  if (!approved) throw new Problem('state_conflict', { detail: 'The grant changed meanwhile.' })
  const data = { expires_at: approved.expires_at.toISOString(), rules: approved.rules.length }
  await tellGrant(t, scope, row.status === 'proposed' ? 'grant.created' : 'grant.confirmed', approved, data)
  return approved
}

type Ending = { from: readonly GrantStatus[]; to: GrantStatus; type: 'grant.rejected' | 'grant.suspended' | 'grant.revoked' }
const ENDINGS = {
  reject: { from: ['proposed'], to: 'rejected', type: 'grant.rejected' },
  suspend: { from: ['active'], to: 'suspended', type: 'grant.suspended' },
  revoke: { from: ['active', 'suspended', 'proposed'], to: 'revoked', type: 'grant.revoked' },
} as const satisfies Record<string, Ending>

/** Less is always allowed to whoever owns the agent or the connection. */
export const endGrant = async (
  house: VaultHouse,
  scope: Scope,
  id: string,
  how: keyof typeof ENDINGS,
  { reason }: { reason?: string },
  ifMatch?: string,
): Promise<GrantRow> => {
  const effect = async (t: Tx): Promise<GrantRow> => {
    const { row } = await lockSeen(t, scope, id, how === 'revoke' ? 'grant.revoke' : 'grant.decide', ifMatch)
    return endIn(t, scope, row, how, reason ?? null)
  }
  const row = how === 'revoke' ? await judged(house, scope, id, 'grant.revoke', {}, effect) : await tx(house.db, scope, effect)
  await house.proposals.withdraw(scope, row)
  return row
}

export async function endIn(
  t: Tx,
  scope: Scope,
  row: GrantRow,
  how: keyof typeof ENDINGS,
  reason: string | null,
): Promise<GrantRow> {
  const { from, to, type }: Ending = ENDINGS[how]
  const ended = await moveGrantIf(t, scope, row.id, from, { status: to, cause: reason })
  if (!ended) throw over(row)
  await tellGrant(t, scope, type, ended, {})
  return ended
}

/** Through the one decision path: policy may ask a second person before a grant comes to be or is taken back. */
const judged = (
  house: VaultHouse,
  scope: Scope,
  id: string,
  action: 'grant.create' | 'grant.revoke',
  body: Wishes,
  effect: (t: Tx) => Promise<GrantRow>,
): Promise<GrantRow> =>
  house.countersign(
    scope,
    async (t) => {
      const row = await seeGrant(t, scope, id, action === 'grant.create' ? 'grant.decide' : 'grant.revoke')
      const connection = await findConnection(t, scope, row.connection_id, { owner: null, agent: null })
      if (!connection) throw over(row)
      return actOnConnection(action, scope, connection, { body: { grant_id: id, ...body } })
    },
    effect,
  )
