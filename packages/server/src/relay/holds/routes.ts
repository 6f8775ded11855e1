// The routes of holds: schema and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { liftHold, setHold } from './hold.ts'

const tag = 'leaving'
const params = {
  id: s.pattern(
    /^(?:thr|rgr|card|ten)_[0-7][0-9A-HJKMNP-TV-Z]{25}$/,
    'The id of the tenant, of a thread, a relay grant or a card.',
  ),
}
const HoldBody = s.named(
  'LegalHold',
  s.object({
    id: s.text(),
    subject: s.oneOf('tenant', 'card', 'relay_grant', 'thread'),
    reason: s.maybe(s.text()),
    held: s.literal(true),
  }),
  'What is held is neither erased nor does it expire.',
)

export const holdRoutes = (house: RelayHouse): Route[] => [
  route(
    'PUT /holds/:id',
    {
      summary: 'Hold a thread, a relay grant, a card or the whole tenant',
      description: 'Nothing of it is erased or expires until the hold is lifted.',
      ...{ tag, auth: 'session', action: 'hold.set', stepUp: true },
      params,
      body: s.object({ reason: s.optional(s.text({ max: 500 })) }),
      answers: { 200: HoldBody },
      problems: ['not_found'],
    },
    ({ scope, params: at, body }) => setHold(house, scope, at.id, body.reason ?? null),
  ),
  route(
    'DELETE /holds/:id',
    {
      summary: 'Lift a hold',
      description: 'What its time has passed for meanwhile is over at once.',
      ...{ tag, auth: 'session', action: 'hold.set', stepUp: true },
      params,
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params: at }) => liftHold(house, scope, at.id),
  ),
]
