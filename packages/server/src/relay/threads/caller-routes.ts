// The routes by which callers start threads, go on with them, take back what nobody has yet, and get a token to read by (relay.md §3.1, §4.1, §4.2).
import { Problem } from '@countersign/sdk'
import { type Json, writeJson } from '../../http/json.ts'
import { type Ask, type Route, route, s } from '../../http/route.ts'
import { carryCallback } from '../endpoints/with-message.ts'
import type { RelayHouse } from '../house.ts'
import { enterAgent, enterOwnThread, enterThread, sideOf } from '../party.ts'
import { startAsking } from '../requests/with-message.ts'
import { refuseUnapproved } from '../unapproved.ts'
import { sendMessage, startThread } from './accept.ts'
import { answerInTime, showAccepted } from './answer.ts'
import { withdrawMessage } from './end.ts'
import { type ContentInput, readContent } from './parts.ts'
import { shown } from './read.ts'
import * as shapes from './shapes.ts'
import { linksOf, showMessage } from './show.ts'
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
  'callback_secret_missing',
  'url_invalid',
  'url_not_allowed',
] as const
/** Where it asks for a connection first. */
const ASKS = ['approval_pending', 'human_denied', 'too_many_open', 'busy'] as const
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

export const callerRoutes = (house: RelayHouse): Route[] => {
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
        secretOnce: ['thread_access_token', 'callback.secret'],
        grows: true,
        answers: { 202: shapes.AcceptedBody, 200: shapes.AcceptedBody },
        problems: ['not_found', 'scope_missing', ...STARTS, ...ASKS],
      },
      async (ask) => {
        const { scope, params: at, body } = ask
        if (scope.relayParty !== undefined && 'relaySlug' in scope && scope.relaySlug !== at.slug)
          throw await refuseUnapproved(house, scope, at.slug)
        if (oneSkill && body.skill === undefined)
          throw new Problem('validation_failed', {
            errors: [{ path: '/skill', code: 'required', message: 'An invocation names one skill.' }],
          })
        const { context_id, accepted_output_modes, expires_in_seconds, live, want_thread_token } = body
        const said = {
          ...inputOf(body, ask.request.header('prefer')),
          ...{ context_id, accepted_output_modes, expires_in_seconds, live },
        }
        ask.reply.status(202)
        if (scope.relayParty === undefined) {
          const isAlone = body.callback === undefined && want_thread_token !== true
          const count = async () => {
            await ask.limits.take('relay.request', scope.principal)
            await ask.limits.take('relay.request.day', scope.principal)
          }
          const sending = { slug: at.slug, face: 'native' as const, input: said, isAlone, count }
          return startAsking(house, scope, sending, async (t, made, reader) => {
            ask.reply.location(linksOf(house.origin(), made.thread).inspect)
            return showAccepted(house, t, reader, made, false)
          })
        }
        const carried = await carryCallback(house, scope, at.slug, body.callback)
        const wants = want_thread_token === true && (scope.relayScopes ?? []).includes('threads:read')
        const accepted = await startThread(house, scope, at.slug, 'native', { bind: carried.bind, ...said }, async (t, made) => {
          ask.reply.location(linksOf(house.origin(), made.thread).inspect)
          const { accepted: now, ...callback } = await carried.told(t, made)
          return { ...(await showAccepted(house, t, scope, now, wants)), ...callback }
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
        enter: enterOwnThread(house, 'thread.send'),
        action: 'thread.send',
        bucket: 'relay.send',
        maxBody: MAX_BODY,
        params,
        body: shapes.SendBody,
        secretOnce: ['callback.secret'],
        grows: true,
        answers: { 202: shapes.AcceptedBody, 200: shapes.AcceptedBody },
        problems: ['not_found', 'scope_missing', 'not_participant', ...ENDED, ...STARTS],
      },
      async (ask) => {
        const { scope, params: at, body } = ask
        if (sideOf(scope) !== 'caller') throw new Problem('not_participant')
        const carried = await carryCallback(house, scope, at.id, body.callback)
        const input = { ...inputOf(body, ask.request.header('prefer')), bind: carried.bind }
        ask.reply.status(202)
        const accepted = await sendMessage(house, scope, at.id, 'native', input, async (t, made) => {
          ask.reply.location(linksOf(house.origin(), made.thread).inspect)
          const { accepted: now, ...callback } = await carried.told(t, made)
          return { ...(await showAccepted(house, t, scope, now, false)), ...callback }
        })
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
