// What the whole installation shows of itself: workers, ring, maintenance, capabilities. A tenant reads states, never another tenant's names or counts;
// machines and rows are shown to hosts alone.

import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { record } from '../events/event.ts'
import { readersOf } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { whole } from './page.ts'
import { act, look } from './problem.ts'
import { readReadOnly } from './sql.ts'

/** Queues that this tenant knows of: others' names are theirs. */
async function readWorkers(house: JobsHouse, scope: Scope) {
  const [known, workers] = await Promise.all([
    look(house, scope, (t) => readersOf(house).queues({ tx: t })),
    house.queue.workers(),
  ])
  const names = new Set(known.map(({ name }) => name))
  return workers.map((worker) => ({
    id: worker.id,
    host: scope.isHost ? worker.host : null,
    pid: scope.isHost ? worker.pid : null,
    version: worker.version,
    queues: worker.queues.filter((name) => names.has(name)),
    kinds: worker.kinds,
    started_at: worker.started_at,
    beat_at: worker.beat_at,
    alive: worker.alive,
    running: 0,
  }))
}

export const listWorkers = async (house: JobsHouse, scope: Scope) => whole(await readWorkers(house, scope))

export async function getWorker(house: JobsHouse, scope: Scope, id: string) {
  const worker = (await readWorkers(house, scope)).find((one) => one.id === id)
  if (!worker) throw new Problem('not_found')
  return worker
}

export const getRing = (house: JobsHouse, scope: Scope) => look(house, scope, (t) => readersOf(house).ring({ tx: t }))

export async function getMaintenance(house: JobsHouse, scope: Scope) {
  const health = await house.queue.health()
  return {
    leads: health.leader !== null,
    leader: scope.isHost ? health.leader : null,
    workers: health.workers ?? 0,
    schema_version: health.schema_version,
    expected_schema_version: health.expected_schema_version,
    degraded: health.degraded,
    duties: [],
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

const FEATURES = ['priorities', 'schedules', 'retries', 'dead_letters', 'callbacks', 'unique_keys', 'follow_ups'] as const

export async function getCapabilities(house: JobsHouse, scope: Scope) {
  const [{ schema_version, expected_schema_version }, { read_only }] = await Promise.all([
    house.queue.health(),
    look(house, scope, readReadOnly),
  ])
  return { version: house.version, read_only, schema_version, expected_schema_version, features: [...FEATURES] }
}
