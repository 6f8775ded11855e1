// Break-glass (P12): the one door into a tenant for a host. Asked with a reason, opened by an owner's answer to a task there or, when no owner answers in
// 15 minutes, by another host's answer to a task of theirs, for half an hour at most, to read. Nobody opens their own request, there is no other way to decide one
// than such a task, and what is read stands in the tenant's record.
import { enqueueMany } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { newId, tenantUuid, tenantWire } from '../../std/id.ts'
import type { IdentityHouse } from '../house.ts'
import { recordEnd } from '../session.ts'
import { findMembership } from '../sql.ts'
import {
  type BreakGlassRow,
  closeIfOpen,
  endIfAsked,
  endSessionsOfRequest,
  findRequest,
  findSettings,
  insertRequestIfNone,
  isHost,
  listOtherHosts,
  listOwners,
  listRequests,
  listTenantRequests,
  lockRequest,
  openIfAsked,
  refuseIfAsked,
  setTaskOfRequest,
} from './sql.ts'
import { hostScopeIn } from './tenant.ts'

/** Tasks are a room above this one; main hands in the part of it that is needed. */
export type Questions = {
  /** Asked once per key, however often it is called. */
  ask(scope: Scope, question: { key: string; request: BreakGlassRow; owners: string[] }): Promise<{ id: string }>
  /** Of one other host, in a tenant of theirs. Null: there they cannot be asked. */
  askHost(scope: Scope, question: { key: string; request: BreakGlassRow; hostId: string }): Promise<{ id: string } | null>
  /** What was asked under this key; null when nothing was. */
  known(scope: Scope, key: string): Promise<{ id: string } | null>
  look(scope: Scope, taskId: string): Promise<{ status: string; approved: boolean; by: string | null; at: Date | null }>
  cancel(scope: Scope, taskId: string, reason: string): Promise<void>
}
export type BreakGlassHouse = IdentityHouse & { questions: Questions }
export type Request = BreakGlassRow

const OWNERS_FIRST_MS = 15 * 60_000
const PATIENCE_MS = 24 * 3_600_000

const shown = (row: BreakGlassRow): Request => ({ ...row, tenant_id: tenantWire(row.tenant_id) })

const told = (t: Tx, scope: Scope, type: EventType, row: { id: string }, data: EventData) =>
  record(t, scope, type, { break_glass_id: row.id, ...data }, { resource: { type: 'break_glass', id: row.id } })

export async function requestBreakGlass(
  house: BreakGlassHouse,
  scope: Scope,
  input: { tenant_id: string; reason: string; minutes?: number },
): Promise<Request> {
  const uuid = tenantUuid(input.tenant_id)
  if (!uuid) throw new Problem('not_found')
  const there = hostScopeIn(scope, uuid)
  const id = await tx(house.db, there, async (t) => {
    const settings = await findSettings(t, there)
    if (!settings || settings.state === 'erased') throw new Problem('not_found')
    const membership = await findMembership(t, there, scope.userId as string)
    if (membership && !membership.deactivated_at)
      throw new Problem('state_conflict', { detail: 'You are in this tenant yourself: switch to it.' })
    const made = newId('bgl', t.now.getTime())
    const [hostsFrom, expiresAt] = [OWNERS_FIRST_MS, PATIENCE_MS].map((ms) => new Date(t.now.getTime() + ms)) as [Date, Date]
    const { reason, minutes = 30 } = input
    const row = { id: made, hostId: scope.userId as string, reason, minutes, hostsFrom, expiresAt }
    if ((await insertRequestIfNone(t, there, row)) === 0)
      throw new Problem('state_conflict', { detail: 'You have asked this tenant already.' })
    await told(t, there, 'break_glass.asked', row, { host_id: row.hostId, minutes, hosts_from: hostsFrom })
    await enqueueMany(t, [{ kind: 'break_glass.follow', tenantId: uuid, payload: { break_glass_id: made } }])
    return made
  })
  await followRequest(house, uuid, id)
  return readRequest(house, scope, id)
}

export const listHostRequests = (
  house: BreakGlassHouse,
  scope: Scope,
  page: { from: string | null; limit: number },
): Promise<Request[]> =>
  tx(house.db, scope, async (t) => (await listRequests(t, { before: page.from, only: null, limit: page.limit })).map(shown), {
    readOnly: true,
  })

const rawRequest = async (house: BreakGlassHouse, scope: Scope, id: string): Promise<BreakGlassRow> => {
  const [row] = await tx(house.db, scope, (t) => listRequests(t, { before: null, only: id, limit: 1 }), { readOnly: true })
  if (!row) throw new Problem('not_found')
  return row
}

/** As it stands now: an answer that was given a moment ago counts. */
export async function readRequest(house: BreakGlassHouse, scope: Scope, id: string): Promise<Request> {
  const row = await rawRequest(house, scope, id)
  if (row.state !== 'asked' && row.state !== 'open') return shown(row)
  await followRequest(house, row.tenant_id, id)
  return shown(await rawRequest(house, scope, id))
}

