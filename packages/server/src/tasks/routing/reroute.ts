// Giving an open task to others (T98, T99): because somebody says so, is away, or has left. Counted votes, comments and the key stay; the old and the new holder
// and the agent are told. Decides nothing and ends nothing.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { reach } from '../../identity/matrix.ts'
import { isId } from '../../std/id.ts'
import { type Asked, type Assignment, NOBODY, readAssignment, resolveAssignment } from '../assignment.ts'
import type { TasksHouse } from '../house.ts'
import { refusedBy } from '../judgement.ts'
import { seeTask, showWhole } from '../look.ts'
import { notify, rewriteNotices } from '../notices/notice.ts'
import { isEligible } from '../person.ts'
import { notOpen, taskTopic, whyNotOpen } from '../settle.ts'
import { EVERY, findTask, isFinal, type TaskRow } from '../sql.ts'
import { writeReason } from '../talk/reason.ts'
import type { Task } from '../wire.ts'
import { judgeAddresses } from './address.ts'
import { fallbackKeys } from './fallback.ts'
import { findAskedOf, findHeldBy, findIfHeldBy, rerouteIfOpen } from './held/sql.ts'
import { findDeactivated, findOwner, findPeopleAsked, findRouting, mayDecide } from './sql.ts'
import { handToFallback } from './unrouted.ts'

type Rerouting = { assignment: Assignment; assignTo: unknown; from: string | null; event: EventType; data: EventData }

async function reroute(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  asked: Asked,
  how: Rerouting,
): Promise<TaskRow | null> {
  const { pick: _, ...to } = asked
  const assign_to = how.assignTo === undefined ? null : JSON.stringify(how.assignment.form)
  const moved = await rerouteIfOpen(t, scope, row.id, { ...to, assign_to }, how.from)
  if (!moved) return null
  const resource = { resource: { type: 'task', id: row.id } }
  const data = { from_user_id: row.assigned_to_user_id, to_user_id: moved.assigned_to_user_id, agent_id: row.agent_id }
  await record(t, scope, how.event, { ...data, ...how.data }, resource)
  if (asked.unrouted) await record(t, scope, 'task.unrouted', { reason: 'nobody_matches', agent_id: row.agent_id }, resource)
  await rewriteNotices(t, scope, [row])
  await notify(house, t, scope, [moved], { purpose: 'asked', people: told(row, moved) })
  t.wake(taskTopic(row.id))
  return moved
}

/** Who was not asked before; a new holder in any case. */
const told = (before: TaskRow, now: TaskRow): string[] | undefined =>
  now.assigned_to_user_id !== null || now.assigned_to_email !== null
    ? undefined
    : now.asked.filter((key) => !before.asked.includes(key) || before.assigned_to_user_id !== null)

/** Those on whose side it is asked are not picked for it. */
async function askingSide(t: Tx, scope: Scope, row: TaskRow): Promise<string[]> {
  const owner = row.agent_id === null ? null : await findOwner(t, scope, row.agent_id)
  return [owner?.user_id, row.created_by, row.on_behalf_of].filter((id): id is string => isId('usr', id))
}

export type ReassignInput = { assign_to: unknown; reason: string }

/** By who runs the work; by the holder while the task is delegable. */
export async function reassignTask(house: TasksHouse, scope: Scope, id: string, input: ReassignInput): Promise<Task> {
  const assignment = readAssignment(input.assign_to)
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.reassign')
    if (isFinal(row.status)) throw notOpen(row)
    if (reach(scope, 'task.reassign') !== 'any') {
      if (!person || !isEligible(row, person)) throw new Problem('not_eligible')
      if (!row.delegable)
        throw new Problem('forbidden', { action: 'task.reassign', detail: 'This task may not be given to others.' })
    }
    const outside = assignment.folded.map((address) => ({ address, channel: 'email', path: '/assign_to' }))
    const refused = await judgeAddresses(house, t, scope, outside)
    if (refused) throw refusedBy(scope, refused.judged, refused.problem)
    const without = await askingSide(t, scope, row)
    const asked = await resolveAssignment(t, scope, assignment, {
      without,
      delegable: row.delegable,
      everyone: row.quorum !== null,
    })
    if (asked.unrouted && row.require_assignee) throw new Problem('no_eligible_human', { eligible: 0, need: 1 })
    const moved = await reroute(house, t, scope, row, asked, {
      ...{ assignment, assignTo: input.assign_to, from: null, event: 'task.reassigned' },
      data: {},
    })
    if (!moved) throw await whyNotOpen(t, scope, id)
    const now = await writeReason(house, t, scope, moved, person, input.reason)
    return showWhole(house, t, scope, now, null)
  })
}

/** `role`: they may decide nothing any more. */
export type Cause = 'away' | 'deactivated' | 'role'

