// What locks a call of the engine takes, as pg_locks shows them (Q154). The order in which it takes them is not in pg_locks, but can be had from it: somebody
// else holds one of them, the call is made to wait there, and what it holds at that moment it took before. Rolled back each time: nothing of it stays.
import type pg from 'pg'
import { connect, type Engine, type Session, type Told } from './harness.ts'
import { Broken } from './model/world.ts'

/** Classes of the two-integer form, in the order in which whoever waits may take them; then rows of jobs by id. */
const ORDER = [1668248951, 1668248940, 1668248947, 1668248939, 1668248948, 1668248945] as const
const NAMES = ['worker', 'lane', 'stripe', 'claims of a queue', 'claims of a kind', 'a new lane of a queue', 'row'] as const
const ROW = ORDER.length
/** A transaction of the engine holds at most so many advisory locks, however much it was asked for. */
export const MOST_ADVISORY = 64

type Lock = { rank: number; of: string; class: number; key: number }

const ADVISORY = `
  select l.classid::bigint as class, l.objid::bigint as key, l.objid::bigint::bit(32)::integer as signed from pg_locks l
  where l.locktype = 'advisory' and l.granted and l.pid = $1`
const FREE_ROWS = 'select id from countersign_queue.jobs order by id for update skip locked'

export type Walker = {
  /** Every call once for each lock that it takes: throws when it waits for one while it holds a later one. Answers at how many it waited, null when others are in its way. */
  walk(says: string, s: Session, ask: (s: Session) => Promise<Told>, neverWaits?: string): Promise<number | null>
  close(): Promise<void>
}

/** How many advisory locks a connection holds. */
export async function advisoryLocks(engine: Engine, pid: number): Promise<number> {
  const { n } = await engine.lookOne<{ n: number }>(
    "select count(*)::integer as n from pg_locks where locktype = 'advisory' and granted and pid = $1",
    [pid],
  )
  return n
}

export async function bounded(engine: Engine, pid: number, says: string): Promise<void> {
  const n = await advisoryLocks(engine, pid)
  if (n > MOST_ADVISORY) throw new Broken('BoundedAdvisoryLocks', `${says} holds ${n} advisory locks`)
}

export async function openWalker(engine: Engine): Promise<Walker> {
  const [blocker, looker] = [await connect(engine.adminUrl), await connect(engine.adminUrl)]
  const blocking = (await blocker.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0

  const lockedRows = async (): Promise<string[]> => {
    await looker.query('begin')
    const all = await looker.query<{ id: string }>('select id from countersign_queue.jobs order by id')
    const free = new Set((await looker.query<{ id: string }>(FREE_ROWS)).rows.map((row) => row.id))
    await looker.query('rollback')
    return all.rows.map((row) => row.id).filter((id) => !free.has(id))
  }
  const held = async (pid: number): Promise<Lock[]> => {
    const { rows } = await looker.query<{ class: string; key: string; signed: number }>(ADVISORY, [pid])
    const advisory = rows.flatMap((row) => {
      const rank = ORDER.indexOf(Number(row.class) as (typeof ORDER)[number])
      return rank < 0 ? [] : [{ rank, of: row.key.padStart(12, '0'), class: Number(row.class), key: row.signed }]
    })
    return [...advisory, ...(await lockedRows()).map((id) => ({ rank: ROW, of: id, class: 0, key: 0 }))]
  }

  return {
    async walk(says, s, ask, neverWaits) {
      if ((await lockedRows()).length > 0) return null
      const begin = async (patience: string) => {
        await s.run('begin')
        await s.run(`set local lock_timeout = '${patience}'`)
      }
      await begin('100ms')
      const first = await ask(s)
      const locks = first.code === null ? await held(s.pid) : []
      await s.run('rollback')
      if (first.code !== null) return null
      let waits = 0
      for (const lock of locks) {
        await blocker.query('begin')
        // What others share with the call, nobody can take from it: they are in its way.
        const taken =
          lock.rank === ROW
            ? await blocker.query('select 1 from countersign_queue.jobs where id = $1 for update skip locked', [lock.of])
            : await blocker.query('select 1 where pg_try_advisory_xact_lock($1::integer, $2::integer)', [lock.class, lock.key])
        if (taken.rows.length === 0) {
          await blocker.query('rollback')
          return null
        }
        await begin('10s')
        const asked = ask(s)
        const waiting = await waitsFor(looker, s.pid, blocking, asked)
        const before = waiting ? (await held(s.pid)).filter((one) => one.of !== lock.of || one.rank !== lock.rank) : []
        await blocker.query('rollback')
        const told = await asked
        await s.run('rollback')
        if (told.code === '40P01') throw new Broken('NoDeadlock', says)
        if (!waiting) continue
        waits++
        if (neverWaits) throw new Broken(neverWaits, `${says} waits for ${nameOf(lock)}`)
        const later = before.find((one) => one.rank > lock.rank || (one.rank === lock.rank && one.of > lock.of))
        if (later)
          throw new Broken('AscendingOrder', `${says} waits for ${nameOf(lock)} and holds ${before.map(nameOf).join(', ')}`)
      }
      return waits
    },
    async close() {
      await Promise.all([blocker.end(), looker.end()])
    },
  }
}

const nameOf = (lock: Lock): string => `${NAMES[lock.rank]} ${lock.rank === ROW ? lock.of : Number(lock.of)}`

/** Whether a call comes to wait for the blocker; false when it ends without. */
async function waitsFor(looker: pg.Client, pid: number, blocking: number, asked: Promise<unknown>): Promise<boolean> {
  let over = false
  const ended = asked.then(() => {
    over = true
  })
  while (!over) {
    const { rows } = await looker.query<{ waits: boolean }>('select $2::integer = any (pg_blocking_pids($1)) as waits', [
      pid,
      blocking,
    ])
    if (rows[0]?.waits) return true
  }
  await ended
  return false
}
