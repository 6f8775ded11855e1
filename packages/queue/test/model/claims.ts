// A claim on both engines. Which of several ready jobs come first is promised within a lane only (Q32), so the two may differ in what they give:
// what one alone gave is handed back at once, in the same transaction, and both go on with the same attempts. How many they give, what they tell
// of each, that leases grow and that the order of a lane is kept is not left open.
import type { Session, Told, Which } from '../harness.ts'
import { BOTH, Broken, type Job, keyOf, metadataOf, type Pair, pairOf, READER, type World } from './world.ts'

export type Want = { queue: string; n: number; kinds: readonly string[] }
type Asked = { worker: string; wants: Want[]; isPacked: boolean }
type Taken = { key: string; id: string; lease: number; token: string; told: Record<string, unknown>; isPacked: boolean }
/** `barred`: ready jobs with rows that another open transaction had locked before, so that the claim goes past them. */
type Answer = { lost: boolean; taken: Taken[]; barred: Set<string> }

type Handed = {
  id: string
  kind: string
  queue: string
  priority: number
  payload: unknown
  payload_version: number
  attempt: number
  max_attempts: number
  crashes: number
  lease: number
  deadline_in_ms: number | null
  metadata: Record<string, unknown>
  tags: string[]
  trace: unknown
  progress: unknown
}
type PackedJob = [string, string, string, unknown, number, number | null, number, Partial<Handed> | null]
type Packed = {
  lost: boolean
  claims: { lease: number; queue: string; priority: number; jobs: PackedJob[] }[]
  jobs: Handed[]
}

export function reconcileClaim(world: World, asked: Asked) {
  let line = -1
  return {
    async ask(s: Session, which: Which): Promise<Told> {
      const taken: Taken[] = []
      const barred = await lockedByOthers(world, which)
      let wants = asked.wants
      // One call may stop at the end of a window or of a lane: a worker asks again, and so do we, until there is nothing or enough.
      for (;;) {
        const token = crypto.randomUUID()
        const told = asked.isPacked
          ? await s.call('claim_packed($1::text, $2::uuid, $3::jsonb, 0, false)::json', [
              asked.worker,
              token,
              JSON.stringify(wants),
            ])
          : await s.call('claim($1::text, $2::uuid, $3::jsonb)', [asked.worker, token, JSON.stringify(wants)])
        if (told.code !== null) return told
        const { lost, jobs } = asked.isPacked ? unpack(told.answer as Packed) : handed(told.answer as Packed)
        if (lost) return { answer: { lost, taken, barred }, code: null }
        for (const { job, isPacked } of jobs)
          taken.push({ key: keyOf(world, which, job), id: job.id, lease: job.lease, token, told: tell(job), isPacked })
        wants = wants
          .map((want) => ({ ...want, n: want.n - jobs.filter(({ job }) => job.queue === want.queue).length }))
          .filter((want) => want.n > 0)
        if (jobs.length === 0 || wants.length === 0) return { answer: { lost, taken, barred }, code: null }
      }
    },
    common: (answer: unknown) => (answer as Answer).lost,
    async judge(answers: Pair<unknown>, sessions: Pair<Session>): Promise<void> {
      const got = answers as Pair<Answer>
      const claimed = world.lines.flatMap((one) => (one.n === line ? [] : [...one.claimed]))
      const others = world.lines.some((one) => one.holds && one.n !== line)
      // As the claim's own transaction has it: it may just have set some aside.
      const listed = (await sessions.ring.run('select id from countersign_queue.jobs')) as { id: string }[]
      const rows = new Set(listed.map((row) => keyOf(world, 'ring', row)))
      for (const which of BOTH)
        judgeOne(world, which, got[which].taken, asked, {
          elsewhere: new Set([...claimed, ...got[which].barred]),
          rows: which === 'ring' ? rows : null,
        })
      const keys = pairOf((which) => new Set(got[which].taken.map((one) => one.key)))
      if (!others && keys.ring.size !== keys.oracle.size)
        throw new Broken('ClaimGivesWhatIsReady', `ring gave ${[...keys.ring].join(', ')}; oracle ${[...keys.oracle].join(', ')}`)
      for (const which of BOTH) {
        const other = keys[which === 'ring' ? 'oracle' : 'ring']
        const extra = got[which].taken.filter((one) => !other.has(one.key))
        got[which].taken = got[which].taken.filter((one) => other.has(one.key))
        if (extra.length === 0) continue
        const back = extra.map(({ id, lease, token }) => ({ id, lease, token, outcome: 'release' }))
        const verdicts = await sessions[which].get<string[]>('finish($1::jsonb)', [JSON.stringify(back)])
        for (const one of extra) unplain(world, one.key)
        if (verdicts.some((verdict) => verdict !== 'settled'))
          throw new Broken('HandBackFree', `${which} said ${verdicts.join(', ')}`)
      }
      for (const one of got.ring.taken) {
        const same = got.oracle.taken.find(({ key }) => key === one.key)
        if (JSON.stringify(one.told) !== JSON.stringify(same?.told))
          throw new Broken(
            'SameAnswer',
            `claimed ${one.key}: ring ${JSON.stringify(one.told)}; oracle ${JSON.stringify(same?.told)}`,
          )
      }
    },
    now(answers: Pair<unknown>): void {
      for (const which of BOTH) for (const one of (answers[which] as Answer).taken) world.lines[line]?.claimed.add(one.key)
    },
    after(answers: Pair<unknown>): void {
      const got = answers as Pair<Answer>
      // By name: of jobs of one millisecond now this, now that one comes first, and the same seed shall pick the same attempts again.
      for (const one of got.ring.taken.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
        const same = got.oracle.taken.find(({ key }) => key === one.key)
        if (!same) continue
        world.leases.ring.set(one.id, one.lease)
        world.leases.oracle.set(same.id, same.lease)
        world.held.push({
          key: one.key,
          id: { ring: one.id, oracle: same.id },
          lease: { ring: one.lease, oracle: same.lease },
          token: { ring: one.token, oracle: same.token },
          worker: asked.worker,
          said: null,
          isPacked: one.isPacked,
        })
      }
    },
    on(n: number): void {
      line = n
    },
  }
}

