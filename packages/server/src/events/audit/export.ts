// Exports of the record (P118): a range of the sealed log as NDJSON that verifies by itself, or as CSV for people with spreadsheets. Written by a job in
// pieces that any process can serve. Holds the events' exact bytes; a cell never begins a formula.
import { enqueueMany } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { nodesOf, rangeHash } from '../../crypto/merkle.ts'
import { isUniqueViolation } from '../../db/errors.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { newId } from '../../std/id.ts'
import { record } from '../event.ts'
import { checkpointNow } from './checkpoint.ts'
import { CSV_HEADER, csvRow } from './csv.ts'
import type { AuditHouse } from './house.ts'
import { publishedKeys, verifierKeys } from './keys.ts'
import {
  addExportChunk,
  type CheckpointRow,
  type ExportedRow,
  type ExportRow,
  endExportIfRunning,
  expireExports,
  findExport,
  findSealAt,
  fixExportRange,
  insertExport,
  listExports,
  readExportChunk,
  readSealed,
  restartExport,
} from './sql.ts'
import { readNodes } from './tree.ts'

export const EXPORT_KIND = 'audit.export'
export type ExportInput = { from?: Date; to?: Date; format: 'ndjson' | 'csv' }
export type ExportView = Omit<ExportRow, 'from_at' | 'to_at' | 'requested_by'> & {
  from: Date | null
  to: Date | null
  requested_by: string
  /** What is known to be written by the end; null until the range is fixed. */
  total: number | null
}

const PAGE = 2_000
const KEPT_MS = 7 * 24 * 3_600_000

export const showExport = ({ from_at, to_at, ...row }: ExportRow): ExportView => ({
  ...row,
  from: from_at,
  to: to_at,
  total: row.from_seq === null || row.to_seq === null ? null : Math.max(0, row.to_seq - row.from_seq + 1),
})

export async function createExport(house: AuditHouse, scope: Scope, input: ExportInput): Promise<ExportView> {
  const { from = null, to = null, format } = input
  if (from && to && from > to)
    throw new Problem('validation_failed', {
      errors: [{ path: '/from', code: 'range_reversed', message: 'from lies after to.' }],
    })
  try {
    return await tx(house.db, scope, async (t) => {
      await expireExports(t, scope)
      const row = await insertExport(t, scope, { id: newId('aex', t.now.getTime()), format, from_at: from, to_at: to })
      await record(t, scope, 'export.created', { export_id: row.id, subject: 'audit', format, from, to })
      await enqueueMany(t, [{ kind: EXPORT_KIND, tenantId: scope.tenantId, payload: { export_id: row.id } }])
      return showExport(row)
    })
  } catch (error) {
    if (isUniqueViolation(error, 'audit_exports_running')) throw new Problem('export_running')
    throw error
  }
}

export async function getExport(house: AuditHouse, scope: Scope, id: string): Promise<ExportView> {
  const row = await tx(house.db, scope, (t) => findExport(t, scope, id), { readOnly: true })
  if (!row) throw new Problem('not_found')
  return showExport(row)
}

export function pageExports(house: AuditHouse, scope: Scope, query: { limit: number; cursor?: string }) {
  const at = { tenantId: scope.tenantId, route: 'GET /audit/exports', filter: {} }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = query.cursor === undefined ? null : openCursor<{ id: string }>(house.keyring, at, query.cursor, t.now).id
      const rows = await listExports(t, scope, before, query.limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit: query.limit, now: t.now, position: ({ id }) => ({ id }) })
      return { ...page, data: page.data.map(showExport) }
    },
    { readOnly: true },
  )
}

/** The job. Killed and run again it begins anew; the row of a finished one is left alone. */
export async function writeExport(house: AuditHouse, tenantId: string, id: string, signal?: AbortSignal): Promise<void> {
  const scope = systemScope('audit-export', tenantId)
  const row = await tx(house.db, scope, (t) => findExport(t, scope, id), { readOnly: true })
  if (row?.state !== 'running') return
  const checkpoint = await checkpointNow(house, scope)
  const range = await rangeOf(house, scope, row, checkpoint?.size ?? 0)
  await tx(house.db, scope, async (t) => {
    await restartExport(t, scope, id)
    await fixExportRange(t, scope, id, range.from, range.to, checkpoint?.size ?? null)
  })
  const put = chunks(house, scope, id)
  if (row.format === 'csv') await put(CSV_HEADER, 0)
  for (let from = range.from; from <= range.to; from += PAGE) {
    signal?.throwIfAborted()
    const to = Math.min(range.to, from + PAGE - 1)
    const rows = await tx(house.db, scope, (t) => readSealed(t, scope, from, to), { readOnly: true })
    await put(rows.map(row.format === 'csv' ? csvRow : lineOf).join(''), rows.length)
  }
  if (checkpoint) await put(await closingLine(house, scope, row.format, checkpoint, range), 0)
  await tx(house.db, scope, async (t) => {
    const done = await endExportIfRunning(t, scope, id, null, KEPT_MS)
    if (done)
      await record(t, scope, 'audit.exported', {
        export_id: id,
        format: row.format,
        from_seq: range.from,
        to_seq: range.to,
        events: done.written,
        bytes: done.bytes,
        checkpoint_size: checkpoint?.size ?? 0,
      })
  })
}

