// One batch of wraps of one column and tenant under the tenant's current key: at most 200 rows or a second (V72). Knows no run and no order of tenants.
import {
  EnvelopeError,
  open,
  parentVersion,
  rewrap,
  seal,
  unwrapKey,
  WRAP_BYTES,
  type WrappingKey,
  wrapKey,
} from '../../../crypto/seal.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { tenantWire } from '../../../std/id.ts'
import { SEALED, type SealedColumn } from '../sealed-columns.ts'
import { type KeyHouse, subjectKeys } from '../tenant-key.ts'
import {
  commitWithoutWaiting,
  listKeyColumns,
  nextEnvelopes,
  nextWraps,
  putEnvelope,
  putWraps,
  type WrapColumn,
  type WrapRow,
  walkByKey,
} from './sql.ts'

/** `sealed`: an envelope column under the tenant's key; without it, the wrapped keys of subjects. */
export type WorkColumn = WrapColumn & { sealed?: SealedColumn }

export type Batch = {
  last: string[] | null
  next: (WrapRow & { next: Buffer; from: number })[]
  failed: { key: string[]; error: EnvelopeError }[]
}

const ROWS = 200
const BATCH_MS = 1_000
const SUBJECT_WRAP = 65

const SUBJECT_KEYS = { table: 'subject_keys', column: 'wrapped', versionAt: 2, length: SUBJECT_WRAP, where: 'true' }

/** What a rewrap of tenants' keys goes through: subjects' keys, and the envelopes that stand under the tenant's key itself. */
export async function workColumns(t: Tx, sealed: readonly SealedColumn[] = SEALED): Promise<WorkColumn[]> {
  const own = sealed.filter(({ subject }) => subject === undefined)
  const columns: Omit<WorkColumn, 'key'>[] = [
    SUBJECT_KEYS,
    ...own.map((one) => ({
      table: one.table,
      column: one.column,
      versionAt: 3,
      length: WRAP_BYTES,
      where: one.where ?? 'true',
      sealed: one,
    })),
  ]
  const keys = await listKeyColumns(t, [...new Set(columns.map(({ table }) => table))])
  return columns.map((one) => ({ ...one, key: keys.filter(({ table }) => table === one.table) }))
}

export function versionBytes(version: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(version)
  return bytes
}

/** `last` is where the next batch goes on; null: that was the end of the column. Writes nothing. */
export async function readWraps(
  t: Tx,
  scope: Scope,
  key: WrappingKey,
  column: WorkColumn,
  after: readonly string[] | null,
): Promise<Batch> {
  await walkByKey(t)
  const rows = await nextWraps(t, scope, column, versionBytes(key.current), after, ROWS)
  const next: Batch['next'] = []
  const failed: Batch['failed'] = []
  const begun = performance.now()
  let seen = 0
  for (const row of rows) {
    if (performance.now() - begun > BATCH_MS) break
    seen++
    try {
      next.push({ ...row, ...rewrapped(key, scope, column, row) })
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      failed.push({ key: row.key, error })
    }
  }
  const last = rows[seen - 1]
  return { last: last && (seen < rows.length || rows.length === ROWS) ? last.key : null, next, failed }
}

/** Under which versions stood what was moved. A row that its room wrote since it was read was sealed anew by that: it is not counted here. */
export async function writeWraps(t: Tx, scope: Scope, column: WorkColumn, { next }: Batch): Promise<number[]> {
  if (next.length === 0) return []
  await walkByKey(t)
  await commitWithoutWaiting(t)
  const moved = await putWraps(t, scope, column, next)
  return next.slice(0, moved).map(({ from }) => from)
}

function rewrapped(
  key: WrappingKey,
  scope: Scope,
  column: WorkColumn,
  { key: at, head }: WrapRow,
): { next: Buffer; from: number } {
  const tenant = tenantWire(scope.tenantId)
  if (column.sealed) return { next: rewrap(key, tenant, head), from: head.readUInt32BE(2) }
  const [subject, version] = at as [string, string]
  const from = parentVersion(head)
  const owner = `${tenant}/${subject}`
  const plain = unwrapKey(key, owner, Number(version), head)
  const next = wrapKey(key, owner, Number(version), plain)
  plain.fill(0)
  return { next, from }
}

/** Data keys and nonces anew: the envelope is opened where it stands and sealed again. Null: that was the end. */
export async function resealColumn(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  key: WrappingKey,
  column: WorkColumn,
  after: readonly string[] | null,
): Promise<string[] | null> {
  const { sealed } = column
  if (!sealed || sealed.isFixed) return null
  await walkByKey(t)
  const rows = await nextEnvelopes(t, scope, { ...column, row: sealed.row, subject: sealed.subject }, after, ROWS)
  for (const row of rows) {
    const own = row.subject === null ? key : (await subjectKeys(house, t, scope, [row.subject])).get(row.subject)
    if (!own) continue
    const at = { tenant: tenantWire(scope.tenantId), table: sealed.table, column: sealed.column, row: row.row }
    const plain = open(own, at, row.envelope)
    await putEnvelope(t, scope, column, row, seal(own, at, plain))
    plain.fill(0)
  }
  return rows.length === ROWS ? (rows.at(-1)?.key ?? null) : null
}
