// What the end of its task means for a connection request (relay.md C3–C5, R76): deciding the task is the approve route, from whatever channel, and all of it is one transaction. Of all
// who come at once one decides; the others are told how. Nobody of the asking side decides anything here (R78).
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ActEnd, HeldActs } from '../../tasks/asks/held.ts'
import { openContents } from '../../tasks/content.ts'
import { EVERY, findTask, type TaskRow } from '../../tasks/sql.ts'
import { expireIn } from '../grants/end.ts'
import { openGrant } from '../grants/grant.ts'
import { showGrant } from '../grants/show.ts'
import { endNow, findActiveBetween, findCard, type GrantRow, setScopes } from '../grants/sql.ts'
import { narrowed, type Terms, termErrors, widerErrors } from '../grants/terms.ts'
import { mintToken } from '../grants/token.ts'
import type { RelayHouse } from '../house.ts'
import { RELAY_SCOPES } from '../party.ts'
import { findThread } from '../threads/sql.ts'
import { type Deciding, deciding } from './deciding.ts'
import { tellRequest } from './request.ts'
import { readTerms } from './shapes.ts'
import { callerOf, showRequest } from './show.ts'
import {
  escalateIfPending,
  findRequest,
  isOfAskingSide,
  issueIfNot,
  type RequestRow,
  type Settling,
  setGrant,
  settleIfPending,
} from './sql.ts'
import { endWaiting, letIn, withoutStart } from './with-message.ts'

export const requestActs = (house: RelayHouse): HeldActs => ({
  // How long it waits and what silence means stands with the request; its task says which one.
  async waiting(t, scope, taskId) {
    const row = await requestOf(t, scope, taskId)
    return row?.state === 'pending'
      ? { on_timeout: row.on_timeout, escalated_at: row.escalated_at, opened_at: row.created_at, expires_at: row.expires_at }
      : null
  },
  async escalated(t, scope, taskId, until) {
    const row = await requestOf(t, scope, taskId)
    if (row) await escalateIfPending(t, scope, row.id, until)
  },
  settled: (t, scope, task, end) => settle(house, t, scope, task, end),
  async judgeEdit(t, scope, task, args) {
    const row = await findRequest(t, scope, task.origin_ref as string)
    if (row?.state !== 'pending') throw new Problem('task_not_open', { status: task.status })
    await refuseAskingSide(t, scope, row)
    await givenBy(t, scope, row, args)
    return task.quorum?.groups.reduce((sum, { need }) => sum + need, 0) ?? 1
  },
})

const requestOf = async (t: Tx, scope: Scope, taskId: string): Promise<RequestRow | null> => {
  const task = await findTask(t, scope, taskId, EVERY)
  return task?.origin_ref ? findRequest(t, scope, task.origin_ref) : null
}

async function settle(house: RelayHouse, t: Tx, caller: Scope, task: TaskRow, end: ActEnd): Promise<void> {
  const own = deciding.get(caller) ?? {}
  const scope: Scope = own.withdrawn ? caller : { ...caller, relaySide: 'owner' }
  const row = await findRequest(t, scope, task.origin_ref as string)
  if (!row) return
  if (end === 'agreed') return approve(house, t, scope, { row, task, own })
  if (end === 'refused') await refuseAskingSide(t, scope, row)
  const to = endingOf(end, own, scope, await saidIn(house, t, scope, task))
  const settled = await settleIfPending(t, scope, row.id, { ...to, until: task.deadline_at })
  if (!settled) {
    if (end === 'refused') throw await decidedAlready(t, scope, row.id)
    return
  }
  await tellRequest(
    house,
    t,
    scope,
    `connection_request.${to.state}`,
    settled,
    to.noteVisible && to.note ? { has_note: true } : {},
  )
  await endWaiting(house, t, scope, settled, to.state, own.end)
  own.reply = {
    connection_request: showRequest(house, settled, own.withdrawn ? 'caller' : 'owner'),
    relay_grant: null,
    expires_at: null,
  }
}

type Said = { type?: string; args?: Record<string, unknown>; reason?: string } | null
const saidIn = async (house: RelayHouse, t: Tx, scope: Scope, task: TaskRow): Promise<Said> =>
  (await openContents(house.tasks, t, scope, [task.id])).task(task).response as Said

type End = Settling & { state: 'denied' | 'withdrawn' | 'expired' }

function endingOf(end: ActEnd, own: Deciding, scope: Scope, said: Said): End {
  if (end === 'expired') return { state: 'expired', by: null }
  if (own.withdrawn) return { state: 'withdrawn', by: scope.actor.id }
  // A question that the owner's people took back is answered by no.
  const note = own.note ?? said?.reason ?? null
  return { state: 'denied', by: scope.actor.id, note, noteVisible: own.noteVisible ?? false }
}