const handed = (answer: Packed) => ({ lost: answer.lost, jobs: answer.jobs.map((job) => ({ job, isPacked: false })) })

/** The packed form, spelt out: what it leaves away is first attempt and defaults. */
function unpack(answer: Packed): { lost: boolean; jobs: { job: Handed; isPacked: boolean }[] } {
  if (answer.lost) return { lost: true, jobs: [] }
  const jobs = answer.claims.flatMap(({ lease, queue, priority, jobs }) =>
    jobs.map(([id, , kind, payload, , deadline, max_attempts, rest], i) => ({
      isPacked: true,
      job: {
        payload_version: 1,
        metadata: {},
        tags: [],
        trace: null,
        ...rest,
        id,
        kind,
        queue,
        priority,
        payload,
        max_attempts,
        attempt: 1,
        crashes: 0,
        lease: lease + i,
        deadline_in_ms: deadline,
        progress: null,
      },
    })),
  )
  return { lost: false, jobs: [...jobs, ...answer.jobs.map((job) => ({ job, isPacked: false }))] }
}

const tell = (job: Handed): Record<string, unknown> => ({
  kind: job.kind,
  queue: job.queue,
  priority: job.priority,
  payload: sorted(job.payload),
  payload_version: job.payload_version,
  attempt: job.attempt,
  max_attempts: job.max_attempts,
  crashes: job.crashes,
  // To the second: each engine stamps it by its own clock.
  deadline: job.deadline_in_ms === null ? null : Math.round(job.deadline_in_ms / 60_000),
  metadata: sorted(metadataOf(job.metadata)),
  tags: job.tags,
  trace: sorted(job.trace),
  progress: sorted(job.progress),
})

/** The same value with its members in one order: json keeps what was written, jsonb sorts. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, sorted(one)]),
  )
}

/**
 * Ready jobs with rows that somebody holds, looked for from beside: a claim passes them by, and whoever waits for a result or asks for a retry
 * holds what he marks until his transaction ends, claimed or not.
 */
async function lockedByOthers(world: World, which: Which): Promise<Set<string>> {
  if (!world.lines.some((one) => one.holds)) return new Set()
  const beside = world.engines[which].session(READER)
  const ready = "select id, kind, payload, metadata from countersign_queue.jobs where state = 'ready'"
  await beside.run('begin')
  const all = (await beside.run(ready)) as { id: string }[]
  const free = new Set(((await beside.run(`${ready} for update skip locked`)) as { id: string }[]).map(({ id }) => id))
  await beside.run('rollback')
  return new Set(all.filter(({ id }) => !free.has(id)).map((row) => keyOf(world, which, row)))
}

/** Jobs that another open transaction claimed or holds; in the ring also those that are rows: between them and the lanes of the ring no order is promised. */
type Found = { elsewhere: ReadonlySet<string>; rows: ReadonlySet<string> | null }

function judgeOne(world: World, which: Which, taken: readonly Taken[], asked: Asked, found: Found): void {
  const place = new Map<string, number>()
  taken.forEach((one, n) => {
    if (place.has(one.key)) throw new Broken('NoDuplicateClaim', `${which} gave ${one.key} twice in one claim`)
    place.set(one.key, n)
    if (world.held.some((other) => other.key === one.key && other.id[which] === one.id && other.lease[which] >= one.lease))
      throw new Broken('LeaseStrictlyGrows', `${which} gave ${one.key} lease ${one.lease} again`)
    if (one.lease <= (world.leases[which].get(one.id) ?? 0))
      throw new Broken(
        'LeaseStrictlyGrows',
        `${which} gave ${one.key} lease ${one.lease} after ${world.leases[which].get(one.id)}`,
      )
  })
  const lanes = new Map<string, Job[]>()
  for (const job of world.jobs.values())
    if (job.isPlain && job.committed !== null) lanes.set(job.lane, [...(lanes.get(job.lane) ?? []), job])
  for (const one of taken) {
    const job = world.jobs.get(one.key)
    if (!job?.isPlain) continue
    for (const other of lanes.get(job.lane) ?? []) {
      // A suspect is given alone, before or behind its turn (Q18).
      if ([other, job].some((each) => Number(world.views.get(each.key)?.crashes ?? 0) > 0)) continue
      if (!precedes(other, job) || found.rows?.has(other.key) !== found.rows?.has(job.key)) continue
      const at = place.get(other.key)
      const mine = place.get(job.key) ?? 0
      const wanted = asked.wants.some((want) => job.lane.startsWith(`${want.queue} `) && want.kinds.includes(other.kind))
      const isReady =
        world.views.get(other.key)?.state === 'ready' &&
        wanted &&
        !world.paused.has(other.kind) &&
        !found.elsewhere.has(other.key)
      if (at === undefined ? isReady : at > mine)
        throw new Broken('LaneOrder', `${which} gave ${job.key} before ${other.key}, both of lane ${job.lane}`)
    }
  }
}

/** What Q32 promises, and no more. */
const precedes = (a: Job, b: Job): boolean => (a.txn === b.txn ? a.index < b.index : a.committed !== null && a.committed < b.drew)

function unplain(world: World, key: string): void {
  const job = world.jobs.get(key)
  if (job) job.isPlain = false
}
