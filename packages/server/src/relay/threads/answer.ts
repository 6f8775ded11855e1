// What a caller is answered (relay.md R57, R59): the 202 of the commit, and what came within the window that it was ready to wait.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded } from '../model.ts'
import type { Accepted } from './accept.ts'
import { mergeArtifacts, shown, untilMoved } from './read.ts'
import { linksOf, showThread, taskUrl } from './show.ts'
import { listMessages, type ThreadRow } from './sql.ts'
import { mintIn } from './token.ts'

const MOST = 1_000

/** `withToken`: a thread token of the caller's side rides on it. */
export async function showAccepted(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  { thread, message, card, approval: own }: Accepted,
  withToken: boolean,
) {
  const minted = withToken ? await mintIn(t, scope, thread, card, 'caller') : null
  const { state, context_id, approval } = showThread(thread, house.origin())
  return {
    thread_id: thread.id,
    message_id: message.id,
    // What its own side holds back has no number yet.
    sequence: message.home === undefined ? (message.sequence as number | null) : null,
    state,
    context_id,
    operation_id: message.operation_id,
    payload_hash: message.payload_hash,
    expires_at: message.expires_at?.toISOString() ?? null,
    approval: own ? { ...own, url: taskUrl(house.origin(), own.task_id) } : approval,
    links: linksOf(house.origin(), thread),
    ...(minted ? { thread_access_token: minted.thread_access_token, thread_access_token_expires_at: minted.expires_at } : {}),
  }
}

const isAnswered = (row: ThreadRow, after: number): boolean =>
  row.sequence > after && (isEnded(row.state) || row.state === 'responded' || row.state === 'waiting_caller')

/** Null: nothing came in time. Holds no connection while it waits; a caller that hangs up loses nothing. */
export async function answerInTime(
  house: RelayHouse,
  scope: Scope,
  accepted: { thread_id: string; sequence: number | null },
  ms: number,
  signal: AbortSignal,
) {
  const after = accepted.sequence ?? 0
  const row = await untilMoved(house, scope, accepted.thread_id, (one) => isAnswered(one, after), ms, signal)
  if (!isAnswered(row, after)) return null
  return tx(
    house.db,
    scope,
    async (t) => {
      const rows = (await listMessages(t, scope, row.id, after, MOST, ['message', 'artifact'])).filter(
        (one) => one.side === 'owner',
      )
      const messages = await shown(house, t, scope, rows)
      const said = messages.findLast((one) => one.kind === 'message')
      const response = {
        outcome: said?.outcome ?? null,
        state: row.state,
        parts: said?.parts ?? [],
        artifacts: mergeArtifacts(messages.filter((one) => one.kind === 'artifact')),
      }
      return { state: row.state, response, events_after: row.sequence }
    },
    { readOnly: true },
  )
}
