// Workers without handlers, for tests of what a claim gives: each claims and ends what the test says, by the functions that any language may call.
import type pg from 'pg'

export type Claim = {
  id: string
  lease: number
  token: string
  kind: string
  tenant_id: string
  attempt: number
  payload: { n: number }
}
type Db = { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> }

export type Claimer = {
  name: string
  /** Up to n jobs of a queue; they run until they are ended. */
  claim(n: number, queue?: string, kinds?: readonly string[]): Promise<Claim[]>
  finish(jobs: readonly Claim[], outcome?: Record<string, unknown>): Promise<string[]>
  /** As a killed process: its liveness row is gone, and rescue finds what it held. */
  die(): Promise<void>
}

export async function claimer(
  db: Db,
  name: string,
  queues: readonly string[] = ['default'],
  kinds: readonly string[] = ['a'],
): Promise<Claimer> {
  const ask = async <T>(text: string, values: unknown[]) =>
    ((await db.query(`select countersign_queue.${text} as answer`, values)).rows[0] as { answer: T }).answer
  await ask('register_worker($1, $2, $3, $4, 1, $5, 15000)', [name, queues, kinds, 'host', 'v'])
  return {
    name,
    async claim(n, queue = queues[0], own = kinds) {
      const token = crypto.randomUUID()
      const wants = JSON.stringify([{ queue, n, kinds: own }])
      const { jobs } = await ask<{ jobs: Omit<Claim, 'token'>[] }>('claim($1, $2, $3)', [name, token, wants])
      return jobs.map((job) => ({ ...job, token }))
    },
    finish: (jobs, outcome = { outcome: 'completed' }) =>
      ask<string[]>('finish($1)', [JSON.stringify(jobs.map(({ id, lease, token }) => ({ id, lease, token, ...outcome })))]),
    die: async () => void (await ask('release_worker($1)', [name])),
  }
}

/** Enqueues jobs whose payload is { n } beside what else is given; their ids. */
export async function put(db: Db | pg.Pool, jobs: readonly Record<string, unknown>[]): Promise<string[]> {
  const all = jobs.map((job, n) => ({ kind: 'a', payload: { n }, ...job }))
  const { rows } = await (db as Db).query('select countersign_queue.enqueue_many($1) as told', [JSON.stringify(all)])
  return (rows[0] as { told: { id: string }[] }).told.map((one) => one.id)
}
