// Holds (relay.md R109): what is held is neither erased nor does it expire, until an owner lifts the hold. Held messages are sealed anew under a key of their own thread, because
// the key of their day goes for everybody at once.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { openText, sealText } from '../../crypto/seal.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { subjectKey, subjectKeys } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantUuid } from '../../std/id.ts'
import type { RelayHouse } from '../house.ts'
import { payloadPlace } from '../threads/payload.ts'
import {
  deleteHold,
  findUnderDays,
  type HeldMessage,
  lockHolds,
  moveHeld,
  ownsThing,
  putHold,
  putTenantHold,
  restoreTimes,
} from './sql.ts'

export const KEEP_HELD = 'relay.keep_held'
const BATCH = 200

export const heldSubject = (threadId: string): string => `held:${threadId}`
type Hold = { id: string; subject: 'tenant' | 'card' | 'relay_grant' | 'thread'; reason: string | null; held: true }

const SUBJECTS = { ten: 'tenant', card: 'card', rgr: 'relay_grant', thr: 'thread' } as const
export const subjectOfId = (id: string) => SUBJECTS[id.slice(0, id.indexOf('_')) as keyof typeof SUBJECTS]

/** Again with the same reason changes nothing. */
export const setHold = (house: RelayHouse, scope: Scope, id: string, reason: string | null): Promise<Hold> =>
  tx(house.db, scope, async (t) => {
    await lockHolds(t, scope)
    const subject = subjectOfId(id)
    if (subject === 'tenant') {
      if (tenantUuid(id) !== scope.tenantId) throw new Problem('not_found')
      await putTenantHold(t, scope, t.now, reason)
    } else {
      if (!(await ownsThing(t, scope, id))) throw new Problem('not_found')
      await putHold(t, scope, id, reason)
      await enqueue(t, { kind: KEEP_HELD, tenantId: scope.tenantId, payload: {} })
    }
    await tell(t, scope, id, true)
    return { id, subject, reason, held: true }
  })

/** What time has passed for meanwhile is over at once. */
export const liftHold = (house: RelayHouse, scope: Scope, id: string): Promise<void> =>
  tx(house.db, scope, async (t) => {
    await lockHolds(t, scope)
    if (subjectOfId(id) === 'tenant') {
      if (tenantUuid(id) !== scope.tenantId) throw new Problem('not_found')
      await putTenantHold(t, scope, null, null)
    } else {
      if ((await deleteHold(t, scope, id)) === 0) throw new Problem('not_found')
      await restoreTimes(t, scope)
    }
    await tell(t, scope, id, false)
  })

const tell = (t: Tx, scope: Scope, id: string, held: boolean): Promise<string> =>
  record(
    t,
    scope,
    'hold.changed',
    { subject: subjectOfId(id), subject_id: id, held },
    { resource: { type: subjectOfId(id), id } },
  )

/** Every message of the tenant that is held and lies under the key of a day. Answers how many. */
export async function keepHeld(house: RelayHouse, tenantId: string, signal?: AbortSignal): Promise<number> {
  const scope = systemScope('retention', tenantId)
  for (let kept = 0; ; ) {
    signal?.throwIfAborted()
    const moved = await tx(house.db, scope, (t) => moveBatch(house, t, scope, null))
    kept += moved
    if (moved < BATCH) return kept
  }
}

/** In the transaction in which the key of this day is to go: what is held leaves it first. */
export async function leaveDay(house: RelayHouse, t: Tx, scope: Scope, day: string): Promise<void> {
  while ((await moveBatch(house, t, scope, day)) === BATCH);
}

async function moveBatch(house: RelayHouse, t: Tx, scope: Scope, day: string | null): Promise<number> {
  const rows = await findUnderDays(t, scope, day, BATCH)
  const keys = await subjectKeys(house, t, scope, [...new Set(rows.map((row) => row.subject as string))])
  let moved = 0
  for (const row of rows) {
    const from = keys.get(row.subject as string)
    if (!from) continue
    await move(house, t, scope, row, openText(from, payloadPlace(scope, row.id), row.payload as Buffer))
    moved++
  }
  return moved
}

async function move(house: RelayHouse, t: Tx, scope: Scope, row: HeldMessage, text: string): Promise<void> {
  const subject = heldSubject(row.thread_id)
  const key = await subjectKey(house, t, scope, subject)
  await moveHeld(t, scope, row.id, subject, sealText(key, payloadPlace(scope, row.id), text))
}
