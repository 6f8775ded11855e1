// What a directed scenario does to an engine, in a word each: enqueue, claim, finish, let time pass. Thin over the functions; judges nothing by itself.
import type { Engine, Session } from './harness.ts'
import { violations } from './invariants.ts'
import { Broken } from './model/world.ts'

export type Held = { id: string; lease: number; token: string; attempt: number; payload: { k: string }; kind: string }

export const json = (value: unknown): string => JSON.stringify(value)

export const register = (s: Session, worker: string, queues: string[] = ['alpha']): Promise<void> =>
  s.get("register_worker($1::text, $2::text[], '{plain,mail}', 'host', 1, 'test', 3600000)", [worker, queues])

/** The superuser makes it look as if nobody had vouched for this worker since yesterday. */
export const lose = (engine: Engine, worker: string): Promise<unknown> =>
  engine.look(`update countersign_queue.workers set beat_at = clock_timestamp() - interval '1 day' where id = $1`, [worker])

/** Jobs named by `k` in queue alpha, kind plain, unless said otherwise. Answers their ids. */
export async function enqueue(s: Session, ks: readonly string[], more: Record<string, unknown> = {}): Promise<string[]> {
  const jobs = ks.map((k) => ({ kind: 'plain', queue: 'alpha', payload: { k }, ...more }))
  return (await s.get<{ id: string }[]>('enqueue_many($1::jsonb)', [json(jobs)])).map((one) => one.id)
}

export async function claim(
  s: Session,
  worker: string,
  { n = 100, queue = 'alpha', kinds = ['plain', 'mail'] }: { n?: number; queue?: string; kinds?: string[] } = {},
): Promise<Held[]> {
  const token = crypto.randomUUID()
  const { jobs } = await s.get<{ jobs: Held[] }>('claim($1::text, $2::uuid, $3::jsonb)', [
    worker,
    token,
    json([{ queue, n, kinds }]),
  ])
  return jobs.map((job) => ({ ...job, token }))
}

/** One call may stop at the end of a window: what there is, call by call. */
export async function claimAll(s: Session, worker: string, options: Parameters<typeof claim>[2] = {}): Promise<Held[]> {
  const all: Held[] = []
  for (let idle = 0; idle < 2; ) {
    const some = await claim(s, worker, options)
    all.push(...some)
    idle = some.length === 0 ? idle + 1 : 0
    must(all.length < 500, 'NoDuplicateClaim', `claims give without end: ${names(all.slice(0, 9))} …`)
  }
  return all
}

export const names = (jobs: readonly Held[]): string => jobs.map((job) => job.payload.k).join(' ')

export const finish = (
  s: Session,
  jobs: readonly Held[],
  said: Record<string, unknown> = { outcome: 'completed' },
): Promise<string[]> => s.get('finish($1::jsonb)', [json(jobs.map(({ id, lease, token }) => ({ id, lease, token, ...said })))])

export const tick = (s: Session, ...duties: string[]): Promise<Record<string, number>> => s.get('tick($1::text[])', [duties])

export type Told = {
  state: string
  attempt: number
  errors: { reason: string }[]
  state_reason: string | null
  output: unknown
  lease: number
}
export const job = (s: Session, id: string | undefined): Promise<Told | null> => s.get('job($1::text)', [id])

/** The ring turns once, old slots are truncated as far as they may be. */
export async function turn(engine: Engine, s: Session, times = 1): Promise<void> {
  for (let n = 0; n < times; n++) {
    await engine.advance(2)
    await tick(s, 'rotate', 'prune')
    await tick(s, 'prune')
  }
}

export function must(holds: boolean, invariant: string, detail: string): void {
  if (!holds) throw new Broken(invariant, detail)
}

export function equal(found: unknown, wanted: unknown, invariant: string): void {
  must(json(found) === json(wanted), invariant, `found ${json(found)}, wanted ${json(wanted)}`)
}

export async function sound(engine: Engine): Promise<void> {
  const [first] = await violations(engine)
  if (first) throw new Broken(first.invariant, first.detail)
}
