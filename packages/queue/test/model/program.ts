// The random program of Q80: steps over eight connections, each taken by both engines or by neither, transactions held open across steps,
// connections that are cut, a clock that jumps. After each step the readers of both must tell the same and the invariants must hold; at the end,
// with nothing broken any more, every job must come to its end (Q156). Now and then a step is not taken but walked: tried once for each lock that it
// takes, to see what it holds where it waits (Q154). The seed says everything: the same one does the same steps again, in the suite and in the search.
import type { Engine, Session, Told, Which } from '../harness.ts'
import { violations } from '../invariants.ts'
import { bounded, openWalker, type Walker } from '../locks.ts'
import { compareReaders } from './readers.ts'
import * as steps from './steps.ts'
import { BOTH, Broken, type Line, newWorld, type Pair, pairOf, READER, type World } from './world.ts'

export type Ran = { steps: number; waits: number; walks: number; world: World }
type Options = { seed: number; steps: number; until?: number }

const LINES = 8

type Choice = (world: World, line: Line) => steps.Step | null

const CHOICES: readonly (readonly [number, Choice])[] = [
  [26, steps.enqueue],
  [16, steps.claim],
  [12, steps.finish],
  [8, steps.settleClaims],
  [3, steps.finishInTx],
  [2, steps.progress],
  [2, steps.start],
  [2, steps.leaveClaim],
  [2, steps.ownJob],
  [2, steps.beat],
  [4, steps.callbackCreate],
  [4, steps.callbackSettle],
  [8, steps.operate],
  [2, steps.byKey],
  [1, steps.deadLetters],
  [3, steps.pause],
  [0.5, steps.drain],
  [8, steps.tick],
  [2, steps.schedule],
  [2, steps.read],
]

export async function runProgram(engines: Pair<Engine>, options: Options): Promise<Ran> {
  const world = newWorld(engines, options.seed, LINES)
  let waits = 0
  let walks = 0
  const walker = await openWalker(engines.ring)
  try {
    await prepare(world)
    while (world.step < options.steps && (options.until === undefined || performance.now() < options.until)) {
      world.step++
      const { random } = world
      const line = random.pick(world.lines)
      const what = random.weighted<'line' | 'kill' | 'restart' | 'lose' | 'clock' | 'walk'>([
        [95, 'line'],
        [1.5, 'kill'],
        [0.5, 'restart'],
        [6, 'walk'],
        [1.5, 'lose'],
        [2, 'clock'],
      ])
      if (what === 'kill') await kill(world, line)
      else if (what === 'restart') await restart(world)
      else if (what === 'walk') walks += (await walk(world, walker)) ? 1 : 0
      else if (what === 'lose' && !world.lines.some((one) => one.holds)) await loseWorker(world)
      else if (what === 'clock') await moveClock(world)
      else if (what === 'line' && !(await stepOn(world, line))) waits++
      await look(world)
    }
    await settleDown(world)
    return { steps: world.step, waits, walks, world }
  } catch (error) {
    const said = (error as Error).message
    const names = new Set(said.match(/\b[je]\d+\b/g))
    const early = world.history.slice(0, -25).filter((line) => line.match(/\b[je]\d+\b/g)?.some((name) => names.has(name)))
    throw Object.assign(error as Error, {
      message: `${said}\n  seed ${options.seed}, step ${world.step}; what it did with these jobs, and its last steps:\n${[...early, '  …', ...world.history.slice(-25)].join('\n')}`,
    })
  } finally {
    await walker.close()
  }
}

const on = (world: World, n: number): Pair<Session> => pairOf((which) => world.engines[which].session(n))
const both = async <T>(fn: (which: Which) => Promise<T>): Promise<Pair<T>> => {
  const [ring, oracle] = await Promise.all([fn('ring'), fn('oracle')])
  return { ring, oracle }
}
const say = (world: World, text: string): void => void world.history.push(`  ${world.step} ${text}`)

/** Notices are put into one queue of the whole server as a transaction commits, and on a loaded machine that takes its time: no patience of a step's. */
const COMMIT = 'set local lock_timeout = 0; commit'

async function prepare(world: World): Promise<void> {
  const reader = on(world, READER)
  await both(async (which) => {
    await reader[which].run('set lock_timeout = 0')
    await reader[which].get('register_kinds($1::jsonb)', [JSON.stringify(steps.KINDS)])
    for (const worker of steps.WORKERS) await register(reader[which], worker)
  })
}

const register = (session: Session, worker: string) =>
  session.get("register_worker($1::text, $2::text[], $3::text[], 'host', 1, 'test', 3600000)", [
    worker,
    [...steps.QUEUES, 'default'],
    Object.keys(steps.KINDS),
  ])

