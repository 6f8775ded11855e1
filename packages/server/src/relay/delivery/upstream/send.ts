// The request that takes a message to an agent that answers elsewhere, and what a failure of it says (relay.md R44, R45, T6, T7): not sent, refused, or nobody knows. Only what was not
// sent is sent again by itself.
import type { SendMessageResult, StreamResponse } from '@a2a-js/sdk'
import { isJsonRpcError, isRestError } from '@a2a-js/sdk/errors'
import { type Outcome, snooze } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { callerProof } from '../../../crypto/caller-proof.ts'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { signingKey } from '../../../events/audit/keys.ts'
import { changeThread } from '../../threads/change.ts'
import { acknowledge, exhaust } from '../../threads/claim.ts'
import { openPayloads, type Payload } from '../../threads/payload.ts'
import { requeueMessage } from '../../threads/sql.ts'
import { claimsOf } from '../caller.ts'
import type { DeliveryHouse } from '../house.ts'
import { findSending } from '../sql.ts'
import { type Opened, openClient, Unreached } from './client.ts'
import { faultOf } from './fault.ts'
import { followTask, readStream } from './follow.ts'
import { pauseUpstream, refreshCard } from './pause.ts'
import { PAUSED, type Plan, settle } from './plan.ts'
import { moveStage } from './sql.ts'
import { failThread, hear, tellInvalid } from './tell.ts'
import { messageFor, nameOf } from './words.ts'

/** Before attempt 2, 3 …, as for deliveries. */
const DELAYS_S = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] as const

/** Sends it, and reads what comes as long as it comes. */
export async function send(house: DeliveryHouse, scope: Scope, plan: Plan, signal: AbortSignal): Promise<Outcome | undefined> {
  let opened: Opened | null = null
  try {
    opened = await openClient(house, scope.tenantId, plan.upstream)
    const request = plan.request ?? (await requestOf(house, scope, plan))
    const { client } = opened
    const serviceParameters = request.headers
    if (opened.isStreaming) {
      const heard = await readStream(house, scope, plan.call, signal, (own) =>
        client.sendMessageStream(request.body, { signal: own, serviceParameters }),
      )
      if (heard !== 'go_on') return undefined
      return (await hasTask(house, scope, plan)) ? snooze(0) : await unread(house, scope, plan)
    }
    const answer = await client.sendMessage(request.body, { signal, serviceParameters })
    const heard = await hear(house, scope, plan.call, streamed(answer))
    if (heard !== 'go_on') return undefined
    if (await hasTask(house, scope, plan)) return followTask(house, scope, { ...plan, taskId: null }, signal, 'later')
    return await unread(house, scope, plan)
  } catch (error) {
    // Whoever stops this process, or takes the job, finds in the row how far it came.
    if (await hasTask(house, scope, plan)) return snooze(error instanceof Problem ? HELD : 0)
    return await fateOf(house, scope, plan, opened, error)
  }
}

const hasTask = (house: DeliveryHouse, scope: Scope, { call }: Plan): Promise<boolean> =>
  tx(house.db, scope, async (t) => (await findSending(t, scope, call.messageId))?.stage === 'following')

/** A Task, or the one Message of an answer without: told apart by what each alone has. */
export const streamed = (answer: SendMessageResult): StreamResponse =>
  'messageId' in answer ? { payload: { $case: 'message', value: answer } } : { payload: { $case: 'task', value: answer } }

const requestOf = (house: DeliveryHouse, scope: Scope, plan: Plan): Promise<UpstreamRequest> =>
  tx(house.db, scope, async (t) => {
    const payload = (await openPayloads(house, t, scope, [plan.message])).get(plan.message.id)
    if (!payload) throw new Unreached('payload_expired')
    return requestIn(house, t, plan, payload)
  })

export type UpstreamRequest = Awaited<ReturnType<typeof requestIn>>
export async function requestIn(house: DeliveryHouse, t: Tx, plan: Omit<Plan, 'request'>, payload: Payload) {
  const { thread, message, upstream, contextId, taskId } = plan
  const said = messageFor(message, payload, { contextId, taskId })
  const at = { issuer: house.origin(), audience: upstream.origin, now: t.now }
  const proof = callerProof(await signingKey(house, t, 'relay-sign'), claimsOf(thread, message), at)
  return {
    body: {
      tenant: '',
      message: said.message,
      configuration: {
        acceptedOutputModes: thread.accepted_output_modes,
        taskPushNotificationConfig: undefined,
        returnImmediately: true,
      },
      metadata: undefined,
    },
    headers: {
      'Idempotency-Key': nameOf(message),
      'Countersign-Caller': proof,
      ...(said.extensions.length > 0 ? { 'A2A-Extensions': said.extensions.join(', ') } : {}),
    } as Record<string, string>,
  }
}

