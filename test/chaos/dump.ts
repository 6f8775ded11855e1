// A dump under load and its restore, by the engine's tables alone: one snapshot of all of them as text, a page at a time, into another database. Stands in
// for pg_dump, which the embedded PostgreSQL does not bring: the same locks, the same snapshot, the same copy. What it holds was committed, or is not there.
import { migrate, type State } from '@countersign/queue'
import pg from 'pg'
import { type Arena, until } from './arena.ts'
import * as sql from './sql.ts'

/** A database: as the engine's owner, and as the superuser. */
export type Place = { url: string; adminUrl: string }

type Table = { spoken: string; columns: string[] }

/** Holds its snapshot until `held` is over, as a dump of other, larger tables would. */
export async function copyDatabase(from: Place, to: Place, held: () => Promise<unknown> = async () => undefined): Promise<void> {
  const [dumper, restorer] = [new pg.Client(from.adminUrl), new pg.Client(to.adminUrl)]
  await dumper.connect()
  try {
    await dumper.query(sql.pinByRead)
    const { rows: tables } = await dumper.query<Table>(sql.tables) // from here on it sees this moment
    await migrate(to.url)
    await restorer.connect()
    await restorer.query(sql.asReplica)
    for (const { spoken } of tables) await restorer.query(sql.empty(spoken))
    for (const { spoken, columns } of tables) {
      await dumper.query(sql.openRows(spoken))
      for (let more = true; more; ) {
        const { rows } = await dumper.query<{ row: string }>(sql.someRows)
        more = rows.length > 0
        if (more) await restorer.query(sql.restore(spoken, columns), [rows.map(({ row }) => row)])
      }
      await dumper.query(sql.closeRows)
    }
    for (const { name, at } of (await dumper.query<{ name: string; at: string }>(sql.sequences)).rows)
      await restorer.query(sql.setSequence, [name, at])
    await held()
  } finally {
    await Promise.all([dumper.end(), restorer.end()])
  }
}

/** A fresh database beside the arena's own, for a copy of it. */
export async function besideArena(arena: Arena): Promise<Place> {
  const admin = await arena.connect()
  await admin.query(sql.createDatabase('restored', 'chaos'))
  await admin.end()
  const at = (url: string): string => Object.assign(new URL(url), { pathname: '/restored' }).href
  return { url: at(arena.url), adminUrl: at(arena.adminUrl) }
}

const A_CALL = 1_000

/** Which of these jobs are not there, or over. */
export async function notLiveIn({ url }: Place, ids: readonly string[]): Promise<string[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const missing: string[] = []
    for (let from = 0; from < ids.length; from += A_CALL) {
      const some = ids.slice(from, from + A_CALL)
      const { rows } = await client.query<{ told: Record<string, { state: State }> }>(sql.statesOf, [some])
      const told = rows[0]?.told ?? {}
      missing.push(...some.filter((id) => !LIVE.includes(told[id]?.state as State)))
    }
    return missing
  } finally {
    await client.end()
  }
}
const LIVE: readonly State[] = ['ready', 'running', 'scheduled', 'retrying', 'blocked', 'waiting']

/** The longest that any claim was seen waiting for a lock is over 100 ms when this counts one. */
export function watchClaims(arena: Arena): { seen(): Promise<string[]> } {
  const seen: string[] = []
  let isOn = true
  const watching = until(
    'told to end',
    async () => {
      for (const { query } of await arena.look<{ query: string }>(sql.waitingClaims)) seen.push(query)
      return !isOn
    },
    3_600_000,
  )
  return {
    async seen() {
      isOn = false
      await watching
      return seen
    },
  }
}
