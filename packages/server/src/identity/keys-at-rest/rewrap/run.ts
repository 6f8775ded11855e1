// A rewrap from end to end (P126, V72): count, new versions of tenants' keys, wait until every live process opens them, use them, and move every wrap over.
// Each batch is one transaction with its progress, so a process killed at any instant loses nothing and the next one goes on from the rows. Two run one
// after the other. Touches wraps only; what is sealed is neither opened nor written, unless `reseal` asks for it.
import type { WrappingKey } from '../../../crypto/seal.ts'
import { randomToken } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { homeTenant } from '../../sql.ts'
import { changeRing, type KeyringHouse } from '../root/root-key.ts'
import { listLeases } from '../root/sql.ts'
import { peekTenantKey } from '../tenant-key.ts'
import { type Batch, readWraps, resealColumn, versionBytes, type WorkColumn, workColumns, writeWraps } from './move.ts'
import { renewTenant, rewrapInstallation } from './renew.ts'
import {
  countWrapsOf,
  keepRewrap,
  nextTenants,
  type Progress,
  type RewrapRow,
  releaseRewrap,
  retireTenantKeys,
  sealWithNewest,
  takeRewrap,
} from './sql.ts'

const HELD_MS = 30_000
const PAGE = 200
const LOOK_MS = 100
const LENT_MS = 60_000
/** A tenant that is written to while it is rewrapped is looked at again; an envelope that cannot be rewrapped must not hold it up for ever. */
const PASSES = 5

export type RewrapOptions = { signal?: AbortSignal; told?: (run: RewrapRow) => void }

/** Somebody else took the run over; what was under way was rolled back. */
class TakenOver extends Error {}

type Work = { house: KeyringHouse; run: RewrapRow; holder: string; columns: WorkColumn[]; options: RewrapOptions }

/** Works on open runs, the oldest first, until none is left or another process holds it. */
export async function workRewraps(house: KeyringHouse, options: RewrapOptions = {}): Promise<void> {
  const holder = randomToken(9)
  const scope = systemScope('keyring')
  while (!options.signal?.aborted) {
    const run = await tx(house.db, scope, (t) => takeRewrap(t, holder, HELD_MS))
    if (!run) return
    const columns = await tx(house.db, scope, (t) => workColumns(t), { readOnly: true })
    try {
      await perform({ house, run, holder, columns, options })
    } catch (error) {
      if (error instanceof TakenOver) return
      await tx(house.db, scope, (t) => releaseRewrap(t, run.id, holder))
      throw error
    }
    if (options.signal?.aborted) await tx(house.db, scope, (t) => releaseRewrap(t, run.id, holder))
  }
}

async function perform(work: Work): Promise<void> {
  const { run } = work
  const phases = { counting: count, renewing: renew, switching: switchOver, rewrapping: rewrapAll }
  // The phase moves on only when one is over, and with it the row: that is where the next process begins.
  while (run.phase in phases && !isStopped(work)) await phases[run.phase as keyof typeof phases](work)
}

const isStopped = ({ options }: Work): boolean => options.signal?.aborted === true

/** In the transaction of what it tells. */
async function keep({ run, holder, options }: Work, t: Tx, next: Partial<RewrapRow>): Promise<void> {
  if ((await keepRewrap(t, { ...run, ...next }, holder, HELD_MS)) === 0) throw new TakenOver()
  t.afterCommit(() => {
    Object.assign(run, next)
    options.told?.(run)
  })
}

const move = (work: Work, next: Partial<RewrapRow>) => tx(work.house.db, systemScope('keyring'), (t) => keep(work, t, next))

/** Every tenant that has keys, from the cursor on; after each the cursor may move. */
async function eachTenant(work: Work, visit: (scope: Scope) => Promise<void>): Promise<void> {
  const { run, house } = work
  if (run.only_tenant) return visit(systemScope('keyring', run.only_tenant))
  let after = run.cursor
  for (;;) {
    const page = await tx(house.db, systemScope('keyring'), (t) => nextTenants(t, after, PAGE), { readOnly: true })
    if (page.length === 0) return
    for (const { tenant_id } of page) {
      if (isStopped(work)) return
      await visit(systemScope('keyring', tenant_id))
      after = tenant_id
    }
  }
}

