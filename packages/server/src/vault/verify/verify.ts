// Every envelope of a tenant, opened and let go of (V74): how many there are by table, and how many do not open. Nothing that was sealed is kept, shown or written down.
// A connection that was tampered with is suspended, as its use would suspend it, and the rows are held against the record of them (V70).
import { EnvelopeError, open, type Place, type WrappingKey } from '../../crypto/seal.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import {
  listKeyColumns,
  nextEnvelopes,
  type WholeRow,
  type WrapColumn,
  walkByKey,
} from '../../identity/keys-at-rest/rewrap/sql.ts'
import { SEALED, type SealedColumn } from '../../identity/keys-at-rest/sealed-columns.ts'
import { reloadTenantKeys, subjectKeys, tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { compareTenant } from '../material/check.ts'
import { suspendTampered } from '../material/tampered.ts'

export type Verified = {
  /** Envelopes that were looked at; those whose key was destroyed on purpose are `erased`, and are no failure. */
  checked: number
  failed: number
  erased: number
  /** Connections whose whole row is older than the record of it. */
  put_back: number
  items: Record<string, { checked: number; failed: number }>
}

type Column = WrapColumn & Pick<SealedColumn, 'row' | 'subject'>
type House = Pick<VaultHouse, 'db' | 'keyring' | 'log'>

const ROWS = 200

/** `told` hears how far it is, after each batch. */
export async function verifyTenant(
  house: House,
  tenantId: string,
  told: (done: number, item: string) => void,
  signal: AbortSignal,
): Promise<Verified> {
  const scope = systemScope('vault', tenantId)
  const all: Verified = { checked: 0, failed: 0, erased: 0, put_back: 0, items: {} }
  for (const column of await tx(house.db, scope, columnsOf, { readOnly: true })) {
    const item = `${column.table}.${column.column}`
    const own = { checked: 0, failed: 0 }
    for (let after: string[] | null = null; ; ) {
      signal.throwIfAborted()
      const batch: Batch = await openBatch(house, scope, column, after)
      own.checked += batch.seen
      own.failed += batch.broken.length
      all.erased += batch.erased
      for (const row of batch.broken) await report(house, tenantId, column, row)
      told(all.checked + own.checked, item)
      after = batch.last
      if (after === null) break
    }
    all.checked += own.checked
    all.failed += own.failed
    if (own.checked > 0) all.items[item] = own
  }
  all.put_back = await compareTenant(house, tenantId)
  return all
}

async function columnsOf(t: Tx): Promise<Column[]> {
  const keys = await listKeyColumns(t, [...new Set(SEALED.map(({ table }) => table))])
  return SEALED.map(({ table, column, row, subject, where = 'true' }) => ({
    ...{ table, column, row, subject, where },
    ...{ versionAt: 3, length: 0, key: keys.filter((one) => one.table === table) },
  }))
}

type Batch = { seen: number; erased: number; broken: WholeRow[]; last: string[] | null }

async function openBatch(house: House, scope: Scope, column: Column, after: string[] | null): Promise<Batch> {
  const found = await readBatch(house, scope, column, after)
  if (!found.unknown) return found
  // A version of the key that another process has made since: everything that was committed before opens after this.
  await reloadTenantKeys(house)
  return readBatch(house, scope, column, after)
}

const readBatch = (house: House, scope: Scope, column: Column, after: string[] | null): Promise<Batch & { unknown: boolean }> =>
  tx(
    house.db,
    scope,
    async (t) => {
      await walkByKey(t)
      const rows = await nextEnvelopes(t, scope, column, after, ROWS)
      const keys = rows.length === 0 ? null : await keysOf(house, t, scope, rows)
      const verdicts = rows.map((row) => verdictOf(keys?.(row), placeOf(scope, column, row), row.envelope))
      return {
        seen: rows.length,
        erased: verdicts.filter((one) => one === 'erased').length,
        broken: rows.filter((_, i) => verdicts[i] === 'broken' || verdicts[i] === 'unknown'),
        unknown: verdicts.includes('unknown'),
        last: rows.length === ROWS ? (rows.at(-1)?.key ?? null) : null,
      }
    },
    { readOnly: true },
  )

async function keysOf(house: House, t: Tx, scope: Scope, rows: readonly WholeRow[]) {
  const subjects = [...new Set(rows.flatMap(({ subject }) => (subject === null ? [] : [subject])))]
  const own = rows.some(({ subject }) => subject === null) ? await tenantKey(house, t, scope) : undefined
  const theirs = await subjectKeys(house, t, scope, subjects)
  return ({ subject }: WholeRow): WrappingKey | undefined => (subject === null ? own : theirs.get(subject))
}

const placeOf = (scope: Scope, { table, column }: Column, { row }: WholeRow): Place => ({
  ...{ tenant: tenantWire(scope.tenantId), table, column, row },
})

function verdictOf(key: WrappingKey | undefined, at: Place, envelope: Buffer): 'opens' | 'erased' | 'unknown' | 'broken' {
  if (!key) return 'erased'
  try {
    open(key, at, envelope).fill(0)
    return 'opens'
  } catch (error) {
    if (error instanceof EnvelopeError) return error.reason
    throw error
  }
}

/** The operator's log names the row; a connection is out of use from here on. */
async function report({ db, log }: House, tenantId: string, { table, column }: Column, { row }: WholeRow): Promise<void> {
  log.error({ tenant_id: tenantWire(tenantId), table, column, row }, 'an envelope does not open')
  if (table !== 'connections') return
  const [id = '', generation = ''] = row.split('/')
  await suspendTampered({ db }, tenantId, { id, generation: Number(generation), cause: 'moved_or_altered' })
}
