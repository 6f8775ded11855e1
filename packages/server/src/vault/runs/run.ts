// Runs: one bounded execution of an agent, with a token of its own that is shown once and kept as a hash (V21, V22). Opened by the agent or by the person who owns
// it, never by another run; ended by whoever may, by time, or by a heart that stopped (V23).
import { Problem } from '@countersign/sdk'
import { mintKey, sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { ownOnly } from '../../identity/agent.ts'
import { reach } from '../../identity/matrix.ts'
import { type Agent, findAgent } from '../../identity/sql.ts'
import { newId } from '../../std/id.ts'
import { type Usable, usable } from '../connections/choose.ts'
import type { VaultHouse } from '../house.ts'
import { invalid } from '../problem.ts'
import { authorityOfRun, authorityOfTenant } from './authority.ts'
import { pinnedNames } from './pins.ts'
import {
  type AuthorityRow,
  endRunIfLive,
  eraseAuthorityOfRun,
  findRun,
  insertRun,
  listRuns,
  type RunFilter,
  type RunRow,
  runsToEnd,
} from './sql.ts'

export type NewRun = {
  agent_id?: string
  purpose: string
  labels?: string[]
  ttl_seconds?: number
  mode?: 'enforce' | 'learn'
  connections?: Record<string, string>
  wait_seconds?: number
  ca?: 'run' | 'tenant'
  pin_hosts?: boolean
}

const EIGHT_HOURS = 8 * 3_600

export type Run = ReturnType<typeof showRun>

export const openRun = (house: VaultHouse, scope: Scope, input: NewRun) =>
  tx(house.db, scope, async (t) => {
    const agent = await agentOf(t, scope, input.agent_id)
    // Unmatched hosts pass in this mode (V96): a person answers for that, and no agent gives it to itself.
    if (input.mode === 'learn' && reach(scope, 'grant.decide') === 'none')
      throw new Problem('forbidden', { action: 'grant.create', detail: 'A run that learns is opened by a person who may grant.' })
    const id = newId('run', t.now.getTime())
    const most = house.runMaxSeconds
    if ((input.ttl_seconds ?? 0) > most) throw invalid('/ttl_seconds', 'too_long', `A run lasts at most ${most} seconds here.`)
    const expiresAt = new Date(t.now.getTime() + (input.ttl_seconds ?? Math.min(EIGHT_HOURS, most)) * 1_000)
    const can = await usable(t, scope, agent.id)
    const authority = await authorityFor(house, t, scope, { id, expiresAt, input, can })
    const chosen = chosenOf(can, input.connections ?? {})
    const token = mintKey(agent.environment, 'prx')
    const row = await insertRun(t, scope, {
      ...{ id, agent_id: agent.id, environment: agent.environment, purpose: input.purpose.trim() },
      ...{ labels: [...new Set(input.labels)].sort(), mode: input.mode ?? 'enforce', chosen },
      ...{ wait_seconds: input.wait_seconds ?? null },
      ...{ proof: scope.proof ? 'dpop' : scope.actor.type === 'agent' ? 'key' : 'user', authority_id: authority.id },
      ...{ client_address: scope.address ?? null, expires_at: expiresAt, token_hash: sha256(token) },
    })
    const data = {
      ...{ run_id: id, agent_id: agent.id, mode: row.mode, proof: row.proof, thumbprint: scope.proof?.thumbprint },
      expires_at: expiresAt.toISOString(),
    }
    await record(t, scope, 'run.started', data, { resource: { type: 'run', id } })
    return {
      run: showRun(row, t.now),
      token,
      proxy_url: house.proxyUrl,
      ca_pem: authority.certificate,
      env: envOf(can, chosen),
    }
  })

async function agentOf(t: Tx, scope: Scope, wanted: string | undefined): Promise<Agent> {
  const id = wanted ?? scope.agentId
  if (!id) throw invalid('/agent_id', 'required', 'Name the agent that runs.')
  const agent = await findAgent(t, scope, id, ownOnly(scope, 'run.create'))
  // Also who may do everything runs no agent of somebody else.
  const isOwn = scope.actor.type === 'agent' ? agent?.id === scope.agentId : agent?.owner_user_id === scope.userId
  if (!agent || !isOwn) throw invalid('/agent_id', 'not_found', 'You have no such agent.')
  if (agent.state !== 'active') throw new Problem('state_conflict', { state: agent.state, detail: 'The agent does not run now.' })
  return agent
}

async function authorityFor(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  { id, expiresAt, input, can }: { id: string; expiresAt: Date; input: NewRun; can: readonly Usable[] },
): Promise<AuthorityRow> {
  if (input.ca === 'tenant') {
    if (input.pin_hosts) throw invalid('/pin_hosts', 'not_own', 'Only an authority of the run’s own can be kept to names.')
    return authorityOfTenant(house, t, scope)
  }
  if (!input.pin_hosts) return authorityOfRun(house, t, scope, id, expiresAt)
  const names = pinnedNames(can)
  if (names.length === 0)
    throw invalid('/pin_hosts', 'no_names', 'The agent may use no connection yet, so there are no names to keep to.')
  return authorityOfRun(house, t, scope, id, expiresAt, names)
}

/** By provider: the name or the id of a connection that this agent may use. */
function chosenOf(can: readonly Usable[], wanted: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted).map(([provider, name]) => {
      const found = can.filter(({ connection: one }) => one.provider === provider && (one.name === name || one.id === name))
      if (found.length === 1) return [provider, (found[0] as Usable).connection.id]
      const message =
        found.length === 0 ? `The agent may use no such connection; ${named(can)}.` : 'Several fit: name it by its id.'
      throw invalid(`/connections/${provider}`, found.length === 0 ? 'not_found' : 'ambiguous', message)
    }),
  )
}

