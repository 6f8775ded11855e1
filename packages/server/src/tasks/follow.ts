// What happened to tasks, as it happens (T30) and afterwards: streams and the record of one task, read from the events. Adds nothing to them and holds no content.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { type Event, listEvents } from '../events/event.ts'
import { followEvents, onceBack, startOf } from '../events/stream.ts'
import { reach } from '../identity/matrix.ts'
import type { TasksHouse } from './house.ts'
import { seeTask } from './look.ts'
import { isPerson, personOf, within } from './person.ts'
import { EVERY, findReached, ofAgent } from './sql.ts'

export type TaskEvent = { id: string; type: string; occurred_at: string; task_id: string; data: Record<string, unknown> }

const spoken = (event: Event): TaskEvent => ({
  id: event.id,
  type: event.type,
  occurred_at: event.occurred_at,
  task_id: event.resource?.id ?? '',
  data: event.data,
})

/** From after `lastEventId`, or from now on; ends with the signal. Throws before the first event what the caller may not see. */
export async function followTask(house: TasksHouse, scope: Scope, id: string, lastEventId: string | undefined) {
  await tx(house.db, scope, (t) => seeTask(t, scope, id, 'task.stream'), { readOnly: true })
  const after = await startOf(house, scope, lastEventId)
  return async function* (signal: AbortSignal): AsyncGenerator<TaskEvent> {
    for await (const event of followEvents(house, scope, { filter: { resource: id, type: 'task.*' }, after, signal }))
      if (isFor(scope, event)) yield spoken(event)
  }
}

/** What people say among themselves is no event for an agent, nor for whoever sits in a page of its side (T52). */
const isFor = (scope: Scope, { data }: Event): boolean =>
  data.audience !== 'humans' || (isPerson(scope) && scope.guest?.channel !== 'embed')

export type StreamFilter = { type?: string; agent_id?: string }

/** All tasks that the caller reaches; each event is held against the rows, so that a stream tells nobody of another's task (T18). */
export async function followTasks(house: TasksHouse, scope: Scope, filter: StreamFilter, lastEventId: string | undefined) {
  const after = await startOf(house, scope, lastEventId)
  const { type = 'task.*', agent_id } = filter
  if (!type.startsWith('task.')) {
    const errors = [{ path: 'type', code: 'unknown_event_type', message: 'This stream has the types task.* only.' }]
    throw new Problem('validation_failed', { errors })
  }
  return async function* (signal: AbortSignal): AsyncGenerator<TaskEvent> {
    for await (const event of followEvents(house, scope, { filter: { type }, after, signal })) {
      const one = spoken(event)
      if (one.task_id === '' || !isFor(scope, event)) continue
      if (await onceBack(house.db.clock, signal, () => reaches(house, scope, one.task_id, agent_id))) yield one
    }
  }
}

async function reaches(house: TasksHouse, scope: Scope, id: string, agentId: string | undefined): Promise<boolean> {
  if (reach(scope, 'task.stream') === 'any' && agentId === undefined) return true
  return tx(
    house.db,
    scope,
    async (t) => {
      const reached = within(scope, 'task.stream', await personOf(t, scope))
      const wanted = agentId === undefined ? EVERY : ofAgent(agentId)
      return (await findReached(t, scope, id, [reached, wanted])) !== null
    },
    { readOnly: true },
  )
}

/** The record of one task, oldest first, with who did what. Addresses and seal positions are `task.audit`'s alone. */
export async function readRecord(house: TasksHouse, scope: Scope, id: string, page: { limit: number; cursor?: string }) {
  await tx(house.db, scope, (t) => seeTask(t, scope, id, 'task.timeline'), { readOnly: true })
  const { data, next_cursor } = await listEvents(house, scope, { resource: id, ...page })
  const all = reach(scope, 'task.audit') === 'any'
  const shown = data
    .filter((event) => isFor(scope, event))
    .map((event) => ({
      id: event.id,
      type: event.type,
      occurred_at: event.occurred_at,
      actor: {
        type: event.actor.type,
        id: event.actor.id,
        ...(event.actor.assurance ? { assurance: event.actor.assurance } : {}),
        ...(all && event.actor.session_id ? { session_id: event.actor.session_id } : {}),
        ...(all && event.actor.key_id ? { key_id: event.actor.key_id } : {}),
      },
      channel: channelOf(event),
      data: event.data,
      ...(event.before ? { before: event.before } : {}),
      ...(event.after ? { after: event.after } : {}),
      seq: (all && event.seq) || null,
      request_id: all ? event.request_id : null,
    }))
  return { data: shown, next_cursor }
}

/** As the event tells it, else by what proved who acted. */
function channelOf({ actor, data }: Event): string | null {
  if (typeof data.channel === 'string') return data.channel
  if (actor.session_id) return 'dashboard'
  return actor.key_id || actor.type === 'agent' || actor.type === 'key' ? 'api' : null
}