/** One step on one connection. False: somebody else's lock was in the way, and neither engine took it. */
async function stepOn(world: World, line: Line): Promise<boolean> {
  const { random } = world
  if (line.isOpen && random.chance(0.35)) {
    await end(world, line, random.chance(0.7))
    return true
  }
  if (line.isOpen && random.chance(0.2)) {
    await savepoint(world, line)
    return true
  }
  const choice = random.weighted(CHOICES)
  // A claim sees what its own transaction enqueued in the oracle alone; who does both in one transaction is a scenario of its own.
  if (choice === steps.claim && line.isOpen) return true
  const step = prepareLine(world, line, choice)
  if (!step) return true
  if (step.isShort && line.isOpen) return true
  return take(world, line, step, {
    keepOpen: !step.isShort && random.chance(0.25) && world.lines.filter((one) => one.isOpen).length < 4,
  })
}

function prepareLine(world: World, line: Line, choice: Choice): steps.Step | null {
  if (!line.isOpen) {
    line.txn = ++world.txns
    line.drew = world.step
    line.readCommitted = !(choice === steps.enqueue && world.random.chance(0.05))
  } else if (!line.readCommitted && choice !== steps.enqueue) return null
  const step = choice(world, line)
  step?.on?.(line.n)
  return step
}

async function take(world: World, line: Line, step: steps.Step, { keepOpen }: { keepOpen: boolean }): Promise<boolean> {
  const sessions = on(world, line.n)
  const begin = line.isOpen
    ? 'savepoint step'
    : `begin isolation level ${line.readCommitted ? 'read committed' : 'repeatable read'}`
  const back = line.isOpen ? 'rollback to savepoint step' : 'rollback'
  const told = await both(async (which): Promise<Told> => {
    await sessions[which].run(begin)
    return step.ask(sessions[which], which)
  })
  say(world, `${line.n}${line.isOpen ? '…' : ''} ${step.says}`)
  const waited = BOTH.filter((which) => told[which].code === '55P03')
  if (waited.length > 0 || told.ring.code !== null || told.oracle.code !== null) {
    await both((which) => sessions[which].run(back))
    say(world, `   ${BOTH.map((which) => `${which} ${told[which].code ?? 'ok'}`).join(', ')}`)
    if (step.neverWaits && told.ring.code === '55P03') throw new Broken(step.neverWaits, `ring waited for a lock: ${step.says}`)
    if (waited.length === 0 && told.ring.code !== told.oracle.code) throw new Broken('SameAnswer', describe(told))
    return waited.length === 0
  }
  await bounded(world.engines.ring, sessions.ring.pid, step.says)
  const answers = pairOf((which) => told[which].answer)
  step.now?.(answers)
  const common = pairOf((which) => JSON.stringify(step.common ? step.common(answers[which], which) : answers[which]))
  if (common.ring !== common.oracle)
    throw new Broken('SameAnswer', `${step.says}\n  ring ${common.ring}\n  oracle ${common.oracle}`)
  await step.judge?.(answers, sessions)
  line.holds ||= step.holds
  if (step.after) line.pending.push(() => step.after?.(answers))
  const wasOpen = line.isOpen
  line.isOpen = true
  if (!wasOpen && !keepOpen) await end(world, line, true)
  return true
}

const describe = (told: Pair<Told>): string =>
  BOTH.map((which) => {
    const one = told[which]
    return `${which}: ${one.code === null ? JSON.stringify(one.answer) : `${one.code} ${one.message}`}`
  }).join('; ')

async function savepoint(world: World, line: Line): Promise<void> {
  const { random } = world
  const sessions = on(world, line.n)
  const mark = line.marks.at(-1)
  if (mark && random.chance(0.6)) {
    say(world, `${line.n}… rollback to savepoint`)
    await both((which) => sessions[which].run(`rollback to savepoint mark${line.marks.length}`))
    line.marks.pop()
    line.pending.length = mark.pending
    for (const job of line.enqueued.splice(mark.enqueued)) haunt(world, job)
  } else {
    line.marks.push({ pending: line.pending.length, enqueued: line.enqueued.length })
    say(world, `${line.n}… savepoint`)
    await both((which) => sessions[which].run(`savepoint mark${line.marks.length}`))
  }
}

/** Rolled back: nobody may ever tell of it. */
function haunt(world: World, job: World['jobs'] extends Map<string, infer J> ? J : never): void {
  job.isGhost = true
  job.committed = null
  world.jobs.set(job.key, job)
}

async function end(world: World, line: Line, commits: boolean): Promise<void> {
  const sessions = on(world, line.n)
  if (line.isOpen) await both((which) => sessions[which].run(commits ? COMMIT : 'rollback'))
  say(world, `${line.n} ${commits ? 'commit' : 'rollback'}`)
  closed(world, line, commits)
}

function closed(world: World, line: Line, commits: boolean): void {
  for (const job of line.enqueued)
    if (commits) {
      job.committed = world.step
      world.jobs.set(job.key, job)
      world.ids.set(job.key, job.id)
    } else haunt(world, job)
  if (commits) for (const one of line.pending) one()
  Object.assign(line, { isOpen: false, holds: false, enqueued: [], claimed: new Set(), pending: [], marks: [] })
}

async function kill(world: World, line: Line): Promise<void> {
  say(world, `${line.n} is cut`)
  await both((which) => world.engines[which].kill(line.n))
  closed(world, line, false)
}

