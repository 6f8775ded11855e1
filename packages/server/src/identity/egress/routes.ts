// The routes of the exceptions to the guard: for hosts, with a fresh proof to change them.
import { type Route, route, s } from '../../http/route.ts'
import { type EgressHouse, getAllows, putAllows } from './allow.ts'

const Tenant = s.id('ten')
const Target = s
  .text({ min: 3, max: 300 })
  .describe('An exact host or a network, each with one port: `receiver.example:8443`, `10.1.0.0/16:443`, `[fd00:1::]/32:443`.')

const EgressAllows = s.named(
  'EgressAllows',
  s.object({
    tenant_id: Tenant,
    allow: s.array(s.object({ target: Target, reason: s.text({ max: 500 }), added_by: s.text(), added_at: s.time() }), {
      max: 200,
    }),
  }),
  'The exceptions of one tenant to what may be dialled.',
)

export const egressRoutes = (house: EgressHouse): Route[] => [
  route(
    'GET /egress/allow',
    {
      summary: 'Read what a tenant may reach besides public addresses',
      tag: 'Egress',
      auth: 'session',
      action: 'egress.allow',
      query: { tenant_id: Tenant },
      answers: { 200: EgressAllows },
      problems: ['not_found'],
    },
    ({ scope, query }) => getAllows(house, scope, query.tenant_id),
  ),
  route(
    'PUT /egress/allow',
    {
      summary: 'Replace what a tenant may reach besides public addresses',
      tag: 'Egress',
      auth: 'session',
      action: 'egress.allow',
      stepUp: true,
      // The list as a whole: to send it twice changes nothing.
      idempotency: 'none',
      body: s.object({
        tenant_id: Tenant,
        allow: s.array(s.object({ target: Target, reason: s.optional(s.text({ max: 500 })) }), { max: 200 }),
      }),
      answers: { 200: EgressAllows },
      problems: ['url_not_allowed', 'not_found', 'step_up_required'],
    },
    ({ scope, body }) => putAllows(house, scope, body),
  ),
]
