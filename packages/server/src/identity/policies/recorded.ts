// What decisions were asked, so that a draft can be judged by what really happened (P69). A request stands in an envelope under the tenant's key; of text that
// whoever asks wrote, only what the sets in force read is in it. The newest 10,000 of a tenant are kept.
import { openText, type Place, sealText } from '../../crypto/seal.ts'
import type { Db, Scope, Tx } from '../../db/tx.ts'
import { type Request, readsText } from '../../policy/decide.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { type KeyHouse, tenantKey } from '../keys-at-rest/tenant-key.ts'
import type { Judged, PolicyHouse } from './judge.ts'
import { type DecisionRow, insertDecisions, pruneDecisions } from './sql.ts'

export const MOST_DECISIONS = 10_000
/** Of equal questions that are allowed, one a minute and process stands for all: they would say the same to a draft. */
const ONCE_MS = 60_000
const MOST_REMEMBERED = 10_000
const ONE_OF_MANY = ['task.decide', 'thread.send', 'thread.respond']

const remembered = new WeakMap<Db, Map<string, number>>()

const place = (scope: Scope, row: string): Place => ({
  tenant: tenantWire(scope.tenantId),
  table: 'policy_decisions',
  column: 'request',
  row,
})

type RecordHouse = KeyHouse & PolicyHouse

/** In the transaction of the decision; an act that is rolled back leaves none. */
export async function keepDecisions(house: RecordHouse, t: Tx, scope: Scope, judged: readonly Judged[]): Promise<void> {
  const worth = judged.filter((one) => isWorthKeeping(house, t, scope, one))
  if (worth.length === 0) return
  const key = await tenantKey(house, t, scope)
  await insertDecisions(
    t,
    scope,
    worth.map(({ request, outcome }) => {
      const id = newId('req', t.now.getTime())
      const kept = JSON.stringify(redacted(house, scope, request, outcome.policy_version))
      return {
        id,
        action: request.action,
        outcome: outcome.outcome,
        reason: outcome.reason,
        policy_version: outcome.policy_version,
        policy_ids: outcome.policy_ids,
        request: sealText(key, place(scope, id), kept),
      }
    }),
  )
}

function isWorthKeeping({ db }: RecordHouse, t: Tx, scope: Scope, { request, outcome }: Judged): boolean {
  if (outcome.outcome !== 'allow') return true
  const seen = remembered.get(db) ?? new Map<string, number>()
  remembered.set(db, seen)
  const { principal, action, resource, context } = request
  // What a message is like is what is said of it, not how many there were before it.
  const { content: _, body_sha256: __, payload_hash: ___, sequence: ____, relay_grant: under, ...said } = context
  // Each task is decided once, and each thread goes on by itself: those that are alike in all that was said of them stand for one another.
  const about = ONE_OF_MANY.includes(action) ? null : resource
  const grant = (under as { id: string } | undefined)?.id
  const name = JSON.stringify([scope.tenantId, principal, action, about, said, grant, outcome.policy_version])
  const last = seen.get(name)
  const now = t.now.getTime()
  if (last !== undefined && now - last < ONCE_MS && now >= last) return false
  t.afterCommit(() => {
    if (seen.size >= MOST_REMEMBERED) seen.delete(seen.keys().next().value as string)
    seen.set(name, now)
  })
  return true
}

/** Text of whoever asks is left out where no policy reads it: it decided nothing. */
function redacted(house: RecordHouse, scope: Scope, request: Request, version: number): Request {
  const sets = house.policies.kept.get(`${scope.tenantId} ${version}`)
  if (request.context.content === undefined || !sets || readsText(sets)) return request
  const { content: _, ...context } = request.context
  return { ...request, context, partial: true }
}

export async function openDecision(house: RecordHouse, t: Tx, scope: Scope, row: DecisionRow): Promise<Request> {
  const key = await tenantKey(house, t, scope)
  const request = JSON.parse(openText(key, place(scope, row.id), row.request)) as Request & { at: string }
  return { ...request, at: new Date(request.at) }
}

export const pruneOldDecisions = (t: Tx) => pruneDecisions(t, MOST_DECISIONS)
