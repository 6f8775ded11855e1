// The ways to hurt an arena, each as something that begins, lasts and is over. None of them waits for a recovery: that is measured after it.
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { type Arena, type Fighter, until } from './arena.ts'
import * as sql from './sql.ts'

export type Fault = { name: string; strike(arena: Arena, ms: number): Promise<string | null> }

const pidOf = (leader: string | null): number => Number(/-(\d+)-[0-9a-f]+$/.exec(leader ?? '')?.[1])

/** The worker process that holds the lease of maintenance. */
export async function leaderOf(arena: Arena): Promise<Fighter | undefined> {
  const { leader } = await arena.queue.health() // null, too, while the database is away
  return arena.fighters.find(({ pid }) => pid === pidOf(leader))
}

async function replace(arena: Arena, fighter: Fighter): Promise<void> {
  arena.fighters.splice(arena.fighters.indexOf(fighter), 1)
  await fighter.kill()
  await arena.spawn()
}

/** kill -9 of the whole PostgreSQL; its keeper starts it again. */
export const restart: Fault = {
  name: 'PostgreSQL restarts',
  async strike({ database, connect }) {
    const { pid } = database
    process.kill(pid, 'SIGKILL')
    await until('another PostgreSQL runs', () => database.pid !== pid)
    const answers = () =>
      connect().then(
        (client) => client.end().then(() => true),
        () => false,
      )
    const ms = await until('it answers', answers)
    return `recovered from its log in ${Math.round(ms)} ms`
  },
}

export const backends: Fault = {
  name: 'backends are ended, two a second',
  async strike(arena, ms) {
    let ended = 0
    for (const begun = performance.now(); performance.now() - begun < ms; await pause(Math.min(500, ms / 4)))
      ended += (await arena.look<{ ended: boolean }>(sql.endRandomBackend)).length
    return `${ended} ended`
  },
}

/** Strangers take every connection that is free, and then the engine's own are ended, so that it has to ask for new ones. */
export const exhaustion: Fault = {
  name: 'strangers take all connections',
  async strike(arena, ms) {
    const stranger = new URL(arena.url)
    stranger.username = 'stranger'
    const strangers: pg.Client[] = []
    let refused = 0
    const take = async () => {
      await Promise.all(
        Array.from({ length: 30 }, async () => {
          const client = await arena.connect(stranger.href).catch(() => null)
          if (client) strangers.push(client)
          else refused++
        }),
      )
    }
    while (refused === 0 && strangers.length < 330) await take()
    await arena.look(sql.endAllBackends)
    await take()
    const taken = strangers.length
    await pause(ms)
    await Promise.all(strangers.map((client) => client.end()))
    return `${taken} of theirs, ${refused} refused`
  },
}

/** Those that do not lead: without a leader nobody is rescued, which is a fault of its own. */
export const killWorkers: Fault = {
  name: 'workers are killed',
  async strike(arena, ms) {
    let killed = 0
    for (const begun = performance.now(); performance.now() - begun < ms; killed++) {
      const leader = await leaderOf(arena)
      await replace(arena, arena.fighters.find((fighter) => fighter !== leader) as Fighter)
      await pause(Math.min(10_000, ms))
    }
    return `${killed} killed`
  },
}

/** A leader that is killed is found out when its lease is over; one that is told to stop gives it up. */
const loseLeader = (name: string, end: (leader: Fighter) => Promise<unknown>): Fault => ({
  name,
  async strike(arena) {
    let leader!: Fighter
    await until('somebody leads', async () => {
      const now = await leaderOf(arena)
      if (now) leader = now
      return now !== undefined
    })
    arena.fighters.splice(arena.fighters.indexOf(leader), 1)
    await end(leader)
    await arena.spawn()
    const ms = await until('another leads', async () => {
      const now = await leaderOf(arena)
      return now !== undefined && now.pid !== leader.pid
    })
    return `another leads after ${Math.round(ms)} ms`
  },
})

export const killLeader = loseLeader('the leader is killed', (leader) => leader.kill())
export const stopLeader = loseLeader('the leader is stopped', (leader) => leader.stop())

/** Who waited for whom stands in the detail, which an error does not show by itself. */
function inFull(error: Error & { detail?: string }): never {
  throw new Error(`${error.message}: ${error.detail ?? ''}`, { cause: error })
}

/** An idle transaction that wrote, then one that reads all of the engine's tables: both hold the horizon. */
export const pin: Fault = {
  name: 'the horizon is pinned',
  async strike(arena, ms) {
    const dead = async () => (await arena.look<{ dead: number }>(sql.deadTuples))[0]?.dead ?? 0
    const before = await dead()
    for (const how of [sql.pinByXid, sql.pinByRead]) {
      const holder = await arena.connect()
      await holder.query(how)
      if (how === sql.pinByRead)
        for (const { spoken } of await arena.look<{ spoken: string }>(sql.tables))
          await holder.query(sql.readAll(spoken)).catch(inFull)
      await pause(ms / 2)
      await holder.query(sql.unpin)
      await holder.end()
    }
    return `${Math.max(0, (await dead()) - before)} dead tuples`
  },
}
