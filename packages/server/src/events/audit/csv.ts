// A line of the record for spreadsheets (P118): RFC 4180, and no cell that a spreadsheet would take for a formula.
import type { Event } from '../event.ts'
import type { ExportedRow } from './sql.ts'

const COLUMNS = [
  ...['seq', 'occurred_at', 'type', 'class', 'actor_type', 'actor_id', 'resource_type', 'resource_id', 'outcome', 'request_id'],
  ...['event_id', 'data', 'digest', 'hash', 'checkpoint'],
] as const
type Cells = Partial<Record<(typeof COLUMNS)[number], string | number | null | undefined>>

// What Excel, LibreOffice and Google Sheets begin a formula with, or strip until one begins.
const FORMULA = /^[=+\-@\t\r]/

export function csvCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return ''
  const text = String(value)
  const safe = typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const line = (cells: Cells): string => `${COLUMNS.map((name) => csvCell(cells[name])).join(',')}\r\n`

export const CSV_HEADER = `${COLUMNS.join(',')}\r\n`

export function csvRow(row: ExportedRow | { checkpoint: string }): string {
  if ('checkpoint' in row) return line({ checkpoint: row.checkpoint })
  const sealed = { seq: row.seq, digest: row.digest.toString('hex'), hash: row.hash.toString('hex') }
  if (row.body === null) return line(sealed)
  const event = JSON.parse(row.body) as Event
  return line({
    ...sealed,
    occurred_at: event.occurred_at,
    type: event.type,
    class: event.class,
    actor_type: event.actor.type,
    actor_id: event.actor.id,
    resource_type: event.resource?.type,
    resource_id: event.resource?.id,
    outcome: event.decision?.outcome,
    request_id: event.request_id,
    event_id: event.id,
    data: JSON.stringify(event.data),
  })
}
