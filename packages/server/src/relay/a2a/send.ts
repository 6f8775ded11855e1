// SendMessage (R50, R52, R92–R95): a start or a follow-up by the verbs of the native face, once for each idempotency key, and the wait for the turn to come back. The wait holds no
// connection, and a client that leaves loses nothing.
import { Problem, type ProblemCode } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { type Json, readJson, writeJson } from '../../http/json.ts'
import { logProblem, problemAnswer, problemOf } from '../../http/problem.ts'
import { isKept } from '../../http/reply.ts'
import { readerOf, startAsking } from '../requests/with-message.ts'
import { sendMessage, startThread } from '../threads/accept.ts'
import { hopsOf } from '../threads/hops.ts'
import { readContent } from '../threads/parts.ts'
import { readWhole, readWholeOnceMoved, seeThread } from '../threads/read.ts'
import type { ThreadRow } from '../threads/sql.ts'
import { type Call, objectOf, refuseScope, refuseUnapproved } from './call.ts'
import { carryConfig } from './configs.ts'
import { Malformed } from './errors.ts'
import { RELAY_EXTENSION, relayAskOf, withoutOurs } from './extension.ts'
import type { A2aHouse } from './house.ts'
import { endsBlocking, taskStateOf } from './map.ts'
import { isObject, member, partFromWire, type WireObject } from './parts.ts'
import { directAnswerOf, directMessageOf, type SdkMessage, type SdkTask, taskOf } from './task.ts'

/** What a send made: the same for every repeat under its key. `answered`: whether the turn was the caller's at that number already. */
export type Sent = { thread_id: string; sequence: number; first: boolean; answered?: boolean }

export async function send(house: A2aHouse, call: Call): Promise<SdkTask | SdkMessage> {
  const configuration = objectOf(call.params.configuration)
  const historyLength = member(configuration, 'historyLength') as number | undefined
  if (member(configuration, 'returnImmediately') === true) {
    const { thread_id } = await accept(house, call)
    return taskOf(await readWhole(house, await readerOf(house, call.scope, thread_id), thread_id), { historyLength })
  }
  const leave = await house.slots.hold(call.scope.principal)
  try {
    const sent = await accept(house, call)
    const seen = sent.answered === false ? sent.sequence : null
    const reader = await readerOf(house, call.scope, sent.thread_id)
    const wait = { ms: house.waitSeconds * 1_000, signal: call.signal, seen }
    const view = await readWholeOnceMoved(house, reader, sent.thread_id, hasAnswer, wait)
    const direct = sent.first ? directAnswerOf(view) : null
    if (direct) return directMessageOf(view.thread, direct)
    return taskOf(view, { historyLength, ...(endsBlocking(taskStateOf(view.thread)) ? {} : { waitLimitReached: true }) })
  } finally {
    leave()
  }
}

const hasAnswer = (row: ThreadRow): boolean => endsBlocking(taskStateOf(row))

/** Takes the message; a repeat under its key hears what the first one made, whatever came of that since. */
export async function accept(house: A2aHouse, call: Call): Promise<Sent> {
  if (!mayAsk(call)) await refuseUnapproved(house, call)
  const key = call.idempotencyKey
  if (key === null) return take(house, call, call.scope)
  // Both ways to send are one: a repeat may want the stream of what was sent without one.
  const asked = { route: 'A2A send', method: 'POST', path: `/agents/${call.card.slug}/a2a`, query: '' }
  const begun = await house.replies.begin(call.scope, { ...asked, body: call.params as Json, key })
  if ('replay' in begun) return replayed(begun.replay.status, String(begun.replay.body))
  const { attempt } = begun
  const beforeCommit: Scope['beforeCommit'] = async (t, sent) => {
    if (sent !== undefined) await attempt.complete(t, stored(sent as Sent))
  }
  try {
    const sent = await take(house, call, { ...call.scope, beforeCommit })
    await attempt.settle(stored(sent), true)
    return sent
  } catch (error) {
    const problem = problemOf(error)
    const requestId = call.scope.requestId ?? ''
    await attempt.settle(problemAnswer(problem, requestId), isKept(problem)).catch((failed: unknown) => {
      // The lease ends by itself; what the caller must hear is why the call failed.
      logProblem(house.log, problemOf(failed), { request_id: requestId })
    })
    throw error
  }
}

