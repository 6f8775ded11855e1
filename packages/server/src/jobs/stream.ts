// Jobs as they change (§6.1 `/jobs/stream`): every state that a job of the tenant passes through at least once while connected, and from where a broken stream
// left off. Holds no database connection while it waits, and tells nobody of a job that is not theirs.
import { QueueError, type State, type Watched } from '@countersign/queue'
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { onceBack } from '../events/stream.ts'
import { openCursor, sealCursor } from '../http/cursor.ts'
import { findWithin } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { markWithin } from './own.ts'
import { look } from './problem.ts'

export type StreamFilter = { kind?: string; queue?: string; state?: State }
type Told = { id: string; event: 'job' | 'reset'; data: Omit<Watched, 'tenant_id' | 'cursor'> | Record<string, never> }

/** From after `lastEventId`, or from now on; ends with the signal, or with `reset` when the engine has gone on too far to tell what was missed. */
export function followJobs(house: JobsHouse, scope: Scope, filter: StreamFilter, lastEventId: string | undefined) {
  const { keyring, queue, db } = house
  const place = { tenantId: scope.tenantId, route: 'GET /jobs/stream', filter: { filter, by: scope.principal } }
  const after = lastEventId === undefined ? undefined : openCursor<string>(keyring, place, lastEventId, db.clock.now())
  const seal = lastOnly((cursor) => sealCursor(keyring, place, cursor, db.clock.now()))
  const { kind, queue: name, state } = filter
  const wanted = { kind, queue: name, states: state && [state] }
  // A look is not the request's: what its transaction returns is no reply to store.
  const own: Scope = { ...scope, beforeCommit: undefined }
  const through = {
    query: (text: string, values?: unknown[]) => tx(db, own, (t) => t.query(text, values)),
  }
  return async function* (signal: AbortSignal): AsyncGenerator<Told> {
    try {
      for await (const { cursor, tenant_id: _, ...passed } of queue.watch(wanted, { after, signal, through }))
        if (await onceBack(db.clock, signal, () => isOwn(house, own, passed.id)))
          yield { id: seal(cursor), event: 'job', data: passed }
    } catch (error) {
      if (!(error instanceof QueueError && error.code === 'validation_failed')) throw error
      yield { id: '', event: 'reset', data: {} }
    }
  }
}

async function isOwn(house: JobsHouse, scope: Scope, id: string): Promise<boolean> {
  const mark = markWithin(scope, 'job.read')
  return mark === null || (await look(house, scope, (t) => findWithin(house, t, id, mark))) !== null
}

/** The same cursor comes many times in a row. */
function lastOnly(make: (text: string) => string): (text: string) => string {
  let last: { text: string; made: string } | undefined
  return (text) => {
    if (last?.text !== text) last = { text, made: make(text) }
    return last.made
  }
}
