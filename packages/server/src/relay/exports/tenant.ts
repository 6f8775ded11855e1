// All that a tenant has as lines (platform.md P145, relay.md R110): its record from the first event on, its rows by table, its tasks with what was decided, both of its sides of the
// relay, and at the end what was written and what was left out, with why. Holds a page at a time. It is not one instant: what changes while it is written stands as it was met.
import type { Scope } from '../../db/scope.ts'
import { once } from '../../db/tx.ts'
import type { CheckpointRow } from '../../events/audit/sql.ts'
import { listKeyColumns } from '../../identity/keys-at-rest/rewrap/sql.ts'
import { listUsers } from '../../identity/sql.ts'
import { allTasks } from '../../tasks/export/export.ts'
import { isFinal } from '../../tasks/sql.ts'
import { findGrant } from '../grants/sql.ts'
import type { RelayHouse } from '../house.ts'
import { partyScope } from '../party.ts'
import { showRequest } from '../requests/show.ts'
import { findRequest } from '../requests/sql.ts'
import { askedGrants, askedRequests, type Place, type PlacedId, relayPlace } from '../sql.ts'
import type { Lines } from './lines.ts'
import { type Job, read, writeGiven, writeHeld, writeReceipt, writeRecord, writeRequestReceipts, writeThreads } from './side.ts'
import { listColumns, nextCards, nextHeldGrants, nextRequests, nextRows } from './sql.ts'
import { LEFT_OUT, ROWS } from './tables.ts'

const PAGE = 100

export type Whole = { house: RelayHouse; own: Scope; checkpoint: CheckpointRow; out: Lines }

export async function writeTenant(whole: Whole, signal?: AbortSignal): Promise<void> {
  const { house, own, checkpoint, out } = whole
  const owner: Job = { ...whole, there: { ...own, relaySide: 'owner' }, side: 'owner' }
  await writeRecord(owner, signal)
  const users = await writeUsers(whole)
  const { written, without } = await writeTables(whole, signal)
  const tasks = await writeTasks(owner, signal)
  for await (const { id } of paged((after) => read(house, own, (t) => nextCards(t, own, after, PAGE)))) {
    await writeGiven(owner, 'card', id)
    await writeRequestReceipts(owner, id)
    await writeThreads(owner, id, signal)
  }
  for await (const { id } of paged((after) => read(house, own, (t) => nextRequests(t, own, after, PAGE)))) {
    const row = await read(house, own, (t) => findRequest(t, own, id))
    if (row) await out.put({ connection_request: showRequest(house, row, 'owner') })
  }
  await writeAsCaller(owner, signal)
  const record = { from_seq: 1, to_seq: checkpoint.size }
  await out.put({ manifest: { record, rows: { users, ...written }, without, tasks, left_out: LEFT_OUT } })
}

/** Each party by itself, as it lies with its owner. What is between two agents of this tenant was written already. */
async function writeAsCaller(owner: Job, signal?: AbortSignal): Promise<void> {
  const { house, own, out } = owner
  const asked = (which: typeof askedGrants) =>
    downwards((below) => read(house, own, (t) => which(t, own.tenantId, below, PAGE)), own.tenantId)
  for await (const { id } of asked(askedRequests)) {
    const there = await partyThere(owner, id)
    const row = there && (await read(house, there, (t) => findRequest(t, there, id)))
    if (row) await out.put({ connection_request: showRequest(house, row, 'caller') })
  }
  for await (const { id } of asked(askedGrants)) {
    signal?.throwIfAborted()
    const there = await partyThere(owner, id)
    if (!there) continue
    const job: Job = { ...owner, there, side: 'caller' }
    if (await read(house, there, (t) => findGrant(t, there, id))) await writeGiven(job, 'relay_grant', id)
    await writeThreads(job, id, signal)
  }
  for await (const { id } of paged((after) => read(house, own, (t) => nextHeldGrants(t, own, after, PAGE)))) {
    const there = await partyThere(owner, id)
    if (there) await writeHeld({ ...owner, there, side: 'caller' }, id)
  }
}

async function partyThere({ house, own }: Job, id: string): Promise<Scope | null> {
  const [place] = await once<Place>(house.db, relayPlace(id))
  return place ? partyScope(own, place, ['threads:read']) : null
}

async function writeUsers({ house, own, out }: Whole): Promise<number> {
  let users = 0
  const next = (after: string) => read(house, own, (t) => listUsers(t, own, { after: after || null, limit: PAGE, only: null }))
  for await (const user of paged(next)) {
    await out.put({ row: { table: 'users', values: user } })
    users++
  }
  return users
}

/** How many rows of each table, and which columns stand in none. */
async function writeTables({ house, own, out }: Whole, signal?: AbortSignal) {
  const names = Object.keys(ROWS)
  const [columns, keys] = await read(house, own, async (t) => [await listColumns(t, names), await listKeyColumns(t, names)])
  const [written, left]: [Record<string, number>, Record<string, string[]>] = [{}, {}]
  for (const [table, { where = 'true', without = [] }] of Object.entries(ROWS)) {
    const all = columns.filter((one) => one.table === table)
    const shown = all.filter((one) => !one.holds_bytes && !without.includes(one.name)).map(({ name }) => name)
    const hidden = all.map(({ name }) => name).filter((name) => !shown.includes(name))
    if (hidden.length > 0) left[table] = hidden
    const from = { table, where, columns: shown, key: keys.filter((one) => one.table === table) }
    written[table] = 0
    for (let after: string[] | null = null; ; ) {
      signal?.throwIfAborted()
      const found = await read(house, own, (t) => nextRows(t, own, from, after, PAGE))
      for (const { text } of found) await out.putText(`{"row":{"table":"${table}","values":${text}}}`)
      written[table] += found.length
      const last = found.at(-1)
      if (!last || found.length < PAGE || from.key.length === 0) break
      after = last.key
    }
  }
  return { written, without: left }
}

async function writeTasks(job: Job, signal?: AbortSignal): Promise<number> {
  let tasks = 0
  for await (const page of allTasks(job.house.tasks, job.own)) {
    signal?.throwIfAborted()
    for (const { id, status, lesson } of page) {
      await job.out.put({ task: lesson })
      if (isFinal(status)) await writeReceipt(job, id)
      tasks++
    }
  }
  return tasks
}

async function* paged<Row extends { id: string }>(next: (after: string) => Promise<readonly Row[]>): AsyncGenerator<Row> {
  for (let after = ''; ; ) {
    const rows = await next(after)
    yield* rows
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    after = last.id
  }
}

/** Newest first, and only what lies with others. */
async function* downwards(next: (below: string | null) => Promise<readonly PlacedId[]>, own: string): AsyncGenerator<PlacedId> {
  for (let below: string | null = null; ; ) {
    const rows = await next(below)
    yield* rows.filter((one) => one.tenant_id !== own)
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    below = last.id
  }
}
