// Kinds: what processes declared of themselves, and whether somebody paused one.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { actorOf, actorText, guardShared } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { whole } from './page.ts'
import { act, look } from './problem.ts'

const readKinds = async (house: JobsHouse, t: Tx, scope: Scope) =>
  (await house.queue.kinds({ tx: t })).map((row) => show(scope, row))

type Row = Awaited<ReturnType<JobsHouse['queue']['kinds']>>[number]

function show(scope: Scope, { name, paused_at, paused_by, seen_at, stale, workers, settings }: Row) {
  const number = (member: string): number | null => (settings[member] ?? null) as number | null
  return {
    name,
    paused_at,
    paused_by: actorOf(scope, paused_by),
    seen_at,
    stale,
    workers,
    queue: (settings.queue ?? null) as string | null,
    priority: number('priority'),
    max_attempts: number('max_attempts'),
    max_crashes: number('max_crashes'),
    deadline_ms: number('deadline_ms'),
    keep_output_ms: number('keep_output_ms'),
    dead_letters: settings.dead_letters !== false,
    payload_version: number('payload_version'),
  }
}

export type ShownKind = ReturnType<typeof show>

export const listKinds = (house: JobsHouse, scope: Scope) =>
  look(house, scope, async (t) => whole(await readKinds(house, t, scope)))

async function find(house: JobsHouse, t: Tx, scope: Scope, name: string): Promise<ShownKind> {
  const kind = (await readKinds(house, t, scope)).find((one) => one.name === name)
  if (!kind) throw new Problem('not_found')
  return kind
}

export const getKind = (house: JobsHouse, scope: Scope, name: string) => look(house, scope, (t) => find(house, t, scope, name))
export const pauseKind = (house: JobsHouse, scope: Scope, name: string) => setPaused(house, scope, name, true)
export const resumeKind = (house: JobsHouse, scope: Scope, name: string) => setPaused(house, scope, name, false)

const setPaused = (house: JobsHouse, scope: Scope, name: string, paused: boolean) =>
  act(house, scope, async (t) => {
    const before = await find(house, t, scope, name)
    await guardShared(t, scope, paused ? 'queue.pause' : 'queue.resume')
    const own = { actor: actorText(scope), tx: t }
    await (paused ? house.queue.pause({ kind: name }, own) : house.queue.resume({ kind: name }, own))
    await record(
      t,
      scope,
      paused ? 'kind.paused' : 'kind.resumed',
      {},
      {
        resource: { type: 'kind', id: name },
        before: { paused_at: before.paused_at },
        after: { paused },
      },
    )
    return find(house, t, scope, name)
  })
