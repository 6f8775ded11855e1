// The native routes of threads (relay.md §3): callers start, send and follow; the owner's side answers, claims and settles. A relay token starts and sends; reading needs a thread
// token or a key (R114).
import { Problem } from '@countersign/sdk'
import { type Json, writeJson } from '../../http/json.ts'
import { type Ask, type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { enterAgent, enterThread, sideOf } from '../party.ts'
import { refuseUnapproved } from '../unapproved.ts'
import { sendMessage, startThread } from './accept.ts'
import { answerInTime, showAccepted } from './answer.ts'
import { claim, settle } from './claim.ts'
import { closeThread, withdrawMessage } from './end.ts'
import { listInbox } from './inbox.ts'
import { type ContentInput, readContent } from './parts.ts'
import {
  checkResume,
  getMessage,
  getThread,
  listArtifacts,
  listEvents,
  listOwnThreads,
  listThreadMessages,
  shown,
  streamEvents,
} from './read.ts'
import { type Responded, respond } from './respond.ts'
import { readResponse } from './response.ts'
import * as shapes from './shapes.ts'
import { linksOf, showMessage, showThread, taskUrl } from './show.ts'
import { mintToken } from './token.ts'

const tag = 'threads'
const params = { id: s.id('thr') }
const agent = { slug: shapes.Slug }
const STARTS = [
  'loop_detected',
  'approval_required',
  'policy_denied',
  'policy_error',
  'quota_exceeded',
  'agent_paused',
  'wrong_token_kind',
  'token_binding_failed',
] as const
const ENDED = ['thread_closed', 'thread_revoked', 'thread_ended'] as const
const MAX_BODY = 8 * 1024 * 1024
const SIGHT = ['wrong_token_kind'] as const

type Sent = ContentInput & {
  sync?: { wait_ms: number } | undefined
  skill?: string | undefined
  operation_id?: string | undefined
  reference_thread_ids?: string[] | undefined
}

/** What every message of a caller has in common. */
function inputOf(body: Sent, prefer: string | undefined) {
  return {
    payload: readContent(body),
    skill: body.skill,
    operation_id: body.operation_id,
    reference_thread_ids: body.reference_thread_ids,
    dataAt: (index: number) => (body.parts ? `/parts/${index}/data` : '/data'),
    bodyBytes: Buffer.byteLength(writeJson(body as unknown as Json)),
    waitMs: waitMs(body.sync, prefer)?.ms,
  }
}

const WAITS = /(?:^|,)\s*wait=(\d{1,5})\s*(?:,|$)/i
/** `sync.wait_ms`, or `Prefer: wait` in seconds; null: nobody wants to wait. */
function waitMs(sync: { wait_ms: number } | undefined, prefer: string | undefined): { ms: number; preferred: boolean } | null {
  if (sync) return { ms: sync.wait_ms, preferred: false }
  const seconds = Number(WAITS.exec(prefer ?? '')?.[1] ?? 0)
  return seconds > 0 ? { ms: Math.min(seconds, 25) * 1000, preferred: true } : null
}

export const threadRoutes = (house: RelayHouse): Route[] => {
  const enter = (action: string) => enterThread(house, action)
  const start = (head: 'POST /agents/:slug/threads' | 'POST /agents/:slug/invoke', oneSkill: boolean) =>
    route(
      head,
      {
        summary: oneSkill ? 'Invoke one skill of another owner’s agent' : 'Start a thread with another owner’s agent',
        description:
          '202: committed. With `sync.wait_ms` or `Prefer: wait=N` it waits for the answer, and is 200 with it when it comes in time.',
        tag,
        auth: 'key',
        credentials: ['relay', 'key'],
        enter: enterAgent(house),
        action: 'thread.start',
        bucket: 'relay.start',
        maxBody: MAX_BODY,
        params: agent,
        body: shapes.StartBody,
        secretOnce: ['thread_access_token'],
        grows: true,
        answers: { 202: shapes.AcceptedBody, 200: shapes.AcceptedBody },
        problems: ['not_found', 'scope_missing', ...STARTS],
      },
      async (ask) => {
        const { scope, params: at, body } = ask
        if (scope.relayParty === undefined || ('relaySlug' in scope && scope.relaySlug !== at.slug))
          throw await refuseUnapproved(house, scope, at.slug)
        if (oneSkill && body.skill === undefined)
          throw new Problem('validation_failed', {
            errors: [{ path: '/skill', code: 'required', message: 'An invocation names one skill.' }],
          })
        const { context_id, accepted_output_modes, expires_in_seconds, live, want_thread_token } = body
        const input = {
          ...inputOf(body, ask.request.header('prefer')),
          context_id,
          accepted_output_modes,
          expires_in_seconds,
          live,
        }
        const wants = want_thread_token === true && (scope.relayScopes ?? []).includes('threads:read')
        ask.reply.status(202)
        const accepted = await startThread(house, scope, at.slug, 'native', input, async (t, made) => {
          ask.reply.location(linksOf(house.origin(), made.thread).inspect)
          return showAccepted(house, t, scope, made, wants)
        })
        return grown(house, ask, accepted, body.sync)
      },
    )

  return [
    start('POST /agents/:slug/threads', false),
    start('POST /agents/:slug/invoke', true),
    route(
      'POST /threads/:id/messages',
      {
        summary: 'Send a follow-up',
        tag,
        auth: 'key',
        credentials: ['relay', 'key'],
        enter: enter('thread.send'),
        action: 'thread.send',
        bucket: 'relay.send',
        maxBody: MAX_BODY,
        params,
        body: shapes.SendBody,
        grows: true,
        answers: { 202: shapes.AcceptedBody, 200: shapes.AcceptedBody },
        problems: ['not_found', 'scope_missing', 'not_participant', ...ENDED, ...STARTS],
      },
      async (ask) => {
        const { scope, params: at, body } = ask
        if (sideOf(scope) !== 'caller') throw new Problem('not_participant')
        ask.reply.status(202)
        const accepted = await sendMessage(
          house,
          scope,
          at.id,
          'native',
          inputOf(body, ask.request.header('prefer')),
          async (t, made) => {
            ask.reply.location(linksOf(house.origin(), made.thread).inspect)
            return showAccepted(house, t, scope, made, false)
          },
        )
        return grown(house, ask, accepted, body.sync)
      },
    ),
    route(
      'POST /threads/:id/messages/:mid/withdraw',
      {
        summary: 'Take a message back before anybody has it',
        tag,
        auth: 'key',
        credentials: ['relay', 'key'],
        enter: enter('thread.send'),
        action: 'thread.send',
        bucket: 'relay.send',
        params: { ...params, mid: s.id('msg') },
        answers: { 200: shapes.MessageBody },
        problems: ['not_found', 'already_delivered', 'not_participant', ...ENDED, ...SIGHT],
      },
      ({ scope, params: at }) => {
        if (sideOf(scope) !== 'caller') throw new Problem('not_participant')
        return withdrawMessage(
          house,
          scope,
          at.id,
          at.mid,
          async (t, message) => (await shown(house, t, scope, [message]))[0] ?? showMessage(message, undefined, t.now),
        )
      },
    ),
    route(
      'POST /threads/:id/access-tokens',
      {
        summary: 'Mint a thread token for one’s own side',
        description: 'It opens this one thread for an hour. A live one renews itself for a day after the first was minted.',
        tag,
        auth: 'any',
        credentials: ['session', 'key', 'thread'],
        enter: enter('thread.mint'),
        action: 'thread.mint',
        bucket: 'relay.token',
        params,
        body: s.object({ side: s.optional(s.oneOf('caller', 'owner')) }),
        secretOnce: ['thread_access_token'],
        answers: { 201: shapes.MintedBody },
        problems: ['not_found', 'not_participant', ...SIGHT],
      },
      ({ scope, params: at, body }) => mintToken(house, scope, at.id, body.side, (minted) => minted),
    ),
    route(
      'GET /threads',
      {
        summary: 'List the threads of one’s own side, newest first',
        tag,
        auth: 'any',
        action: 'thread.list',
        query: {
          side: s.optional(s.oneOf('caller', 'owner')),
          state: s.optional(s.text({ max: 300 })).describe('One or more states, separated by commas.'),
          agent: s.optional(shapes.Slug),
          context_id: s.optional(s.line({ max: 128 })),
          operation_id: s.optional(s.line({ max: 128 })),
          relay_grant_id: s.optional(s.id('rgr')),
          ...s.page(),
        },
        answers: { 200: s.list(shapes.ThreadLine) },
        problems: ['cursor_invalid'],
      },
      ({ scope, query: { agent: slug, state, ...rest } }) =>
        listOwnThreads(house, scope, {
          ...rest,
          ...(slug === undefined ? {} : { slug }),
          ...(state === undefined ? {} : { state: statesOf(state) }),
        }),
    ),
    route(
      'GET /threads/:id',
      {
        summary: 'Read a thread, or wait until it moves on',
        tag,
        auth: 'key',
        credentials: ['thread', 'key'],
        enter: enter('thread.read'),
        action: 'thread.read',
        params,
        query: {
          wait_seconds: s.optional(s.int({ min: 0, max: 25 })),
          after: s.optional(s.int({ min: 0 })).describe('With `wait_seconds`: answers once the sequence is above it.'),
        },
        answers: { 200: shapes.ThreadBody },
        problems: ['not_found', ...SIGHT],
      },
      ({ scope, params: at, query, signal }) => getThread(house, scope, at.id, query, signal),
    ),
    route(
      'GET /threads/:id/messages',
      {
        summary: 'List the messages of a thread, in order',
        tag,
        auth: 'key',
        credentials: ['thread', 'key'],
        enter: enter('thread.read'),
        action: 'thread.read',
        params,
        query: s.page(),
        answers: { 200: s.list(shapes.MessageBody) },
        problems: ['not_found', 'cursor_invalid', ...SIGHT],
      },
      ({ scope, params: at, query }) => listThreadMessages(house, scope, at.id, query),
    ),
    route(
      'GET /threads/:id/messages/:mid',
      {
        summary: 'Read one message',
        tag,
        auth: 'key',
        credentials: ['thread', 'key'],
        enter: enter('thread.read'),
        action: 'thread.read',
        params: { ...params, mid: s.id('msg') },
        answers: { 200: shapes.MessageBody },
        problems: ['not_found', 'payload_expired', 'payload_erased', ...SIGHT],
      },
      ({ scope, params: at }) => getMessage(house, scope, at.id, at.mid),
    ),
    route(
      'GET /threads/:id/artifacts',
      {
        summary: 'List the results of a thread, each merged from its pieces',
        tag,
        auth: 'key',
        credentials: ['thread', 'key'],
        enter: enter('thread.read'),
        action: 'thread.read',
        params,
        answers: { 200: s.list(shapes.ArtifactShown) },
        problems: ['not_found', ...SIGHT],
      },
      async ({ scope, params: at }) => ({ data: await listArtifacts(house, scope, at.id), next_cursor: null }),
    ),
    route(
      'GET /threads/:id/events',
      {
        summary: 'Read the events of a thread, or follow them',
        description:
          'With `Accept: text/event-stream` each event is sent once and in order, its id being its sequence, until the thread has ended; `Last-Event-ID` goes on after one.',
        tag,
        auth: 'key',
        credentials: ['thread', 'key'],
        enter: enter('thread.read'),
        action: 'thread.read',
        alsoStreams: true,
        params,
        query: { after: s.optional(s.int({ min: 0 })), limit: s.optional(s.int({ min: 1, max: 200 })) },
        answers: { 200: s.object({ data: s.array(shapes.EventBody), sequence: s.int() }) },
        problems: ['not_found', ...SIGHT],
      },
      async (ask) => {
        const { scope, params: at, query, request } = ask
        if (!/text\/event-stream/i.test(request.header('accept') ?? ''))
          return listEvents(house, scope, at.id, { after: query.after, limit: query.limit ?? 50 })
        const after = resumeFrom(request.header('last-event-id')) ?? query.after ?? 0
        await checkResume(house, scope, at.id, after)
        return ask.stream((out) => streamEvents(house, scope, at.id, after, out))
      },
    ),
    route(
      'POST /threads/:id/responses',
      {
        summary: 'Answer as the owner’s side',
        description: '`progress` keeps the turn; `reply` and `ask` give it to the caller; the others end the thread.',
        tag,
        auth: 'any',
        credentials: ['session', 'key', 'thread'],
        enter: enter('thread.respond'),
        action: 'thread.respond',
        bucket: 'relay.serve',
        maxBody: MAX_BODY,
        params,
        body: shapes.ResponseBody,
        answers: { 200: shapes.RespondedBody, 202: shapes.RespondedBody },
        problems: [
          'not_found',
          'not_participant',
          'lease_stale',
          'state_conflict',
          'policy_denied',
          'policy_error',
          ...ENDED,
          ...SIGHT,
        ],
      },
      ({ scope, params: at, body, reply }) => {
        if (sideOf(scope) !== 'owner') throw new Problem('not_participant')
        const via = scope.userId !== null && scope.agentId === null ? ('person' as const) : ('inbox' as const)
        return respond(house, scope, at.id, via, readResponse(body), async (_t, done) => {
          if (done.approval) reply.status(202)
          return showResponded(house, done)
        })
      },
    ),
    route(
      'POST /threads/:id/close',
      {
        summary: 'Close a thread, as either side',
        description: 'Completed if there is a reply, else canceled. Closing it again changes nothing.',
        tag,
        auth: 'key',
        credentials: ['thread', 'key'],
        enter: enter('thread.close'),
        action: 'thread.close',
        bucket: 'relay.send',
        params,
        body: s.object({ reason: s.optional(s.text({ max: 500 })) }),
        answers: { 200: shapes.ThreadBody },
        problems: ['not_found', 'not_participant', 'thread_revoked', 'thread_ended', ...SIGHT],
      },
      ({ scope, params: at, body }) =>
        closeThread(house, scope, at.id, { note: body.reason }, async (_t, row) => ({
          ...showThread(row, house.origin()),
          links: linksOf(house.origin(), row),
        })),
    ),
    route(
      'POST /agents/:slug/inbox/claim',
      {
        summary: 'Take messages from the hosted inbox',
        description:
          'At most one a thread, each under a lease: answer it, or settle it, before the lease is over. Waits up to 25 s for the first.',
        tag,
        auth: 'key',
        action: 'thread.serve',
        bucket: 'relay.serve',
        idempotency: 'none',
        params: agent,
        body: s.object({
          limit: s.optional(s.int({ min: 1, max: 100 })),
          lease_seconds: s.optional(s.int({ min: 15, max: 3_600 })),
          wait_seconds: s.optional(s.int({ min: 0, max: 25 })),
          skills: s.optional(s.array(s.line({ max: 128 }), { max: 64 })),
        }),
        answers: { 200: s.object({ data: s.array(shapes.ClaimedBody) }) },
        problems: ['not_found', 'delivery_mode', ...SIGHT],
      },
      ({ scope, params: at, body, signal }) => {
        const { limit = 10, lease_seconds = 60, wait_seconds = 0, skills } = body
        return claim(house, scope, at.slug, { limit, lease_seconds, wait_seconds, skills }, signal, async (t, all) => ({
          data: all.map(({ thread, message, payload, token }) => ({
            message: showMessage(message, payload, t.now),
            thread: showThread(thread, house.origin()),
            claim_token: token,
            lease_expires_at: message.claimed_until?.toISOString() ?? null,
          })),
        }))
      },
    ),
    route(
      'POST /agents/:slug/inbox/settle',
      {
        summary: 'Say what became of claimed messages',
        description:
          '`ack`: taken, the answer comes later. `extend`: the lease. `release`: for somebody else. `fail`: for somebody else, later.',
        tag,
        auth: 'key',
        action: 'thread.serve',
        bucket: 'relay.serve',
        params: agent,
        body: s.array(
          s.object({
            claim_token: s.line({ max: 100 }),
            action: s.oneOf('ack', 'extend', 'release', 'fail'),
            reason: s.optional(s.line({ max: 200 })),
            lease_seconds: s.optional(s.int({ min: 15, max: 3_600 })),
          }),
          { min: 1, max: 100 },
        ),
        answers: { 200: shapes.SettledBody },
        problems: ['not_found', ...SIGHT],
      },
      ({ scope, params: at, body }) => settle(house, scope, at.slug, body, (data) => ({ data })),
    ),
    route(
      'GET /agents/:slug/inbox',
      {
        summary: 'List what waits in the hosted inbox, oldest first',
        tag,
        auth: 'any',
        action: 'thread.list',
        params: agent,
        query: { state: s.optional(s.oneOf('queued', 'delivering', 'exhausted', 'held')), ...s.page() },
        answers: { 200: s.list(shapes.WaitingBody) },
        problems: ['not_found', 'cursor_invalid'],
      },
      ({ scope, params: at, query }) => listInbox(house, scope, at.slug, query),
    ),
  ]
}

type Shown = Awaited<ReturnType<typeof showAccepted>>

/** The 202 as committed, or what came of it in time. */
async function grown(
  house: RelayHouse,
  ask: Pick<Ask, 'scope' | 'request' | 'reply' | 'signal' | 'limits'>,
  accepted: Shown,
  sync: { wait_ms: number } | undefined,
) {
  const wait = waitMs(sync, ask.request.header('prefer'))
  if (!wait) return accepted
  const answer = await answerInTime(house, ask.scope, accepted, wait.ms, ask.signal)
  if (!answer) return accepted
  if (wait.preferred) ask.reply.header('Preference-Applied', `wait=${wait.ms / 1000}`)
  ask.reply.status(200)
  return { ...accepted, ...answer }
}

const showResponded = (house: RelayHouse, { thread, messages, approval: held }: Responded) => {
  const message = messages.find((one) => one.kind !== 'artifact') ?? messages.at(-1) ?? null
  const { id, sequence, state, outcome, reason, turn, approval } = showThread(thread, house.origin())
  return {
    thread_id: id,
    message_id: message?.id ?? null,
    sequence: held ? null : (message?.sequence ?? sequence),
    state,
    outcome,
    reason,
    turn,
    approval: held ? { ...held, url: taskUrl(house.origin(), held.task_id) } : approval,
  }
}

function resumeFrom(lastEventId: string | undefined): number | null {
  if (lastEventId === undefined) return null
  if (!/^\d{1,15}$/.test(lastEventId))
    throw new Problem('validation_failed', {
      errors: [{ path: '/last-event-id', code: 'invalid_format', message: 'A sequence that this thread has given.' }],
    })
  return Number(lastEventId)
}

function statesOf(text: string) {
  const all = text.split(',').map((one) => one.trim())
  const wrong = all.find((one) => !shapes.isState(one))
  if (wrong !== undefined)
    throw new Problem('validation_failed', {
      errors: [{ path: '/state', code: 'invalid_value', message: 'Not a state of a thread.' }],
    })
  return all.filter(shapes.isState)
}