type Approving = { row: RequestRow; task: TaskRow; own: Deciding }

async function approve(house: RelayHouse, t: Tx, scope: Scope, { row, task, own }: Approving): Promise<void> {
  await refuseAskingSide(t, scope, row)
  const said = await saidIn(house, t, scope, task)
  const agreed = said?.type === 'edit' && said.args ? await givenBy(t, scope, row, said.args) : row.asked
  // Of a message, only that one unless somebody says more.
  const only = said?.type === 'edit' && said.args?.lasting === true ? null : row.thread_id
  const given = only === null ? agreed : { ...agreed, scopes: withoutStart(agreed.scopes) }
  // For one thread its agent's own key will do.
  const issue = only === null ? (own.issue ?? 'on_collect') : 'on_collect'
  const settled = await settleIfPending(t, scope, row.id, {
    ...{ state: 'approved', by: scope.actor.id, given, issue, note: own.note ?? null, noteVisible: own.noteVisible ?? false },
    until: task.deadline_at,
  })
  if (!settled) throw await decidedAlready(t, scope, row.id)
  const opened = await grantFor(house, t, scope, settled, given, only)
  let approved = await setGrant(t, scope, row.id, opened.id)
  await tellRequest(house, t, scope, 'connection_request.approved', approved, { relay_grant_id: opened.id, issue })
  const grant = row.thread_id === null ? opened : await letFirstIn(house, t, scope, approved, given)
  const minted = issue === 'on_approve' ? await mintToken(t, scope, grant) : null
  if (minted) approved = (await issueIfNot(t, scope, row.id)) ?? approved
  own.reply = {
    connection_request: showRequest(house, approved, 'owner'),
    relay_grant: await showGrant(t, scope, grant, 'owner'),
    ...(minted ? { relay_token: minted.token } : {}),
    expires_at: grant.expires_at,
  }
}

/** It is opened for the start that was agreed to, and gives what was given from then on. */
async function letFirstIn(house: RelayHouse, t: Tx, scope: Scope, row: RequestRow, given: Terms): Promise<GrantRow> {
  const grantId = row.opens_grant_id as string
  await setScopes(t, scope, grantId, RELAY_SCOPES)
  await letIn(house, t, scope, row)
  const grant = await setScopes(t, scope, grantId, given.scopes)
  // Refused after all: nothing is left that it would be for.
  if (grant.only_thread === null || (await findThread(t, scope, grant.only_thread))) return grant
  await endNow(t, scope, grantId)
  return (await expireIn(house, t, scope, grantId)) ?? grant
}

async function grantFor(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  row: RequestRow,
  given: Terms,
  only: string | null,
): Promise<GrantRow> {
  const card = await findCard(t, scope, { id: row.card_id })
  if (!card || card.state === 'retired')
    throw new Problem('state_conflict', { state: 'retired', detail: 'The card is out of use.' })
  const before = await findActiveBetween(t, scope, row.card_id, row.asker_agent)
  if (before && !(await expireIn(house, t, scope, before.id)))
    throw new Problem('state_conflict', { state: 'approved', detail: `The two are connected already, by ${before.id}.` })
  const how = row.opens_grant_id === null ? {} : { id: row.opens_grant_id, only_thread: only }
  return openGrant(t, scope, card, given, { ...callerOf(row), ...how })
}

/** Less than what was asked, in any place; more in none. */
async function givenBy(t: Tx, scope: Scope, row: RequestRow, args: unknown): Promise<Terms> {
  const card = await findCard(t, scope, { id: row.card_id })
  const read = readTerms(args)
  const given = 'terms' in read ? narrowed(row.asked, read.terms) : null
  const errors =
    given === null
      ? (read as { errors: never[] }).errors
      : [...termErrors(given, card?.skills ?? []), ...widerErrors(row.asked, given)]
  if (given === null || errors.length > 0)
    throw new Problem('edited_action_denied', { errors: errors.map((one) => ({ ...one, path: `/args${one.path}` })) })
  return given
}

/** Whoever belongs to both tenants speaks for the other one. */
export async function refuseAskingSide(t: Tx, scope: Scope, row: Pick<RequestRow, 'asker_tenant' | 'tenant_id'>): Promise<void> {
  if (row.asker_tenant === row.tenant_id || scope.userId === null) return
  if ((await isOfAskingSide(t, row.asker_tenant, scope.userId)).is) throw new Problem('separation_of_duties')
}

export async function decidedAlready(t: Tx, scope: Scope, id: string): Promise<Problem> {
  const row = await findRequest(t, scope, id)
  return new Problem('request_already_decided', { state: row?.state === 'pending' ? 'expired' : (row?.state ?? 'expired') })
}
