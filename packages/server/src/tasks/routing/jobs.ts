// The jobs of routing: ids in, one verb, a verdict out.
import { defineKind, type Kind } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { ROUTING_QUEUE } from '../../identity/user.ts'
import { isId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { recountQuorums } from '../quorum/withdraw.ts'
import { type Cause, rerouteAllOf } from './reroute.ts'

/** Permits of their own: whoever leaves is moved on at once (T99), also while everything else is busy. */
export const ROUTING_JOBS = 4

type Payload = { user_id: string; because: Cause }

function readPayload(value: unknown): Payload {
  const { user_id, because } = value as Partial<Payload>
  if (!isId('usr', user_id)) throw new TypeError('user_id is the id of a user')
  if (because !== 'away' && because !== 'deactivated' && because !== 'role')
    throw new TypeError('because is away, deactivated or role')
  return { user_id, because }
}

export const routingKinds = (house: TasksHouse): Kind[] => [
  defineKind<unknown, Payload>('task.reroute', {
    schema: readPayload,
    keepOutput: false,
    queue: ROUTING_QUEUE,
    priority: 1,
    async run({ tenantId, payload }) {
      await rerouteAllOf(house, tenantId, payload.user_id, payload.because)
      // Whoever is away may come back in time; who left is missed wherever they were needed (T42).
      if (payload.because !== 'away') await recountQuorums(house, systemScope('quorum', tenantId))
    },
  }) as Kind,
  // Another version of the policies counts, and may keep people from deciding.
  defineKind('task.recount_quorums', {
    keepOutput: false,
    queue: ROUTING_QUEUE,
    async run({ tenantId }) {
      await recountQuorums(house, systemScope('quorum', tenantId))
    },
  }) as Kind,
]