const BUSY = [429, 503]
const CLOSED = [401, 403]
const GONE = [404, 405, 410]

/** What a failure says of the message: not sent, refused, or nobody knows. */
async function fateOf(
  house: DeliveryHouse,
  scope: Scope,
  plan: Plan,
  opened: Opened | null,
  error: unknown,
): Promise<Outcome | undefined> {
  const status = opened?.wire.status ?? null
  if (error instanceof Unreached && error.failed === 'no_credential') return paused(house, scope, plan, 'credential_refused')
  if (!opened?.wire.wasWritten())
    return again(house, scope, plan, error instanceof Unreached ? error.failed : 'unreachable', null)
  if (status !== null && CLOSED.includes(status)) return paused(house, scope, plan, 'credential_refused')
  if (status !== null && BUSY.includes(status)) return again(house, scope, plan, 'status', status)
  if (isAnswer(error)) return refused(house, scope, plan)
  if (status !== null && GONE.includes(status)) {
    const why = await refreshCard(house, scope, plan.upstream, { force: true })
    return why ? paused(house, scope, plan, why) : again(house, scope, plan, 'status', status)
  }
  house.log.info({ ...faultOf(error), status, thread_id: plan.thread.id }, 'nobody knows whether an upstream has a message')
  return status !== null && status < 300 ? unread(house, scope, plan) : unknown()
}

const INTERNAL = -32_603
/** In the words of the protocol: it was read, and it was not done. Its inner errors say neither. */
const isAnswer = (error: unknown): boolean =>
  (isJsonRpcError(error) && (error as { envelopeCode: number }).envelopeCode !== INTERNAL) || isRestAnswer(error)
const isRestAnswer = (error: unknown): boolean => {
  if (!isRestError(error)) return false
  const { reason } = error as unknown as { reason?: string }
  return reason !== undefined && reason !== 'INTERNAL_ERROR'
}

/** T6, or T7 after the last. */
export const again = (house: DeliveryHouse, scope: Scope, plan: Plan, failed: string, status: number | null) =>
  settle(house, scope, plan, async (t, thread) => {
    const { call, message, sending } = plan
    const delay = DELAYS_S[sending.tries - 1]
    const at = delay === undefined ? null : new Date(t.now.getTime() + delay * 1_000)
    const told = {
      type: 'delivery.failed' as const,
      data: { message_id: message.id, attempt: sending.tries, class: failed, status, next_attempt_at: at?.toISOString() ?? null },
    }
    await requeueMessage(t, scope, message.id, { state: 'queued', at, reason: failed })
    await moveStage(t, scope, message.id, { stage: at ? 'waiting' : 'done' })
    const now = await changeThread(house, t, scope, thread, call.card, { state: 'queued', claimedUntil: null }, [told])
    if (at) return snooze(at)
    await exhaust(house, t, scope, call.card, now, message, 'attempts_exhausted')
    return undefined
  })

/** An answer before it waits for people: what came since is looked at again. */
const HELD = '5s'
const REFUSED = 'The agent refused the message.'

const refused = (house: DeliveryHouse, scope: Scope, plan: Plan) =>
  settle(house, scope, plan, async (t, thread) => {
    await moveStage(t, scope, plan.message.id, { stage: 'done' })
    await acknowledge(house, t, scope, plan.call.card, thread, plan.message, 'a2a')
    await failThread(house, t, scope, plan.call, REFUSED)
    return undefined
  })

/** It stays as it is, and the next run looks for it. */
const FIRST_LOOK = '2s'
const unknown = () => snooze(FIRST_LOOK)

/** It answered, and what it said is no answer: that says nothing of what it did (§10). */
async function unread(house: DeliveryHouse, scope: Scope, { call }: Plan): Promise<Outcome> {
  await tx(house.db, scope, (t) => tellInvalid(t, scope, call))
  return unknown()
}

/** The message waits until a person has looked. */
export async function paused(house: DeliveryHouse, scope: Scope, plan: Plan, reason: string): Promise<Outcome | undefined> {
  await pauseUpstream(house, scope, plan.call.card, reason)
  return settle(house, scope, plan, async (t, thread) => {
    const { call, message } = plan
    await requeueMessage(t, scope, message.id, { state: 'queued', at: null, reason })
    await moveStage(t, scope, message.id, { stage: 'waiting' })
    await changeThread(house, t, scope, thread, call.card, { state: 'queued', claimedUntil: null }, [
      { type: 'delivery.failed', data: { message_id: message.id, attempt: plan.sending.tries, class: reason } },
    ])
    return snooze(PAUSED)
  })
}
