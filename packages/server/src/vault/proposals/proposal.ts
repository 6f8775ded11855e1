// An agent asks people for a new connection (V15): which provider, for what. At most 20 of its proposals wait, grants among them; the same again joins the one that
// waits; after seven days without an answer it is over. Whoever accepts it, narrowed where they say so, begins an authorization of their own and goes on by its link.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { ownOnly } from '../../identity/agent.ts'
import { newId } from '../../std/id.ts'
import { methodOf, type StartInput, startAuthorization, withoutDerived } from '../authorizations/start.ts'
import { actOnProvider } from '../connections/act.ts'
import { checkedName } from '../connections/store.ts'
import { countProposals, lockProposals } from '../grants/sql.ts'
import type { VaultHouse } from '../house.ts'
import { invalid } from '../problem.ts'
import { providerOf } from '../providers/catalogue.ts'
import type { Method } from '../providers/definition.ts'
import { readParams } from '../providers/params.ts'
import {
  findConnectionProposal,
  findOpenProposal,
  insertProposal,
  listConnectionProposals,
  moveProposalIf,
  type ProposalRow,
  type ProposalStatus,
} from './sql.ts'

type NewProposal = {
  provider: string
  method?: Method
  name?: string
  shared?: boolean
  scopes?: string[]
  params?: Record<string, string>
  reason: string
}
/** What a person says otherwise. */
type Narrowed = Omit<Partial<NewProposal>, 'provider' | 'reason'>

/** The job that asks and then looks for the answer; its payload is `{ proposal_id }`. */
export const FOLLOW_CONNECTION = 'connection.follow'
const MOST_OPEN = 20
const WAITS_MS = 7 * 86_400_000

/** `joined`: told when the same waits already, and is answered. */
export async function proposeConnection(
  house: VaultHouse,
  scope: Scope,
  input: NewProposal,
  joined: () => void,
): Promise<ProposalRow> {
  if (scope.actor.type !== 'agent' || scope.agentId === null)
    throw new Problem('forbidden', { detail: 'An agent proposes, with its own key; people connect by POST /authorizations.' })
  const agentId = scope.agentId
  const name = checkedName(input.name ?? 'default')
  const { shared = false, scopes = [], params = {}, reason } = input
  const provider = await tx(house.db, scope, (t) => readProvider(house, t, scope, input), { readOnly: true })
  const wish = { provider: provider.name, method: input.method ?? null, connection_name: name, shared, scopes, params }
  const { name: judged, kind } = provider.definition
  const act = actOnProvider(
    'connection.create',
    scope,
    { name: judged, kind, bundled: provider.bundled },
    { method: input.method ?? provider.method, scopes, body: { act: 'propose', ...wish, reason } },
  )
  return house.countersign(scope, act, async (t) => {
    const digest = sha256(canonical({ agent: agentId, ...wish, scopes: [...scopes].sort() }))
    await lockProposals(t, scope, agentId)
    const open = await findOpenProposal(t, scope, digest)
    if (open) {
      joined()
      return open
    }
    if ((await countProposals(t, scope, agentId)).n >= MOST_OPEN) throw new Problem('too_many_open', { limit: MOST_OPEN })
    const id = newId('prp', t.now.getTime())
    await insertProposal(t, scope, {
      ...{ ...wish, id, agent_id: agentId, reason, digest },
      expires_at: new Date(t.now.getTime() + WAITS_MS),
    })
    const row = await findOrThrow(t, scope, id)
    await tellProposal(t, scope, 'connection.proposed', row)
    await enqueue(t, { kind: FOLLOW_CONNECTION, tenantId: scope.tenantId, payload: { proposal_id: id } })
    return row
  })
}

async function readProvider(house: VaultHouse, t: Tx, scope: Scope, { provider: name, method, params = {} }: NewProposal) {
  const provider = await providerOf(house, t, scope, name)
  if (!provider) throw new Problem('not_found', { detail: 'There is no provider of this name.' })
  const chosen = methodOf(provider.definition.methods, method, false)
  readParams(withoutDerived(provider.definition), params)
  return { ...provider, method: chosen }
}

export const tellProposal = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `connection.propos${string}`>,
  row: ProposalRow,
  cause?: string,
): Promise<string> =>
  record(
    t,
    scope,
    type,
    {
      ...{
        proposal_id: row.id,
        agent_id: row.agent_id,
        provider: row.provider,
        method: row.method,
        connection_name: row.connection_name,
      },
      ...(cause === undefined ? {} : { cause }),
    },
    { resource: { type: 'connection_proposal', id: row.id } },
  )

