// What this process counts for `/metrics` beside the queue's meters: answers by route pattern, the pool, and whatever rooms hand in. Labels are patterns, methods and
// codes: never a tenant, an id, an address or a path. Holds numbers of this process and nothing else.
import type { PrometheusMeter } from '@countersign/queue'
import type { Db } from '../db/tx.ts'
import type { Board, Shown } from './board.ts'

export type Seen = { method: string; route: string | null; status: number; ms: number }

const STATES: Record<Shown, number> = { ok: 0, warn: 1, outage: 2, unknown: 3 }

/** What http/ tells of each answer. */
export function countAnswers(meter: PrometheusMeter): (seen: Seen) => void {
  const answers = meter.createCounter('countersign.http.answers', { description: 'Answers by method, route pattern and status' })
  const took = meter.createHistogram('countersign.http.duration', {
    description: 'Time to answer by method and route pattern',
    unit: 's',
  })
  return ({ method, route, status, ms }) => {
    // What no route answers is one label, whatever was asked: paths are invented by strangers.
    const labels = { method, route: route ?? 'none' }
    answers.add(1, { ...labels, status })
    took.record(ms / 1_000, labels)
  }
}

/** Read when somebody asks: the pool of this process, and how each component stands. */
export function observeStatus(
  meter: PrometheusMeter,
  { db, version, current }: { db: Db; version: string; current(): Promise<Board> },
): void {
  meter
    .createObservableGauge('countersign.info', { description: 'The version that runs; always 1' })
    .addCallback(({ observe }) => observe(1, { version }))
  meter
    .createObservableGauge('countersign.db.connections', { description: 'Connections of the pool by state' })
    .addCallback(({ observe }) => {
      const { totalCount, idleCount, waitingCount } = db.pool
      observe(totalCount - idleCount, { state: 'busy' })
      observe(idleCount, { state: 'idle' })
      observe(waitingCount, { state: 'awaited' })
    })
  meter
    .createObservableGauge('countersign.status.state', {
      description: 'How a component stands: 0 ok, 1 warn, 2 outage, 3 unknown',
    })
    .addCallback(async ({ observe }) => {
      for (const one of (await current()).components) observe(STATES[one.state], { component: one.name })
    })
  meter
    .createObservableGauge('countersign.status.measured', { description: 'What each probe measured last' })
    .addCallback(async ({ observe }) => {
      for (const { name, measured } of (await current()).components)
        for (const [figure, value] of Object.entries(measured)) if (value !== null) observe(value, { component: name, figure })
    })
}