/** After the last attempt: whoever waits learns that it will not come. */
export async function failExport(house: AuditHouse, tenantId: string, id: string, error: string): Promise<void> {
  const scope = systemScope('audit-export', tenantId)
  await tx(house.db, scope, (t) => endExportIfRunning(t, scope, id, error, KEPT_MS))
}

const chunks = (house: AuditHouse, scope: Scope, id: string) => {
  let n = 0
  return (text: string, written: number) =>
    tx(house.db, scope, (t) => addExportChunk(t, scope, id, n++, Buffer.from(text), written))
}

export const lineOf = ({ seq, prev_hash, hash, body, digest }: ExportedRow): string => {
  const content = body === null ? `"digest":"${digest.toString('hex')}"` : `"event":${body}`
  return `{"seq":${seq},"prev_hash":"${prev_hash.toString('hex')}","hash":"${hash.toString('hex')}",${content}}\n`
}

type SealedRange = { from: number; to: number }

/** What was sealed in the time, whole: seals are in the order of time, so the ends are found by halving. */
async function rangeOf(house: AuditHouse, scope: Scope, { from_at, to_at }: ExportRow, size: number): Promise<SealedRange> {
  const firstAt = (time: Date) =>
    tx(
      house.db,
      scope,
      async (t) => {
        let [low, high] = [1, size + 1]
        while (low < high) {
          const middle = Math.floor((low + high) / 2)
          const seal = await findSealAt(t, scope, middle)
          if (seal && seal.sealed_at < time) low = middle + 1
          else high = middle
        }
        return low
      },
      { readOnly: true },
    )
  return { from: from_at ? await firstAt(from_at) : 1, to: to_at ? (await firstAt(to_at)) - 1 : size }
}

/** The newest checkpoint, and what the tree holds beside the range, so that a part of the log verifies as the whole does. */
async function closingLine(
  house: AuditHouse,
  scope: Scope,
  format: ExportRow['format'],
  checkpoint: CheckpointRow,
  { from, to }: SealedRange,
): Promise<string> {
  if (format === 'csv') return csvRow({ checkpoint: checkpoint.note })
  const origin = checkpoint.note.slice(0, checkpoint.note.indexOf('\n'))
  const keys = verifierKeys(origin, await publishedKeys(house, 'audit-sign'))
  const end = Math.max(to, from - 1)
  const [left, right] = [nodesOf(0, from - 1), nodesOf(end, checkpoint.size)]
  const hashOf = await tx(house.db, scope, (t) => readNodes(t, scope, [...left, ...right]), { readOnly: true })
  const hashes = (nodes: typeof left) =>
    nodes.map(({ level, index }) => rangeHash(index * 2 ** level, (index + 1) * 2 ** level, hashOf).toString('hex'))
  const closing = {
    note: checkpoint.note,
    from_seq: from,
    to_seq: end,
    left: hashes(left),
    right: hashes(right),
    verifier_keys: keys,
  }
  return `${JSON.stringify({ checkpoint: closing })}\n`
}

export type Piece = { n: number; text: string; next: number | null }

/** One piece of a finished one; whoever begins is told of. */
export async function downloadExport(house: AuditHouse, scope: Scope, id: string, n: number): Promise<Piece> {
  return tx(house.db, scope, async (t) => {
    const found = await findExport(t, scope, id)
    if (!found) throw new Problem('not_found')
    const state = found.expires_at && found.expires_at <= t.now ? 'expired' : found.state
    if (state !== 'ready') throw new Problem('state_conflict', { state })
    const [piece, after] = [await readExportChunk(t, scope, id, n), await readExportChunk(t, scope, id, n + 1)]
    if (!piece) throw new Problem('not_found')
    if (n === 0) await record(t, scope, 'export.downloaded', { export_id: id, subject: 'audit' })
    return { n, text: piece.bytes.toString('utf8'), next: after ? n + 1 : null }
  })
}