/** The server stops and starts: every connection is cut at once, and what was open is as if it had never been. */
async function restart(world: World): Promise<void> {
  say(world, 'every connection is cut')
  await both(async (which) => {
    await world.engines[which].restart()
    await world.engines[which].session(READER).run('set lock_timeout = 0')
  })
  for (const line of world.lines) closed(world, line, false)
}

/** What a step would wait for, and what it holds then (Q154): tried on the ring alone and rolled back, so that neither engine is changed. */
async function walk(world: World, walker: Walker): Promise<boolean> {
  const idle = world.lines.filter((one) => !one.isOpen)
  if (idle.length === 0) return false
  const line = world.random.pick(idle)
  const step = prepareLine(world, line, world.random.weighted(CHOICES))
  if (!step) return false
  say(world, `${line.n} is walked through ${step.says}`)
  const waits = await walker.walk(step.says, on(world, line.n).ring, (s) => step.ask(s, 'ring'), step.neverWaits)
  return waits !== null
}

/** A worker that vouches no longer, or one that comes back under its old name. */
async function loseWorker(world: World): Promise<void> {
  const worker = world.random.pick(steps.WORKERS)
  const isBack = world.random.chance(0.5)
  say(world, `${worker} is ${isBack ? 'there again' : 'lost'}`)
  const reader = on(world, READER)
  await both(async (which) => {
    if (isBack) await register(reader[which], worker)
    else {
      await world.engines[which].look(
        `update countersign_queue.workers set beat_at = clock_timestamp() - interval '1 day' where id = $1`,
        [worker],
      )
      await reader[which].get("tick('{rescue}')")
    }
  })
}

const MOST_MINUTES = 18 * 60

async function moveClock(world: World): Promise<void> {
  const minutes = world.random.pick([10, 20, 60])
  if (world.minutes + minutes > MOST_MINUTES) return
  say(world, `${minutes} minutes pass`)
  world.minutes += minutes
  await both((which) => world.engines[which].advance(minutes))
}

async function look(world: World): Promise<void> {
  await compareReaders(world, on(world, READER))
  const found = await both((which) => violations(world.engines[which], [...world.purged]))
  for (const which of BOTH) for (const { invariant, detail } of found[which]) throw new Broken(invariant, `${which}: ${detail}`)
}

/** No more faults: everything open ends, workers are there, nothing is paused; then every job reaches its end (Q156). */
async function settleDown(world: World): Promise<void> {
  for (const line of world.lines) if (line.isOpen) await end(world, line, world.random.chance(0.5))
  const reader = on(world, READER)
  await both(async (which) => {
    for (const worker of steps.WORKERS) await register(reader[which], worker)
    for (const name of steps.QUEUES) await reader[which].get('set_paused($1::text, $2::text, false)', ['queue', name])
    for (const name of Object.keys(steps.KINDS)) await reader[which].get('set_paused($1::text, $2::text, false)', ['kind', name])
  })
  world.paused.clear()
  await look(world)
  const rounds = 60
  for (let round = 1; ; round++) {
    const live = [...world.views].filter(([, view]) => !['completed', 'failed', 'cancelled'].includes(view.state))
    if (live.length === 0) break
    if (round > rounds)
      throw new Broken(
        'Liveness',
        `after ${rounds} rounds: ${live.map(([key, view]) => `${key} ${view.state} ${view.reason}`).join(', ')}`,
      )
    say(world, `round ${round}: ${live.length} live`)
    for (const [key, view] of live)
      if (view.state === 'blocked')
        await both((which) => reader[which].get('release_job($1::text)', [world.ids.get(key)?.[which]]))
    for (const callback of world.callbacks)
      if (world.views.get(callback.key)?.state === 'waiting')
        await both((which) => reader[which].get("callback_settle($1::text, 'resume', '{}')", [callback.id[which]]))
    await both((which) => workOff(reader[which]))
    if (round % 2 === 0) {
      await both((which) => world.engines[which].advance(70))
      world.minutes += 70
    }
    await both((which) => reader[which].get('tick()'))
    await look(world)
  }
}

/** A worker that knows every kind and completes whatever it is given. */
async function workOff(session: Session): Promise<void> {
  const wants = [...steps.QUEUES, 'default'].map((queue) => ({ queue, n: 100, kinds: Object.keys(steps.KINDS) }))
  for (;;) {
    const token = crypto.randomUUID()
    const { jobs } = await session.get<{ jobs: { id: string; lease: number }[] }>('claim($1::text, $2::uuid, $3::jsonb)', [
      steps.WORKERS[0],
      token,
      JSON.stringify(wants),
    ])
    if (jobs.length === 0) return
    const verdicts = await session.get<string[]>('finish($1::jsonb)', [
      JSON.stringify(jobs.map(({ id, lease }) => ({ id, lease, token, outcome: 'completed' }))),
    ])
    const other = verdicts.find((verdict) => verdict !== 'settled')
    if (other) throw new Broken('AtMostOneSettlement', `a worker that held its jobs was told ${other}`)
  }
}
