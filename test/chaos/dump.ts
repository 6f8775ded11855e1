// A dump under load and its restore, by the engine's tables alone: one snapshot of all of them as text, and a fresh database of that text. Stands in for
// pg_dump, which the embedded PostgreSQL does not bring: the same locks, the same snapshot, the same copy.
import { createQueue, migrate, type State } from '@countersign/queue'
import { type Arena, until } from './arena.ts'
import * as sql from './sql.ts'

type Table = { spoken: string; columns: string[] }
type Dumped = { table: Table; rows: string[] }[]

/** Holds its snapshot until `held` is over, as a dump of other, larger tables would. */
export async function takeDump(arena: Arena, held: () => Promise<unknown>): Promise<Dumped> {
  const dumper = await arena.connect()
  try {
    await dumper.query(sql.pinByRead)
    const { rows: tables } = await dumper.query<Table>(sql.tables)
    const dumped: Dumped = []
    for (const table of tables) {
      const { rows } = await dumper.query<{ rows: string[] }>(sql.dump(table.spoken))
      dumped.push({ table, rows: rows[0]?.rows ?? [] })
    }
    await held()
    return dumped
  } finally {
    await dumper.end()
  }
}

/** Ids of the jobs that are live in a database made of the dump. */
export async function liveInRestored(arena: Arena, dumped: Dumped): Promise<Set<string>> {
  const admin = await arena.connect()
  await admin.query(sql.createDatabase('restored', 'chaos'))
  await admin.end()
  const at = (url: string): string => Object.assign(new URL(url), { pathname: '/restored' }).href
  await migrate(at(arena.url))
  const restorer = await arena.connect(at(arena.adminUrl))
  await restorer.query(sql.asReplica)
  for (const { table } of dumped) await restorer.query(sql.empty(table.spoken))
  for (const { table, rows } of dumped) await restorer.query(sql.restore(table.spoken, table.columns), [rows])
  await restorer.end()

  const queue = createQueue({ database: { url: at(arena.url), max: 2 }, listen: false })
  try {
    const live = new Set<string>()
    for (const state of ['ready', 'running', 'scheduled', 'retrying', 'blocked', 'waiting'] satisfies State[]) {
      for (let after: string | undefined, more = true; more; ) {
        const { data, next_cursor } = await queue.jobs({ state }, { limit: 200, after })
        for (const { id } of data) live.add(id)
        more = next_cursor !== null
        after = next_cursor ?? undefined
      }
    }
    return live
  } finally {
    await queue.close()
  }
}

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
