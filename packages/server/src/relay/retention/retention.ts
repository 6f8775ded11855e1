// How long what agents said is kept (relay.md R108, R109): the key of a day is destroyed once the day is over, which makes all of it unreadable at once, in every backup too; then the
// rows lose their envelopes, and where a thread tells and what was sent of it goes with its last contents. Later the thread itself goes. A hold stops both, in the transaction of each step: of the whole tenant for all of it, else for what is held, which leaves the
// key of its day before that goes. Killed and run again it goes on.
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { eraseSubject } from '../../identity/keys-at-rest/erasure/erase.ts'
import { forgetTelling } from '../endpoints/endpoint.ts'
import { forgetHeldTelling } from '../held/end.ts'
import { clearHeld, findHeldTelling } from '../held/sql.ts'
import { heldSubject, keepHeld, leaveDay } from '../holds/hold.ts'
import { isHeld } from '../holds/sql.ts'
import type { RelayHouse } from '../house.ts'
import { changeThread } from '../threads/change.ts'
import { findCard, lockThread } from '../threads/sql.ts'
import {
  blankErrors,
  blankExpired,
  findDaysOver,
  findEmptyKeys,
  findExpired,
  findForgotten,
  findRequestsTelling,
  findTelling,
  findTenants,
  forgetThreads,
} from './sql.ts'

const BATCH = 200
/** As of a thread that has ended (R58). */
const ENVELOPE_DAYS = 400

/** Every tenant. Answers how many threads lost contents, and how many went. */
export async function expirePayloads(house: RelayHouse, signal?: AbortSignal): Promise<{ expired: number; forgotten: number }> {
  const done = { expired: 0, forgotten: 0 }
  for (let after: string | null = null; ; ) {
    const tenants = await tx(house.db, systemScope('retention'), (t) => findTenants(t, after), { readOnly: true })
    for (const { id } of tenants) {
      const scope = systemScope('retention', id)
      await keepHeld(house, id, signal)
      await destroyDays(house, scope, signal)
      await tx(house.db, scope, async (t) => {
        if (!(await isHeld(t, scope))) await clearHeld(t, scope, ENVELOPE_DAYS)
      })
      done.expired += await blank(house, scope, signal)
      await endTelling(house, scope, signal)
      await endTellingOfRest(house, scope, signal)
      done.forgotten += await forget(house, scope, signal)
    }
    const last = tenants.at(-1)
    if (!last) return done
    after = last.id
  }
}

async function destroyDays(house: RelayHouse, scope: Scope, signal?: AbortSignal): Promise<void> {
  const days = await tx(house.db, scope, (t) => findDaysOver(t, scope), { readOnly: true })
  for (const { subject } of days) {
    signal?.throwIfAborted()
    await tx(house.db, scope, async (t) => {
      if (await isHeld(t, scope)) return
      await leaveDay(house, t, scope, subject)
      await eraseSubject(t, scope, subject)
    })
  }
}

async function blank(house: RelayHouse, scope: Scope, signal?: AbortSignal): Promise<number> {
  for (let expired = 0; ; ) {
    const found = await tx(house.db, scope, (t) => findExpired(t, scope, BATCH), { readOnly: true })
    for (const { thread_id: id } of found) {
      signal?.throwIfAborted()
      const went = await tx(house.db, scope, async (t) => {
        if (await isHeld(t, scope)) return false
        const thread = await lockThread(t, scope, id)
        const card = thread && (await findCard(t, scope, { id: thread.card_id }))
        if (!thread || !card) return false
        const messages = await blankExpired(t, scope, id)
        // Somebody set a hold since it was found.
        if (messages === 0) return true
        for (const { subject } of await findEmptyKeys(t, scope, id)) await eraseSubject(t, scope, subject)
        await changeThread(house, t, scope, thread, card, {}, [{ type: 'payload.expired', data: { messages } }])
        await blankErrors(t, scope, [id])
        return true
      })
      // Held: what is left is left.
      if (!went) return expired
      expired++
    }
    if (found.length < BATCH) return expired
  }
}

/** Threads that have ended and hold no contents any more tell nobody any more, once what is on its way has arrived or is given up (R100). */
async function endTelling(house: RelayHouse, scope: Scope, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const ended = await tx(house.db, scope, async (t) => {
      if (await isHeld(t, scope)) return 0
      const found = await findTelling(t, scope, BATCH)
      for (const { id } of found) await forgetTelling(house, t, scope, id)
      return found.length
    })
    if (ended < BATCH) return
  }
}

/** What became of a request, or of a thread that never began, was told or given up; so long it can be sent again. */
const TELLS_DAYS = 30

async function endTellingOfRest(house: RelayHouse, scope: Scope, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const ended = await tx(house.db, scope, async (t) => {
      if (await isHeld(t, scope)) return 0
      const requests = await findRequestsTelling(t, scope, TELLS_DAYS, BATCH)
      for (const { id } of requests) await house.callbacks.remove(t, scope, { boundTo: id, side: 'caller' }, 'all')
      const held = await findHeldTelling(t, scope, TELLS_DAYS, BATCH)
      for (const one of held) await forgetHeldTelling(house, t, scope, one)
      return Math.max(requests.length, held.length)
    })
    if (ended < BATCH) return
  }
}

async function forget(house: RelayHouse, scope: Scope, signal?: AbortSignal): Promise<number> {
  for (let forgotten = 0; ; ) {
    signal?.throwIfAborted()
    const gone = await tx(house.db, scope, async (t) => {
      if (await isHeld(t, scope)) return []
      const found = await findForgotten(t, scope, BATCH)
      for (const { id, has_endpoints } of found) {
        if (has_endpoints) await forgetTelling(house, t, scope, id)
        for (const subject of [`thread:${id}`, heldSubject(id)]) await eraseSubject(t, scope, subject)
      }
      await forgetThreads(
        t,
        found.map(({ id }) => id),
      )
      return found
    })
    forgotten += gone.length
    if (gone.length < BATCH) return forgotten
  }
}