/** The one who asked takes it back or leaves; another host ends it. */
export async function closeRequest(house: BreakGlassHouse, scope: Scope, id: string): Promise<Request> {
  const row = await rawRequest(house, scope, id)
  const there = hostScopeIn(scope, row.tenant_id)
  const isMine = row.host_id === scope.userId
  await tx(house.db, there, async (t) => {
    await lockRequest(t, there, id)
    if ((await endIfAsked(t, there, id, 'withdrawn')) === 1) await told(t, there, 'break_glass.refused', row, { to: 'withdrawn' })
    else await close(t, there, id, isMine ? 'left' : 'ended_by_host')
  })
  if (row.state === 'asked')
    await cancelQuestions(house, row, await hostsOf(house, row, 'known'), 'The host took the request back.')
  return shown(await rawRequest(house, scope, id))
}

export const listOwnRequests = (
  house: IdentityHouse,
  scope: Scope,
  page: { from: string | null; limit: number },
): Promise<Request[]> =>
  tx(house.db, scope, async (t) => (await listTenantRequests(t, scope, { before: page.from, limit: page.limit })).map(shown), {
    readOnly: true,
  })

/** By the tenant itself, at once. */
export const endOwnRequest = (house: IdentityHouse, scope: Scope, id: string): Promise<Request> =>
  tx(house.db, scope, async (t) => {
    await lockRequest(t, scope, id)
    const row = await findRequest(t, scope, id)
    if (!row) throw new Problem('not_found')
    if (row.state !== 'open') throw new Problem('state_conflict', { state: row.state })
    await close(t, scope, id, 'ended_by_owner')
    return shown((await findRequest(t, scope, id)) as BreakGlassRow)
  })

async function close(t: Tx, scope: Scope, id: string, reason: string): Promise<void> {
  if ((await closeIfOpen(t, scope, id, reason)) === 0) return
  for (const one of await endSessionsOfRequest(t, scope, id)) await recordEnd(t, scope, one.id, one.user_id, 'break_glass_closed')
  await told(t, scope, 'break_glass.closed', { id }, { reason })
}

type Verdict = { approved: boolean; by: string; as: 'owner' | 'host' | null; at: Date }

async function settle(t: Tx, scope: Scope, row: BreakGlassRow, { approved, by, as, at }: Verdict): Promise<void> {
  const who: Scope = { ...scope, principal: by, actor: { type: 'user', id: by }, userId: by }
  if (!approved || as === null) {
    await refuseIfAsked(t, who, row.id, { at, by, as })
    await told(t, who, 'break_glass.refused', row, { to: 'refused', decided_as: as })
    return
  }
  const endsAt = new Date(at.getTime() + row.minutes * 60_000)
  await openIfAsked(t, who, row.id, { at, by, as, endsAt })
  const owners = (await listOwners(t, scope)).map((one) => one.user_id)
  await told(t, who, 'break_glass.opened', row, { host_id: row.host_id, decided_as: as, ends_at: endsAt, owners })
}

export type Next = { state: BreakGlassRow['state']; lookAt: Date | null }

/** Brings a request to where it stands by now: the tasks asked, their answers acted upon, the door shut when its time is over. May be called by anybody at any time. */
export async function followRequest(house: BreakGlassHouse, tenantId: string, id: string): Promise<Next> {
  const scope = systemScope('break-glass', tenantId)
  const seen = await tx(
    house.db,
    scope,
    async (t) => ({ row: await findRequest(t, scope, id), owners: await listOwners(t, scope), now: t.now }),
    { readOnly: true },
  )
  if (!seen.row) return { state: 'withdrawn', lookAt: null }
  const isAsked = seen.row.state === 'asked'
  const taskId = isAsked ? (seen.row.task_id ?? (await askOwners(house, scope, seen.row, seen.owners))) : null
  const owners = taskId ? await house.questions.look(scope, taskId) : null
  const isTurn = seen.now >= seen.row.hosts_from && seen.now < seen.row.expires_at
  const hosts = isAsked ? await hostsOf(house, seen.row, isTurn ? 'ask' : 'known') : []
  const said = await Promise.all(hosts.map(async (one) => ({ ...one, ...(await house.questions.look(one.scope, one.taskId)) })))
  const next = await tx(house.db, scope, async (t) => {
    await lockRequest(t, scope, id)
    const row = (await findRequest(t, scope, id)) as BreakGlassRow
    if (row.state === 'asked' && owners) await act(t, scope, row, owners, said)
    const now = (await findRequest(t, scope, id)) as BreakGlassRow
    if (now.state === 'open' && (now.ends_at as Date) <= t.now) await close(t, scope, id, 'time')
    const { state, ends_at } = (await findRequest(t, scope, id)) as BreakGlassRow
    return { state, lookAt: state === 'asked' ? new Date(t.now.getTime() + 15_000) : state === 'open' ? ends_at : null }
  })
  if (isAsked && next.state !== 'asked')
    await cancelQuestions(house, { ...seen.row, task_id: taskId }, hosts, 'Somebody else decided, or it is too late.')
  return next
}

