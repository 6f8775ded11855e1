// What the whole installation shows of itself: workers, ring, maintenance, capabilities. A tenant reads states, never another tenant's names or counts;
// machines and rows are shown to hosts alone.

import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { record } from '../events/event.ts'
import type { JobsHouse } from './house.ts'
import { whole } from './page.ts'
import { act, look } from './problem.ts'
import { readReadOnly } from './sql.ts'

/** Queues that this tenant knows of: others' names are theirs. */
const readWorkers = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => {
    const known = new Set((await house.queue.queues({ tx: t })).map(({ name }) => name))
    return (await house.queue.workers({ tx: t })).map(({ host, pid, queues, ...worker }) => ({
      ...worker,
      host: scope.isHost ? host : null,
      pid: scope.isHost ? pid : null,
      queues: queues.filter((name) => known.has(name)),
    }))
  })

export const listWorkers = async (house: JobsHouse, scope: Scope) => whole(await readWorkers(house, scope))

export async function getWorker(house: JobsHouse, scope: Scope, id: string) {
  const worker = (await readWorkers(house, scope)).find((one) => one.id === id)
  if (!worker) throw new Problem('not_found')
  return worker
}

export const getRing = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => {
    const ring = await house.queue.ring({ tx: t })
    const { as_of, generation, free_slots, ring_blocked, blocked_reason, oldest_age_ms, horizon_age_s } = ring
    const slots = ring.slots.map(({ jobs: _jobs, bytes: _bytes, ...slot }) => slot)
    return { as_of, generation, free_slots, ring_blocked, blocked_reason, oldest_age_ms, horizon_age_s, slots }
  })

export async function getMaintenance(house: JobsHouse, scope: Scope) {
  const [health, { duties }] = await Promise.all([house.queue.health(), house.queue.maintenance()])
  return {
    leads: health.leader !== null,
    leader: scope.isHost ? health.leader : null,
    workers: health.workers ?? 0,
    schema_version: health.schema_version,
    expected_schema_version: health.expected_schema_version,
    degraded: health.degraded,
    // Without how much each did and what it failed of: that may speak of other tenants.
    duties: duties.map(({ done: _done, error, ...duty }) => ({ ...duty, failing: error !== null })),
  }
}

/** One round of everything that is due, for an installation whose maintenance is away. What it did to other tenants is not told. */
export async function tick(house: JobsHouse, scope: Scope) {
  const from = performance.now()
  const done = await house.queue.tick()
  const result = { duties: Object.keys(done), took_ms: Math.round(performance.now() - from) }
  return act(house, scope, async (t) => {
    await record(t, scope, 'maintenance.ticked', { duties: result.duties })
    return result
  })
}

const FEATURES = [
  ...['priorities', 'schedules', 'retries', 'dead_letters', 'callbacks', 'unique_keys', 'follow_ups'],
  ...['ordering_keys', 'limits', 'rates', 'fairness', 'timelines', 'figures'],
]

export async function getCapabilities(house: JobsHouse, scope: Scope) {
  const [{ schema_version, expected_schema_version }, { read_only }] = await Promise.all([
    house.queue.health(),
    look(house, scope, readReadOnly),
  ])
  return { version: house.version, read_only, schema_version, expected_schema_version, features: [...FEATURES] }
}
