// The routes by which both sides read threads: lists, messages, results, and the one counter of events, as a page or as a stream (relay.md §3, R34, R97).
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { enterThread } from '../party.ts'
import {
  checkResume,
  getMessage,
  getThread,
  listArtifacts,
  listEvents,
  listOwnThreads,
  listThreadMessages,
  streamEvents,
} from './read.ts'
import * as shapes from './shapes.ts'

const tag = 'threads'
const params = { id: s.id('thr') }
const SIGHT = ['wrong_token_kind'] as const

export const readingRoutes = (house: RelayHouse): Route[] => {
  const enter = (action: string) => enterThread(house, action)
  return [
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
          q: s
            .optional(s.line({ max: 128 }))
            .describe(
              'Stands in an id, in the names of work, context, skill or agent, or in who is on the other side; never in what was said.',
            ),
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
  ]
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
