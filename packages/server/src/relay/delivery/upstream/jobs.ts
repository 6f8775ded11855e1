// The jobs of agents that answer elsewhere: a message is called and followed by one, and a thread that its caller ended is cancelled there by another.
import { defineKind, type Kind, retry } from '@countersign/queue'
import { isId } from '../../../std/id.ts'
import { CALL, CANCEL } from '../dispatch.ts'
import type { DeliveryHouse } from '../house.ts'
import { type CallPayload, callUpstream } from './call.ts'
import { cancelTask } from './cancel.ts'

export const QUEUE = 'relay_calls'
/** Streams are held open, and cost little while nothing comes. */
export const HELD_CALLS = 256

function readCall(value: unknown): CallPayload {
  const { thread_id, message_id } = value as Partial<CallPayload>
  if (!isId('thr', thread_id) || !isId('msg', message_id)) throw new TypeError('a message of a thread')
  return { thread_id, message_id }
}

function readThread(value: unknown): { thread_id: string } {
  const { thread_id } = value as Partial<CallPayload>
  if (!isId('thr', thread_id)) throw new TypeError('a thread')
  return { thread_id }
}

export const upstreamJobs = (house: DeliveryHouse): Kind[] => [
  defineKind<unknown, CallPayload>(CALL, {
    schema: readCall,
    queue: QUEUE,
    keepOutput: false,
    // A stream is left in time, and taken up again by the next run.
    deadline: '10m',
    maxAttempts: 1_000,
    run: ({ tenantId, payload }, { signal }) => callUpstream(house, tenantId, payload, signal),
  }) as Kind,
  defineKind<unknown, { thread_id: string }>(CANCEL, {
    schema: readThread,
    queue: QUEUE,
    keepOutput: false,
    deadline: '1m',
    maxAttempts: 5,
    run: async ({ tenantId, payload }, { signal }) =>
      (await cancelTask(house, tenantId, payload.thread_id, signal)) ? undefined : retry(),
  }) as Kind,
]