/** A first message of an agent's own key: it may ask, if the owner lets it. */
function mayAsk({ scope, card, params }: Call): boolean {
  const taskId = member(objectOf(params.message), 'taskId')
  return scope.relayParty === undefined && card.unapproved === 'request' && (taskId === undefined || taskId === '')
}

const stored = (sent: Sent) => ({ status: 200, headers: { 'Content-Type': 'application/json' }, body: writeJson(sent) })

function replayed(status: number, body: string): Sent {
  const said = readJson(body) as WireObject
  if (status < 400) return said as Sent
  const { type: _type, title: _title, status: _status, request_id: _id, code, ...members } = said
  throw new Problem(code as ProblemCode, members)
}

async function take(house: A2aHouse, call: Call, scope: Scope): Promise<Sent> {
  const message = objectOf(call.params.message)
  const taskId = member(message, 'taskId') as string | undefined
  if (taskId === undefined || taskId === '') return start(house, call, scope, message)
  await refuseOtherContext(house, call, taskId, member(message, 'contextId') as string | undefined)
  await refuseScope(call, 'thread.send')
  const carried = await carryConfig(house, call, scope, taskId)
  const input = { ...inputOf(call, message), bind: carried.bind }
  return sendMessage(house, scope, taskId, 'a2a', input, async (t, made) =>
    shownSent((await carried.told(t, made)).accepted.thread, false),
  )
}

async function start(house: A2aHouse, call: Call, scope: Scope, message: WireObject): Promise<Sent> {
  await refuseScope(call, 'thread.start')
  const contextId = member(message, 'contextId') as string | undefined
  const modes = member(objectOf(call.params.configuration), 'acceptedOutputModes') as string[] | undefined
  const said = {
    ...inputOf(call, message),
    ...(contextId ? { context_id: contextId } : {}),
    ...(modes ? { accepted_output_modes: modes } : {}),
  }
  const { slug } = call.card
  if (scope.relayParty === undefined) {
    const isAlone = member(objectOf(call.params.configuration), 'taskPushNotificationConfig') === undefined
    const sending = { slug, face: 'a2a' as const, input: said, isAlone }
    return startAsking(house, scope, sending, async (_t, made) => shownSent(made.thread, true))
  }
  const carried = await carryConfig(house, call, scope, slug)
  return startThread(house, scope, slug, 'a2a', { ...said, bind: carried.bind }, async (t, made) =>
    shownSent((await carried.told(t, made)).accepted.thread, true),
  )
}

const shownSent = (thread: ThreadRow, first: boolean): Sent => ({
  ...{ thread_id: thread.id, sequence: thread.sequence, first },
  answered: hasAnswer(thread),
})

async function refuseOtherContext(
  house: A2aHouse,
  { scope }: Call,
  taskId: string,
  contextId: string | undefined,
): Promise<void> {
  const thread = await tx(house.db, scope, (t) => seeThread(t, scope, taskId), { readOnly: true })
  if (contextId === undefined || contextId === '' || contextId === thread.context_id) return
  const description = 'The task belongs to another context.'
  throw new Malformed('INVALID_PARAMS', `message.contextId: ${description}`, [{ field: 'message.contextId', description }])
}

function inputOf(call: Call, message: WireObject) {
  const ask = relayAskOf(call.params)
  const metadata = keptMetadata(message)
  const content = readContent(
    { parts: (message.parts as WireObject[]).map(partFromWire), ...(metadata ? { metadata } : {}) },
    '/message',
  )
  const references = member(message, 'referenceTaskIds') as string[] | undefined
  return {
    payload: content,
    client_message_id: member(message, 'messageId') as string,
    ...(ask.skill === undefined ? {} : { skill: ask.skill }),
    ...(ask.operation_id === undefined ? {} : { operation_id: ask.operation_id }),
    ...(references ? { reference_thread_ids: references } : {}),
    dataAt: (index: number) => `/message/parts/${index}/data`,
  }
}

/** The caller's own, and under our key what the native face has no member for. */
function keptMetadata(message: WireObject): WireObject | undefined {
  const own = withoutOurs(message.metadata)
  const { extensions } = message
  const hops = hopsOf(isObject(message.metadata) ? message.metadata : undefined)
  const ours = {
    ...(Array.isArray(extensions) && extensions.length > 0 ? { extensions } : {}),
    // How far it has come already (R47).
    ...(hops > 0 ? { hops } : {}),
  }
  return Object.keys(ours).length === 0 ? own : { ...own, [RELAY_EXTENSION]: ours }
}
