// The routes by which a caller says where it wants to be told of a thread, and by which either side sees what was sent to it (relay.md §3, R66, R70).
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { enterThread } from '../party.ts'
import { listDeliveries } from './deliveries.ts'
import { addEndpoint, listEndpoints, removeEndpoint, type Which } from './endpoint.ts'
import { CallbackBody, DeliveryShown, EndpointMade, EndpointShown } from './shapes.ts'

const tag = 'threads'
const params = { id: s.id('thr') }
const SIGHT = ['not_found', 'not_participant', 'wrong_token_kind'] as const

export const endpointRoutes = (house: RelayHouse): Route[] => {
  const enter = enterThread(house, 'thread.subscribe')
  const own = { tag, auth: 'key', credentials: ['thread', 'key'], enter, action: 'thread.subscribe', params } as const
  return [
    route(
      'GET /threads/:id/endpoints',
      {
        ...own,
        summary: 'List where the caller of a thread is told of it',
        answers: { 200: s.list(EndpointShown) },
        problems: SIGHT,
      },
      async ({ scope, params: at }) => ({ data: await listEndpoints(house, scope, at.id), next_cursor: null }),
    ),
    route(
      'POST /threads/:id/endpoints',
      {
        ...own,
        summary: 'Be told of a thread at an address',
        description: 'The same address again replaces what was said of it, and keeps its secret where none is named.',
        body: CallbackBody,
        answers: { 201: EndpointMade, 200: EndpointMade },
        problems: [
          ...SIGHT,
          ...(['callback_secret_missing', 'url_invalid', 'url_not_allowed', 'state_conflict'] as const),
          ...(['thread_revoked', 'policy_denied', 'policy_error', 'tenant_suspended'] as const),
        ],
        secretOnce: ['secret'],
        render: (result: unknown) => {
          const { replaced, ...body } = result as { replaced: boolean }
          return { status: replaced ? 200 : 201, body }
        },
      },
      ({ scope, params: at, body }) => addEndpoint(house, scope, at.id, body),
    ),
    route(
      'DELETE /threads/:id/endpoints',
      {
        ...own,
        summary: 'Be told of a thread no more at an address',
        query: {
          endpoint_id: s.optional(s.id('whe')),
          url: s.optional(s.text({ min: 1, max: 2_048 })).describe('The address as it is listed.'),
        },
        answers: { 204: null },
        problems: SIGHT,
      },
      ({ scope, params: at, query }) =>
        removeEndpoint(house, scope, at.id, whichOf(query), (gone) => {
          if (gone === 0) throw new Problem('not_found')
          return null
        }),
    ),
    route(
      'GET /threads/:id/deliveries',
      {
        ...{ tag, auth: 'key', credentials: ['thread', 'key'], params },
        enter: enterThread(house, 'thread.read'),
        action: 'thread.read',
        summary: 'See what was sent of a thread to one’s own side',
        query: s.page(),
        answers: { 200: s.list(DeliveryShown) },
        problems: ['not_found', 'cursor_invalid', 'wrong_token_kind'],
      },
      ({ scope, params: at, query }) => listDeliveries(house, scope, at.id, query),
    ),
  ]
}

function whichOf({ endpoint_id, url }: { endpoint_id?: string | undefined; url?: string | undefined }): Which {
  if ((endpoint_id === undefined) === (url === undefined))
    throw new Problem('validation_failed', {
      errors: [{ path: '/endpoint_id', code: 'required', message: 'Name the endpoint, or its address: one of the two.' }],
    })
  return endpoint_id === undefined ? { url: url as string } : { id: endpoint_id }
}