/** What somebody has before them goes the way that it would go now: to who stands in, to another of the pool, or to the fallback pool. */
export async function rerouteAllOf(house: TasksHouse, tenantId: string, userId: string, because: Cause): Promise<void> {
  await rerouteHeld(house, tenantId, userId, because)
  // Whoever is away comes back to what they were asked with others.
  if (because !== 'away') await handOnAsked(house, tenantId, userId, because)
}

async function rerouteHeld(house: TasksHouse, tenantId: string, userId: string, because: Cause): Promise<void> {
  const scope = systemScope('routing', tenantId)
  for (;;) {
    const held = await tx(house.db, scope, async (t) => {
      const gone = await isGone(t, scope, userId)
      return gone ? await findHeldBy(t, scope, userId) : []
    })
    const movable = held.filter((row) => because !== 'away' || row.delegable)
    let moved = 0
    for (const { id } of movable) if (await tx(house.db, scope, (t) => moveOn(house, t, scope, id, userId, because))) moved++
    if (held.length < FULL_PAGE || moved === 0) return
  }
}

const FULL_PAGE = 500

async function isGone(t: Tx, scope: Scope, userId: string): Promise<boolean> {
  const [person] = await findPeopleAsked(t, scope, [userId])
  return !person || person.away || !mayDecide(person)
}

/** What they were asked and nobody holds stays with the others; where they were the last, the fallback pool has it. */
async function handOnAsked(house: TasksHouse, tenantId: string, userId: string, because: 'deactivated' | 'role'): Promise<void> {
  const scope = systemScope('routing', tenantId)
  for (let after: string | null = null; ; ) {
    const last: string | null = after
    const rows: TaskRow[] = await tx(house.db, scope, async (t) =>
      (await isGone(t, scope, userId)) ? findAskedOf(t, scope, userId, last) : [],
    )
    for (const { id } of rows)
      await tx(house.db, scope, async (t) => {
        const row = await findTask(t, scope, id, EVERY)
        if (!row || (await isAnybodyLeft(t, scope, row.asked))) return
        const handed = await handToFallback(t, scope, row, because)
        if (handed) await notify(house, t, scope, [handed.row], { purpose: 'asked', people: handed.asked })
      })
    if (rows.length < FULL_PAGE) return
    after = (rows.at(-1) as TaskRow).id
  }
}

/** Somebody here who may decide, or somebody outside. */
async function isAnybodyLeft(t: Tx, scope: Scope, asked: readonly string[]): Promise<boolean> {
  const people = await findPeopleAsked(t, scope, asked)
  if (people.some(mayDecide)) return true
  const known = new Set(people.flatMap(({ emails }) => emails))
  const addresses = asked.filter((key) => key.includes('@') && !known.has(key))
  const gone = addresses.length === 0 ? [] : (await findDeactivated(t, scope, addresses)).map(({ email }) => email)
  return asked.some((key) => key.startsWith('slack:')) || addresses.some((address) => !gone.includes(address))
}

async function moveOn(house: TasksHouse, t: Tx, scope: Scope, id: string, userId: string, because: Cause): Promise<boolean> {
  const row = await findIfHeldBy(t, scope, id, userId)
  if (!row) return false
  const without = [...(await askingSide(t, scope, row)), userId]
  const asked = await routedAnew(t, scope, row, without, because)
  const assignment = { form: row.assign_to, folded: [] }
  const event = asked.assigned_for_user_id === null ? 'task.reassigned' : 'task.delegated'
  const data = { because, ...(asked.assigned_for_user_id === null ? {} : { for_user_id: asked.assigned_for_user_id }) }
  return (await reroute(house, t, scope, row, asked, { assignment, assignTo: undefined, from: userId, event, data })) !== null
}

/** By the same form; where that would only find them again, by the fallback pool. */
async function routedAnew(t: Tx, scope: Scope, row: TaskRow, without: string[], because: Cause): Promise<Asked> {
  const settings = await findRouting(t, scope)
  const again = { settings, without, delegable: because === 'away' ? row.delegable : true }
  // Whoever claimed it gives it back to all who were asked.
  if (row.claimed_at !== null)
    return {
      ...NOBODY,
      asked: withFallback(
        row.asked.filter((key) => key !== without.at(-1)),
        settings,
      ),
      claim_seconds: row.claim_seconds,
    }
  const asked = await resolveAssignment(t, scope, { form: row.assign_to, folded: [] }, again)
  if (asked.assigned_to_user_id !== null && without.at(-1) === asked.assigned_to_user_id)
    return { ...NOBODY, asked: fallbackKeys(settings), unrouted: true }
  return asked
}

const withFallback = (asked: string[], settings: Parameters<typeof fallbackKeys>[0]): string[] =>
  asked.length > 0 ? asked : fallbackKeys(settings)
