// The routes of the owner's side: it answers, claims what waits in the hosted inbox, and says what became of it (relay.md §2.8, §3.2). Closing is either side's.
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { enterThread, sideOf } from '../party.ts'
import { claim, settle } from './claim.ts'
import { closeThread } from './end.ts'
import { listInbox } from './inbox.ts'
import { type Responded, respond } from './respond.ts'
import { readResponse } from './response.ts'
import * as shapes from './shapes.ts'
import { linksOf, showMessage, showThread, taskUrl } from './show.ts'

const tag = 'threads'
const params = { id: s.id('thr') }
const agent = { slug: shapes.Slug }
const ENDED = ['thread_closed', 'thread_revoked', 'thread_ended'] as const
const MAX_BODY = 8 * 1024 * 1024
const SIGHT = ['wrong_token_kind'] as const

export const ownerRoutes = (house: RelayHouse): Route[] => {
  const enter = (action: string) => enterThread(house, action)
  return [
    route(
      'POST /threads/:id/responses',
      {
        summary: 'Answer as the owner’s side',
        description:
          '`progress` keeps the turn; `reply` and `ask` give it to the caller; the others end the thread. A person answers with a thread token of theirs.',
        tag,
        auth: 'key',
        credentials: ['key', 'thread'],
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
        const via = scope.actor.type === 'user' ? ('person' as const) : ('inbox' as const)
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
        credentials: ['key'],
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
        credentials: ['key'],
        action: 'thread.serve',
        bucket: 'relay.serve',
        params: agent,
        body: s.array(
          s.object({
            claim_token: s.line({ max: 100 }),
            action: s.oneOf('ack', 'extend', 'release', 'fail'),
            reason: s
              .optional(s.line({ max: 200 }))
              .describe(
                'With `fail`: one word of `a-z 0-9 _ . : -` that begins with a letter, at most 64 long, for the record. Anything else is kept as `failed`.',
              ),
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
