// A job on its way in: its payload judged by its kind's schema, its options the nearest that are named, its content sealed where the kind says so.
// Knows only the kinds that it is given, and never touches the database.
import { sealJob } from './codec.ts'
import type { Enqueue, EnqueueOptions } from './enqueue.ts'
import { QueueError } from './error.ts'
import { type Kind, keysOf, parsePayload } from './kind.ts'

export async function checked<In, Out>(kind: Kind<In, Out>, payload: In, options: EnqueueOptions): Promise<Enqueue> {
  const parsed = await parsePayload(kind as Kind<unknown, Out>, payload)
  if ('errors' in parsed)
    throw new QueueError('validation_failed', `the payload of ${kind.name} is wrong`, { errors: parsed.errors })
  const { queue, priority, maxAttempts, unique, payloadVersion, order } = kind
  // The nearest setting wins: what this call names, then the kind as this process declares it.
  const own = options.uniqueKey === undefined ? { unique } : {}
  return sealJob(kind.codec, {
    queue,
    priority,
    maxAttempts,
    payloadVersion,
    order,
    ...keysOf(kind, payload),
    ...own,
    ...options,
    kind: kind.name,
    payload,
  })
}

/** Jobs of declared kinds as their kinds say, others as they are. */
export const checkedAll = (kinds: ReadonlyMap<string, Kind>, jobs: readonly Enqueue[]): Promise<Enqueue[]> =>
  Promise.all(jobs.map((job) => checkedOne(kinds, job)))

export function checkedOne(kinds: ReadonlyMap<string, Kind>, { kind, payload, ...rest }: Enqueue): Enqueue | Promise<Enqueue> {
  const known = kinds.get(kind)
  return known ? checked(known, payload, rest) : { kind, payload, ...rest }
}