const NAMED = 20

/** Whoever opens a run may know what it may use: its own routes say the same. */
function named(can: readonly Usable[]): string {
  const names = can.map(({ connection: { provider, name } }) => `${provider}=${name}`)
  if (names.length === 0) return 'it may use none yet'
  return `it may use ${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ' and others' : ''}`
}

/** Variables for the child, each with a placeholder: no secret is among them. */
export function envOf(can: readonly Usable[], chosen: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {}
  // What was chosen is written last, over what shares its variables.
  const order = [...can].sort((a, b) => Number(isChosen(a, chosen)) - Number(isChosen(b, chosen)))
  for (const { definition, placeholder } of order) for (const name of Object.keys(definition.env ?? {})) env[name] = placeholder
  return env
}

const isChosen = ({ connection }: Usable, chosen: Readonly<Record<string, string>>): boolean =>
  chosen[connection.provider] === connection.id

export async function listRunsOf(house: VaultHouse, scope: Scope, query: RunFilter & { limit: number; cursor?: string }) {
  const { limit, cursor, ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /runs', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listRuns(t, scope, filter, ownOnly(scope, 'run.read'), before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      return { ...page, data: page.data.map((row) => showRun(row, t.now)) }
    },
    { readOnly: true },
  )
}

export const getRun = (house: VaultHouse, scope: Scope, id: string): Promise<Run> =>
  tx(house.db, scope, async (t) => showRun(await seeRun(t, scope, id, 'run.read'), t.now), { readOnly: true })

async function seeRun(t: Tx, scope: Scope, id: string, action: string): Promise<RunRow> {
  const row = await findRun(t, scope, id, ownOnly(scope, action))
  if (!row) throw new Problem('not_found')
  return row
}

export const endRun = (house: VaultHouse, scope: Scope, id: string, reason: string): Promise<Run> =>
  tx(house.db, scope, async (t) => {
    await seeRun(t, scope, id, 'run.end')
    const ended = await endRunIn(house, t, scope, id, reason)
    if (!ended) throw new Problem('run_ended', { run_id: id })
    return showRun(ended, t.now)
  })

/** Null: it ended before. Whoever holds its sockets hears by the tenant's revision (V82). */
export async function endRunIn(
  { runEnds }: Pick<VaultHouse, 'runEnds'>,
  t: Tx,
  scope: Scope,
  id: string,
  reason: string,
): Promise<RunRow | null> {
  const row = await endRunIfLive(t, scope, id, reason)
  if (!row) return null
  await eraseAuthorityOfRun(t, scope, id)
  for (const end of runEnds) await end(t, scope, id)
  await record(t, scope, 'run.ended', { run_id: id, agent_id: row.agent_id, reason }, { resource: { type: 'run', id } })
  return row
}

const AT_ONCE = 500

/** Runs that are over and did not say so. Answers how many ended. */
export async function sweepRuns(house: Pick<VaultHouse, 'db' | 'runEnds'>): Promise<number> {
  let ended = 0
  for (;;) {
    const due = await tx(house.db, systemScope('vault'), (t) => runsToEnd(t, AT_ONCE), { readOnly: true })
    for (const { id, tenant_id, reason } of due) {
      const scope = systemScope('vault', tenant_id)
      if (await tx(house.db, scope, (t) => endRunIn(house, t, scope, id, reason))) ended += 1
    }
    if (due.length < AT_ONCE) return ended
  }
}

export const showRun = (row: RunRow, now: Date) => ({
  id: row.id,
  agent_id: row.agent_id,
  environment: row.environment,
  purpose: row.purpose,
  labels: row.labels,
  mode: row.mode,
  proof: row.proof,
  state: row.ended_at === null && row.expires_at > now ? ('live' as const) : ('ended' as const),
  connections: row.chosen,
  wait_seconds: row.wait_seconds,
  opened_by: row.opened_by,
  client_address: row.client_address,
  created_at: row.created_at,
  expires_at: row.expires_at,
  beat_at: row.beat_at,
  used_at: row.used_at,
  ended_at: row.ended_at,
  ended_reason: row.ended_reason,
})
