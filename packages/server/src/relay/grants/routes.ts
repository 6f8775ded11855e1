// The routes of relay grants: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { Limits } from '../cards/input.ts'
import type { RelayHouse } from '../house.ts'
import { revokeGrant } from './end.ts'
import { changeGrant, createGrant, enterGrant } from './grant.ts'
import { listGrantsOf } from './list.ts'
import { renewGrant, rotateGrant } from './rotate.ts'
import { binding, GrantBody, GrantInUse, GrantState, Issued, Overlap, Side, Slug, wishes } from './shapes.ts'
import { standingRoutes } from './standing-routes.ts'
import { tokenRoutes } from './token-routes.ts'
import { getGrantInUse } from './usage.ts'

const tag = 'approval'
const params = { id: s.id('rgr') }
const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const
const Label = s.line({ max: 200 })

export const grantRoutes = (house: RelayHouse): Route[] => [
  route(
    'GET /relay-grants',
    {
      summary: 'List relay grants, newest first',
      description: 'Those that your tenant gave and those that others gave to it; an agent sees its own.',
      tag,
      auth: 'any',
      action: 'relay_grant.read',
      query: { side: s.optional(Side), state: s.optional(GrantState), agent: s.optional(Slug), ...s.page() },
      answers: { 200: s.list(GrantBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listGrantsOf(house, scope, query),
  ),
  route(
    'POST /relay-grants',
    {
      summary: 'Let somebody in who has no account here',
      description: 'Whoever holds the token is the caller. It is shown in this answer, once.',
      tag,
      auth: 'session',
      action: 'relay_grant.create',
      stepUp: true,
      body: s.object({
        agent: Slug.describe('The slug or the id of the card.'),
        label: Label,
        purpose: s.text({ min: 1, max: 2_000 }),
        ...wishes,
        ...binding,
      }),
      answers: { 201: Issued },
      secretOnce: ['relay_token'],
      problems: ['not_found', ...HELD],
    },
    ({ scope, body }) => createGrant(house, scope, body),
  ),
  route(
    'GET /relay-grants/:id',
    {
      summary: 'Read a relay grant, from either side',
      tag,
      auth: 'any',
      action: 'relay_grant.read',
      enter: enterGrant(house, 'relay_grant.read'),
      params,
      answers: { 200: GrantInUse },
      problems: ['not_found'],
    },
    async ({ scope, params, reply }) => {
      const grant = await getGrantInUse(house, scope, params.id)
      reply.header('ETag', `"${grant.version}"`)
      return grant
    },
  ),
  route(
    'PATCH /relay-grants/:id',
    {
      summary: 'Change limits, label or end of a relay grant, as its owner',
      description: '`If-Match` with the ETag refuses the change when the grant moved on.',
      tag,
      auth: 'session',
      action: 'relay_grant.update',
      params,
      enter: enterGrant(house, 'relay_grant.update'),
      body: s.object({ label: s.optional(Label), limits: s.optional(Limits), ends_at: s.optional(s.maybe(s.time())) }),
      answers: { 200: GrantBody },
      problems: ['not_found', 'not_owner', 'grant_ended', 'version_conflict', ...HELD],
    },
    ({ scope, params, body, request }) => changeGrant(house, scope, params.id, body, request.header('if-match')),
  ),
  route(
    'POST /relay-grants/:id/rotate',
    {
      summary: 'Exchange the token of a relay grant',
      description:
        'The old one works until the overlap ends; 0 ends it at once. The life of the grant begins anew. Both sides are told.',
      tag,
      auth: 'any',
      action: 'relay_grant.rotate',
      bucket: 'relay.token',
      params,
      enter: enterGrant(house, 'relay_grant.rotate'),
      body: s.object({
        overlap_seconds: Overlap,
        force: s.optional(s.boolean()).describe('Also while an earlier rotation is open: the oldest of the three ends at once.'),
      }),
      answers: { 200: Issued },
      secretOnce: ['relay_token'],
      problems: ['not_found', 'grant_ended', 'rotation_open', ...HELD],
    },
    ({ scope, params, body }) => rotateGrant(house, scope, params.id, body),
  ),
  route(
    'POST /relay-grants/:id/renew',
    {
      summary: 'Renew a relay grant that expired, as its owner',
      description: 'Within 30 days. It gets a new token; threads that ended with it stay ended.',
      tag,
      auth: 'session',
      action: 'relay_grant.rotate',
      bucket: 'relay.token',
      params,
      enter: enterGrant(house, 'relay_grant.rotate'),
      answers: { 200: Issued },
      secretOnce: ['relay_token'],
      problems: ['not_found', 'not_owner', 'grant_ended', 'state_conflict', ...HELD],
    },
    ({ scope, params }) => renewGrant(house, scope, params.id),
  ),
  route(
    'POST /relay-grants/:id/revoke',
    {
      summary: 'Revoke a relay grant, from either side',
      description: 'From the answer on nothing is accepted under it, and its open threads end. What was said stays readable.',
      tag,
      auth: 'any',
      action: 'relay_grant.revoke',
      params,
      enter: enterGrant(house, 'relay_grant.revoke'),
      body: s.object({ reason: s.optional(s.text({ max: 500 })) }),
      answers: { 200: s.named('RelayGrantRevoked', s.object({ state: GrantState, threads_revoked: s.int() })) },
      problems: ['not_found', ...HELD],
    },
    ({ scope, params, body }) => revokeGrant(house, scope, params.id, body.reason ?? null),
  ),
  ...standingRoutes(house),
  ...tokenRoutes(house),
]