type AskedHost = { hostId: string; scope: Scope; taskId: string }

/** Every other host, each by a task in a tenant of their own; an owner of this one is asked as such. A task that is there is not made again. */
async function hostsOf(house: BreakGlassHouse, request: BreakGlassRow, which: 'ask' | 'known'): Promise<AskedHost[]> {
  const here = systemScope('break-glass', request.tenant_id)
  const found = await tx(house.db, here, (t) => listOtherHosts(t, here, request.host_id), { readOnly: true })
  const asked: AskedHost[] = []
  for (const { user_id: hostId, tenant_id } of found) {
    const scope = systemScope('break-glass', tenant_id)
    const key = `break_glass:${request.id}:${hostId}`
    const known = await house.questions.known(scope, key)
    const task = known ?? (which === 'ask' ? await house.questions.askHost(scope, { key, request, hostId }) : null)
    if (task) asked.push({ hostId, scope, taskId: task.id })
  }
  return asked
}

async function cancelQuestions(
  house: BreakGlassHouse,
  { tenant_id, task_id }: Pick<BreakGlassRow, 'tenant_id' | 'task_id'>,
  hosts: readonly AskedHost[],
  reason: string,
): Promise<void> {
  if (task_id) await house.questions.cancel(systemScope('break-glass', tenant_id), task_id, reason)
  for (const { scope, taskId } of hosts) await house.questions.cancel(scope, taskId, reason)
}

async function askOwners(
  house: BreakGlassHouse,
  scope: Scope,
  request: BreakGlassRow,
  owners: { email: string | null }[],
): Promise<string> {
  const emails = owners.flatMap((one) => (one.email ? [one.email] : []))
  const { id } = await house.questions.ask(scope, { key: `break_glass:${request.id}`, request, owners: emails })
  await tx(house.db, scope, (t) => setTaskOfRequest(t, scope, request.id, id))
  return id
}

type Answer = Awaited<ReturnType<Questions['look']>>

async function act(
  t: Tx,
  scope: Scope,
  row: BreakGlassRow,
  owners: Answer,
  hosts: readonly (Answer & { hostId: string })[],
): Promise<void> {
  const stillHost = (await isHost(t, row.host_id)).yes
  const { status, approved, by, at } = owners
  if (status === 'completed' && by && at) {
    const membership = await findMembership(t, scope, by)
    // Somebody may answer a task who is no owner; that lets nobody in.
    const isOwner = membership?.role === 'owner' && !membership.deactivated_at && by !== row.host_id
    return settle(t, scope, row, { approved: approved && stillHost, by, as: isOwner ? 'owner' : null, at })
  }
  const second = hosts.find((one) => one.status === 'completed' && one.by && one.at)
  if (second?.by && second.at) {
    // The very host who was asked, and not the one who asks; whoever else runs the work there lets nobody in.
    const isSecond = second.by === second.hostId && second.by !== row.host_id && (await isHost(t, second.by)).yes
    const verdict = {
      approved: second.approved && stillHost,
      by: second.by,
      as: isSecond ? ('host' as const) : null,
      at: second.at,
    }
    return settle(t, scope, row, verdict)
  }
  if (row.expires_at <= t.now || ['timed_out', 'cancelled', 'verification_exhausted'].includes(status)) {
    await endIfAsked(t, scope, row.id, 'expired')
    await told(t, scope, 'break_glass.refused', row, { to: 'expired' })
  }
}

const MOST_IDS = 200

/** Before the answer leaves: what it shows, by id. A page that cannot be recorded is not shown. */
export async function recordLook(
  house: Pick<IdentityHouse, 'db'>,
  scope: Scope,
  route: { method: string; path: string },
  params: Record<string, unknown>,
  result: unknown,
): Promise<void> {
  const id = scope.breakGlass?.id
  if (!id || /^\/(auth\/)?me(\/|$)/.test(route.path)) return
  const all = [...Object.values(params).map(String), ...idsIn(result)]
  const objects = [...new Set(all)]
  const writing: Scope = {
    ...systemScope('break-glass', scope.tenantId),
    principal: scope.principal,
    actor: scope.actor,
    requestId: scope.requestId,
  }
  await tx(house.db, writing, (t) =>
    told(
      t,
      writing,
      'break_glass.read',
      { id },
      {
        route: `${route.method} ${route.path}`,
        objects: objects.slice(0, MOST_IDS),
        count: objects.length,
      },
    ),
  )
}

function idsIn(result: unknown): string[] {
  if (typeof result !== 'object' || result === null) return []
  const { id, data } = result as { id?: unknown; data?: unknown }
  const own = typeof id === 'string' ? [id] : []
  return Array.isArray(data) ? [...own, ...data.flatMap(idsIn)] : own
}