async function findOrThrow(t: Tx, scope: Scope, id: string): Promise<ProposalRow> {
  const row = await findConnectionProposal(t, scope, id, { user: null, agent: null })
  if (!row) throw new Error(`Proposal ${id} is not there.`)
  return row
}

async function seeProposal(t: Tx, scope: Scope, id: string, action: string): Promise<ProposalRow> {
  const row = await findConnectionProposal(t, scope, id, ownOnly(scope, action))
  if (!row) throw new Problem('not_found')
  return row
}

export const getProposal = (house: VaultHouse, scope: Scope, id: string): Promise<ProposalRow> =>
  tx(house.db, scope, (t) => seeProposal(t, scope, id, 'grant.read'), { readOnly: true })

export async function listProposals(
  house: VaultHouse,
  scope: Scope,
  query: { status?: ProposalStatus; agent_id?: string; limit: number; cursor?: string },
) {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /connection-proposals', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listConnectionProposals(t, scope, filter, ownOnly(scope, 'grant.read'), before, limit + 1)
      return pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
    },
    { readOnly: true },
  )
}

/** Whoever accepts connects: the link is theirs, and so is what comes of it. Again while it is accepted and nothing came of it: a link lives for minutes. */
export async function acceptProposal(house: VaultHouse, scope: Scope, id: string, narrowed: Narrowed) {
  const { beforeCommit: _, ...quiet } = scope
  const row = await tx(house.db, scope, (t) => seeProposal(t, scope, id, 'grant.decide'), { readOnly: true })
  refuseOver(row)
  const authorization = await startAuthorization(house, quiet, inputOf(row, narrowed), { askedBy: row.agent_id })
  const link = await tx(house.db, scope, async (t) => {
    const to = { status: 'accepted', by: scope.userId, authorizationId: authorization.authorization_id } as const
    if ((await moveProposalIf(t, scope, id, ['proposed', 'accepted'], to)) === 0) refuseOver(await findOrThrow(t, scope, id))
    const after = await findOrThrow(t, scope, id)
    if (row.status === 'proposed') await tellProposal(t, scope, 'connection.proposal_accepted', after)
    return authorization
  })
  await house.proposals.withdraw(scope, row)
  return link
}

function refuseOver(row: ProposalRow): void {
  if ((row.status !== 'proposed' && row.status !== 'accepted') || row.connection_id !== null)
    throw new Problem('state_conflict', { state: row.status })
}

/** Less than what was asked for, or other places for it; more than that a person asks for themselves. */
function inputOf(row: ProposalRow, narrowed: Narrowed): StartInput {
  const wider = (narrowed.scopes ?? []).findIndex((one) => row.scopes.length > 0 && !row.scopes.includes(one))
  if (wider >= 0) throw invalid(`/scopes/${wider}`, 'wider', 'The agent did not ask for this scope.')
  const scopes = narrowed.scopes ?? row.scopes
  return {
    provider: row.provider,
    method: narrowed.method ?? row.method ?? undefined,
    name: narrowed.name ?? row.connection_name,
    shared: narrowed.shared ?? row.shared,
    params: { ...row.params, ...narrowed.params },
    ...(scopes.length > 0 ? { scopes: [...scopes] } : {}),
  }
}

export async function rejectProposal(
  house: VaultHouse,
  scope: Scope,
  id: string,
  reason: string | undefined,
): Promise<ProposalRow> {
  const row = await tx(house.db, scope, async (t) => {
    await seeProposal(t, scope, id, 'grant.decide')
    return endProposal(t, scope, id, { status: 'rejected', cause: reason ?? null, by: scope.userId })
  })
  await house.proposals.withdraw(scope, row)
  return row
}

export async function endProposal(
  t: Tx,
  scope: Scope,
  id: string,
  to: { status: 'rejected' | 'expired'; cause: string | null; by?: string | null },
): Promise<ProposalRow> {
  const ended = await moveProposalIf(t, scope, id, ['proposed'], to)
  const row = await findOrThrow(t, scope, id)
  if (ended === 0) throw new Problem('state_conflict', { state: row.status })
  // Why somebody refused is theirs to say, and stands in the row alone.
  await tellProposal(t, scope, 'connection.proposal_rejected', row, to.status)
  return row
}

export const systemOf = (tenantId: string): Scope => systemScope('vault', tenantId)