async function count(work: Work): Promise<void> {
  const items: NonNullable<Progress['items']> = {}
  await eachTenant(work, async (scope) => {
    for (const { item, version, rows } of await tx(work.house.db, scope, (t) => countWrapsOf(t, scope, work.columns), {
      readOnly: true,
    })) {
      const versions = items[item] ?? {}
      items[item] = versions
      const name = String(version.readUInt32BE())
      versions[name] = { total: (versions[name]?.total ?? 0) + rows, done: 0 }
    }
  })
  if (!isStopped(work)) await move(work, { phase: 'renewing', cursor: null, progress: { items } })
}

async function renew(work: Work): Promise<void> {
  const { run, house } = work
  if (!run.only_tenant && run.cursor === null) await rewrapInstallation(house)
  await eachTenant(work, async (scope) => {
    await renewTenant(house, scope, { renew: run.renew, since: run.started_at ?? run.created_at })
    await move(work, { cursor: scope.tenantId })
  })
  if (!isStopped(work)) await move(work, { phase: 'switching', cursor: null })
}

/** New versions are read by every live process first, and only then sealed with. */
async function switchOver(work: Work): Promise<void> {
  const { house, run } = work
  if (run.renew) {
    await spread(work)
    await eachTenant({ ...work, run: { ...run, cursor: null } }, async (scope) => {
      await tx(house.db, scope, (t) => sealWithNewest(t, scope))
    })
    if (isStopped(work)) return
    await spread(work)
  }
  const since = await tx(house.db, systemScope('keyring'), async (t) => t.now.toISOString(), { readOnly: true })
  await move(work, { phase: 'rewrapping', cursor: null, progress: { ...run.progress, since } })
}

/** Returns when every live process has read all that is committed now; one that died is waited for until its lease ends. */
async function spread(work: Work): Promise<void> {
  const { house, options } = work
  const scope = systemScope('keyring')
  const epoch = await changeRing(house, scope, async (_, __, moved) => moved)
  await house.ring.refresh()
  while (!options.signal?.aborted) {
    const leases = await tx(house.db, scope, (t) => listLeases(t), { readOnly: true })
    if (leases.every((lease) => lease.epoch >= epoch)) return
    await move(work, {})
    await new Promise<void>((resume) => void setTimeout(resume, LOOK_MS))
  }
}

async function rewrapAll(work: Work): Promise<void> {
  await eachTenant(work, (scope) => rewrapTenant(work, scope))
  if (isStopped(work)) return
  const { house, run } = work
  const { id: home } = await tx(house.db, systemScope('keyring'), homeTenant, { readOnly: true })
  const scope = systemScope('keyring', home ?? undefined)
  await tx(house.db, scope, async (t) => {
    await keep(work, t, { phase: 'finished', progress: { ...run.progress, until: t.now.toISOString() } })
    if (home) await record(t, scope, 'keyring.rewrapped', { rewrap_id: run.id, ...totals(run), failed: run.failed })
  })
}

async function rewrapTenant(work: Work, scope: Scope): Promise<void> {
  const { house, columns, run } = work
  const lent = lendKey(work, scope)
  const key = await lent()
  if (key) {
    const current = versionBytes(key.current)
    const waiting = async (): Promise<WorkColumn[]> => {
      const counts = await tx(house.db, scope, (t) => countWrapsOf(t, scope, columns), { readOnly: true })
      const older = new Set(counts.filter(({ version }) => !version.equals(current)).map(({ item }) => item))
      return columns.filter(({ table, column }) => older.has(`${table}.${column}`))
    }
    // Most columns of most tenants hold nothing: only those are gone through that do.
    let left = await waiting()
    for (let pass = 1; left.length > 0 && pass <= PASSES && !isStopped(work); pass++) {
      for (const column of left) await rewrapColumn(work, scope, { column, pass, lent })
      left = await waiting()
    }
    if (isStopped(work)) return
    if (run.reseal) for (const column of columns) await resealTenant(work, scope, column)
    if (left.length === 0 && run.renew) await tx(house.db, scope, (t) => retireTenantKeys(t, scope))
  }
  await move(work, { cursor: scope.tenantId })
}

