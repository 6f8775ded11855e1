// Where whoever asks for a connection wants to be told what became of it (relay.md §3, R54, R61, R66, R117): an endpoint that lies with the request, under the same rules as those of
// threads. A secret is in the one answer that made it. Of the owner's people, and of a note that is not meant for the asking side, it tells nothing.
import type { Scope, Tx } from '../../db/tx.ts'
import { prepareCallback } from '../endpoints/endpoint.ts'
import type { CallbackWishes, PreparedCallback } from '../endpoints/house.ts'
import { judgeSubscribe } from '../endpoints/judge.ts'
import { refuseScopeless } from '../endpoints/with-message.ts'
import type { RelayHouse } from '../house.ts'
import { showRequest } from './show.ts'
import type { RequestRow } from './sql.ts'

/** `told`: what the asker is answered, once it is put. */
export type Telling = { wanted: PreparedCallback; told: { endpoint_id: string; secret?: string } | null }

export const ENDS = ['approved', 'denied', 'withdrawn', 'expired'] as const
export type RequestEnd = `connection_request.${(typeof ENDS)[number]}`

const DAY_MS = 86_400_000
/** It holds no contents, so it needs no day of theirs. */
const KEPT_DAYS = 30

/** Asks the network, and the asking side's own policies, so it comes before the transaction. */
export async function prepareTelling(
  house: RelayHouse,
  scope: Scope,
  to: { agentId: string; slug: string },
  wishes: CallbackWishes | undefined,
): Promise<Telling | null> {
  if (wishes === undefined) return null
  refuseScopeless(scope)
  const asker: Scope = { ...scope, actor: { type: 'agent', id: to.agentId }, relayFrom: scope.tenantId, relayParty: undefined }
  await judgeSubscribe(house, asker, to.slug, wishes.url)
  return { wanted: await prepareCallback(house, asker, wishes, '/callback', { about: 'request' }), told: null }
}

/** With the request itself. */
export async function putTelling(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  row: RequestRow,
  telling: Telling | null,
): Promise<void> {
  if (!telling) return
  const place = { boundTo: row.id, side: 'caller' as const, relayGrantId: row.id }
  const { endpoint, secret } = await house.callbacks.put(t, scope, place, telling.wanted)
  telling.told = { endpoint_id: endpoint.id, ...(secret === null ? {} : { secret }) }
}

/** `eventId`: of the event on the owner's record. */
export async function tellEnd(house: RelayHouse, t: Tx, scope: Scope, type: RequestEnd, eventId: string, row: RequestRow) {
  const day = new Date(t.now.getTime() + KEPT_DAYS * DAY_MS).toISOString().slice(0, 10)
  await house.callbacks.deliver(t, scope, {
    ...{ eventId, type, side: 'caller', subjects: [row.id], key: row.id, relayGrantId: row.id, sealedUnder: `relay_day:${day}` },
    data: (form) => bodyOf(house, row, form),
  })
}

function bodyOf(house: RelayHouse, row: RequestRow, form: 'full' | 'thin') {
  const { id, agent, state, asker, given, relay_grant_id, issue, thread_id, note, decided_at } = showRequest(house, row, 'caller')
  const at = `${house.origin()}/api/v1/connection-requests/${id}`
  const isHanded = state === 'approved' && issue === 'on_collect'
  return {
    agent,
    connection_request: {
      ...{ id, state, asker, relay_grant_id, issue, thread_id, decided_at },
      ...(form === 'full' ? { given, note } : {}),
    },
    links: { connection_request: at, ...(isHanded ? { collect: `${at}/collect` } : {}) },
  }
}
