// The route by which a person has a key exchanged.
import { type Route, route, s } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { rotateConnection } from './rotate.ts'

export const rotationRoutes = (house: VaultHouse): Route[] => [
  route(
    'POST /connections/:id/rotate',
    {
      summary: 'Have a stored key exchanged for a new one at its provider',
      description:
        'Where the definition declares `rotate`. A job makes the new key, tries it, puts it in place and retires the old one after the overlap; `rotation` of the connection says how far it is.',
      tag: 'connections',
      auth: 'any',
      action: 'connection.update',
      params: { id: s.id('conn') },
      answers: { 202: s.object({ status: s.oneOf('rotating'), job_id: s.id('job') }) },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => rotateConnection(house, scope, params.id),
  ),
]