type Lent = () => Promise<WrappingKey | null>

/** The tenant's key, asked for once a minute and not for every batch: a root that is far away would be asked for each. No rotation of it runs beside this one. */
function lendKey({ house }: Work, scope: Scope): Lent {
  let known: { key: WrappingKey | null; until: number } | null = null
  return async () => {
    const now = house.db.clock.now().getTime()
    if (known && now < known.until) return known.key
    const key = await tx(house.db, scope, (t) => peekTenantKey(house, t, scope), { readOnly: true })
    known = { key: key && { current: key.current, versions: new Map(key.versions) }, until: now + LENT_MS }
    return known.key
  }
}

type Column = { column: WorkColumn; pass: number; lent: Lent }

/** While one batch is written the next is read: what is written is compared with what was read, so that neither waits for the other. */
async function rewrapColumn(work: Work, scope: Scope, { column, pass, lent }: Column): Promise<void> {
  const { house } = work
  const read = async (after: string[] | null): Promise<Batch> => {
    const key = await lent()
    if (!key) return { last: null, next: [], failed: [] }
    return tx(house.db, scope, (t) => readWraps(t, scope, key, column, after), { readOnly: true })
  }
  let ahead: Promise<Batch> | null = read(null)
  while (ahead !== null) {
    const batch: Batch = await ahead
    ahead = batch.last && !isStopped(work) ? read(batch.last) : null
    // Whoever awaits it hears why it failed; until then nobody does.
    ahead?.catch(() => undefined)
    try {
      await writeBatch(work, scope, column, batch, pass)
    } catch (error) {
      await ahead?.catch(() => undefined)
      throw error
    }
    for (const one of pass === 1 ? batch.failed : [])
      house.log?.error(
        { table: column.table, column: column.column, row: one.key.join('/'), err: one.error },
        'an envelope cannot be rewrapped',
      )
    if (isStopped(work)) break
  }
  await ahead?.catch(() => undefined)
}

const writeBatch = (work: Work, scope: Scope, column: WorkColumn, batch: Batch, pass: number): Promise<void> =>
  tx(work.house.db, scope, async (t) => {
    const { run } = work
    const moved = await writeWraps(t, scope, column, batch)
    // An envelope that fails is counted once, not in each pass.
    await keep(work, t, {
      progress: counted(run.progress, column, moved),
      failed: run.failed + (pass === 1 ? batch.failed.length : 0),
    })
  })

async function resealTenant(work: Work, scope: Scope, column: WorkColumn): Promise<void> {
  let after: string[] | null = null
  do {
    if (isStopped(work)) return
    after = await tx(work.house.db, scope, async (t) => {
      const key = await peekTenantKey(work.house, t, scope)
      const last = key && (await resealColumn(work.house, t, scope, key, column, after))
      await keep(work, t, {})
      return last
    })
  } while (after)
}

function counted(progress: Progress, { table, column }: WorkColumn, moved: readonly number[]): Progress {
  const items = { ...progress.items }
  const item = { ...items[`${table}.${column}`] }
  for (const version of moved) {
    const { total, done } = item[version] ?? { total: 0, done: 0 }
    // What was written under the old version after the count is part of the work too.
    item[version] = { total: Math.max(total, done + 1), done: done + 1 }
  }
  if (moved.length > 0) items[`${table}.${column}`] = item
  return { ...progress, items }
}

export function totals({ progress }: Pick<RewrapRow, 'progress'>): { total: number; done: number } {
  const all = Object.values(progress.items ?? {}).flatMap((versions) => Object.values(versions))
  return { total: all.reduce((sum, one) => sum + one.total, 0), done: all.reduce((sum, one) => sum + one.done, 0) }
}
