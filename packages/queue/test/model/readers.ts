// Compares what the readers of both engines tell after a step (Q14, Q79): every job that was accepted, once, in one state, with the same facts;
// none that was rolled back. Only what a ring has truncated may be missing there, and only when it is over.

import type { JobRow } from '../../src/sql.ts'
import type { Session, Which } from '../harness.ts'
import { tell } from '../invariants.ts'
import { sorted } from './claims.ts'
import { BOTH, Broken, keyOf, metadataOf, type Pair, type View, type World } from './world.ts'

type Page = { data: JobRow[]; next_cursor: string | null }
type Read = { views: Map<string, View>; ids: Map<string, string>; runAt: Map<string, number>; counts: Record<string, number> }

const PAGE = 200

export async function compareReaders(world: World, reader: Pair<Session>): Promise<void> {
  const [ring, oracle] = await Promise.all(BOTH.map((which) => readAll(world, which, reader[which])))
  const read = { ring, oracle } as Pair<Read>
  for (const which of BOTH) {
    const listed = Object.entries(tally(read[which].views)).sort().join(' ')
    const counted = Object.entries(read[which].counts).sort().join(' ')
    if (listed !== counted) throw new Broken('OneStatePerJob', `${which} lists ${listed} and counts ${counted}`)
  }
  if (world.step % 5 === 0) await compareTables(world, read.ring)
  for (const job of world.jobs.values()) {
    if (job.isGhost)
      for (const which of BOTH)
        if ([...read[which].ids.values()].includes(job.id[which]))
          throw new Broken('RolledBackLeavesNothing', `${which} tells of ${job.key}`)
  }
  for (const [key, view] of read.oracle.views) {
    const other = read.ring.views.get(key)
    const isGone = !other && world.views.has(key) && ['completed', 'cancelled'].includes(view.state)
    if (isGone) continue
    if (!other) throw new Broken('NoLostJob', `the ring lost ${key}, which is ${view.state} in the oracle`)
    const [a, b] = [JSON.stringify(other), JSON.stringify(view)]
    if (a !== b) throw new Broken('SameState', `${key}\n  ring ${a}\n  oracle ${b}`)
    const far = Math.abs((read.ring.runAt.get(key) ?? 0) - (read.oracle.runAt.get(key) ?? 0))
    if (['scheduled', 'retrying'].includes(view.state) && far > 60_000)
      throw new Broken('SameState', `${key} is due ${far} ms apart`)
  }
  for (const key of read.ring.views.keys())
    if (!read.oracle.views.has(key)) throw new Broken('NoLostJob', `the ring tells of ${key}, the oracle does not`)
  for (const job of world.jobs.values())
    if (
      !job.isGhost &&
      !read.oracle.views.has(job.key) &&
      world.views.has(job.key) &&
      world.views.get(job.key)?.state !== 'failed'
    )
      throw new Broken('NoLostJob', `nobody tells of ${job.key}`)
  for (const [key, id] of world.ids)
    if (!read.oracle.views.has(key) && world.views.get(key)?.state === 'failed') world.purged.add(id.ring)
  world.views = read.oracle.views
  // By name: ids of one millisecond come in any order, and the same seed shall pick the same jobs again.
  world.ids = new Map(
    [...read.oracle.ids]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, id]) => {
        const there = read.ring.ids.get(key)
        return there === undefined ? [] : [[key, { ring: there, oracle: id }] as const]
      }),
  )
}

/** What the ring's readers say against what its tables say, spelt out. */
async function compareTables(world: World, read: Read): Promise<void> {
  const states = new Map((await tell(world.engines.ring)).map((job) => [keyOf(world, 'ring', job), job.state as string]))
  for (const [key, { state }] of read.views)
    if ((states.get(key) ?? state) !== state)
      throw new Broken('OneStatePerJob', `${key} is listed as ${state} and is ${states.get(key)}`)
  for (const [key, state] of states)
    if (!read.views.has(key)) throw new Broken('OneStatePerJob', `${key} is ${state} and no reader tells of it`)
}

async function readAll(world: World, which: Which, session: Session): Promise<Read> {
  const read: Read = { views: new Map(), ids: new Map(), runAt: new Map(), counts: {} }
  const rows: JobRow[] = []
  for (let after: string | null = null; ; ) {
    const page: Page = await session.get<Page>("list_jobs('{}', $1::text, $2::integer)", [after, PAGE])
    rows.push(...page.data)
    after = page.next_cursor
    if (after === null) break
  }
  for (const row of rows) {
    const key = keyOf(world, which, row)
    if (read.views.has(key)) throw new Broken('OneStatePerJob', `${which} tells of ${key} twice`)
    read.views.set(key, view(row))
    read.ids.set(key, row.id)
    read.runAt.set(key, new Date(row.run_at).getTime())
  }
  const { queues } = await session.get<{ queues: Record<string, Record<string, number>> }>('counts()')
  for (const states of Object.values(queues))
    for (const [state, n] of Object.entries(states)) read.counts[state] = (read.counts[state] ?? 0) + n
  return read
}

function tally(views: Map<string, View>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of views.values()) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

const view = (row: JobRow): View => ({
  state: row.state,
  // The ring keeps no word with what was drained there.
  // Why a job is ready again says how it came there: one that only one engine gave was handed back to make them even.
  reason: row.state === 'ready' ? null : (row.state_reason ?? (row.state === 'cancelled' ? 'drained' : null)),
  kind: row.kind,
  queue: row.queue,
  priority: row.priority,
  payload: sorted(row.payload),
  payload_version: row.payload_version,
  attempt: row.attempt,
  // Read again at each claim: before the first it says nothing.
  max_attempts: row.attempt > 0 ? row.max_attempts : null,
  crashes: row.crashes,
  worker: row.state === 'running' ? row.worker : null,
  cancel: row.cancel_requested_at !== null,
  finished: row.finished_at !== null,
  errors: row.errors.map((one) => `${one.attempt} ${one.reason} ${one.error}`),
  progress: sorted(row.progress),
  output: sorted(row.output),
  metadata: sorted(metadataOf(row.metadata)),
  tags: row.tags,
  unique_key: row.unique_key,
  trace: sorted(row.trace),
  dead_letter: row.dead_letter,
})
