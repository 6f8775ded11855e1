// Incidents and maintenance (P144): what hosts say about the installation, to everybody and to the tenants concerned. What was said stays as it was said.
// Never guesses an incident from a measurement: people declare one, and the page shows both.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Db, type Tx, tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import type { EventType } from '../events/types.ts'
import { newId, tenantUuid, tenantWire } from '../std/id.ts'
import type { Log } from '../std/log.ts'
import {
  alarmIfOwed,
  findIncident,
  findUpdate,
  type IncidentRow,
  type IncidentStatus,
  insertIncident,
  insertUpdate,
  listIncidents as listRows,
  listUpdates,
  lockIncident,
  noteOnce,
  type Severity,
  tenantsToTell,
  type UpdateRow,
  updateIncident,
} from './sql.ts'

export type IncidentHouse = { db: Db }
/** `affected` as tenants are spoken. */
export type Incident = Omit<IncidentRow, 'opened_in' | 'affected'> & { affected: string[]; updates: UpdateRow[] }

export type NewIncidentInput = {
  kind?: 'incident' | 'maintenance'
  severity?: Severity
  status?: IncidentStatus
  title: string
  body: string
  components?: string[]
  affects?: 'none' | 'some' | 'all'
  affected?: string[]
  customer_data?: boolean
  detected_at?: Date
  starts_at?: Date
  ends_at?: Date
}

export type IncidentChange = {
  severity?: Severity
  status?: IncidentStatus
  title?: string
  body?: string
  components?: string[]
  affects?: 'none' | 'some' | 'all'
  affected?: string[]
  customer_data?: boolean
  notified?: true
  starts_at?: Date
  ends_at?: Date
}

export const INCIDENT_STATUSES = ['investigating', 'identified', 'monitoring', 'resolved'] as const
export const MAINTENANCE_STATUSES = ['scheduled', 'in_progress', 'completed'] as const
const OVER: readonly string[] = ['resolved', 'completed']
const NOTIFY_WITHIN_MS = 24 * 3_600_000

export const TELL = 'incident.tell'

const wrong = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })

export function openIncident(house: IncidentHouse, scope: Scope, input: NewIncidentInput): Promise<Incident> {
  return tx(house.db, scope, async (t) => {
    const kind = input.kind ?? 'incident'
    const status = input.status ?? (kind === 'incident' ? 'investigating' : 'scheduled')
    const detected_at = input.detected_at ?? t.now
    if (detected_at > t.now) throw wrong('/detected_at', 'in_future', 'An incident is noticed before it is announced.')
    const row = {
      id: newId('inc', t.now.getTime()),
      kind,
      severity: severityOf(kind, input.severity),
      status,
      title: input.title.trim(),
      components: [...new Set(input.components ?? [])],
      ...concerned(input.affects, input.affected),
      customer_data: input.customer_data ?? false,
      detected_at,
      starts_at: input.starts_at ?? null,
      ends_at: input.ends_at ?? null,
      notify_by: input.customer_data ? new Date(detected_at.getTime() + NOTIFY_WITHIN_MS) : null,
      closes: OVER.includes(status),
    }
    guardForm(row)
    await insertIncident(t, scope, row)
    await say(t, scope, row, input.body, 'incident.opened')
    return read(t, row.id)
  })
}

export function changeIncident(house: IncidentHouse, scope: Scope, id: string, change: IncidentChange): Promise<Incident> {
  return tx(house.db, scope, async (t) => {
    const before = await lockIncident(t, id)
    if (!before) throw new Problem('not_found')
    if (before.closed_at !== null && change.body === undefined)
      throw new Problem('state_conflict', { state: before.status, detail: 'It is over. Only words can be added, with `body`.' })
    const customer_data = change.customer_data ?? before.customer_data
    const status = change.status ?? before.status
    const after: IncidentRow = {
      ...before,
      severity: severityOf(before.kind, change.severity ?? before.severity ?? undefined),
      status,
      title: change.title?.trim() ?? before.title,
      components: change.components ? [...new Set(change.components)] : before.components,
      ...(change.affects || change.affected ? concerned(change.affects ?? before.affects, change.affected) : {}),
      customer_data,
      starts_at: change.starts_at ?? before.starts_at,
      ends_at: change.ends_at ?? before.ends_at,
      notify_by: customer_data ? new Date(before.detected_at.getTime() + NOTIFY_WITHIN_MS) : null,
      notified_at: change.notified ? (before.notified_at ?? t.now) : before.notified_at,
      // What is over may be opened again: by saying so, not by silence.
      closed_at: OVER.includes(status) ? (before.closed_at ?? t.now) : null,
    }
    guardForm(after)
    await updateIncident(t, after)
    const ended = before.closed_at === null && after.closed_at !== null
    if (change.body !== undefined) await say(t, scope, after, change.body, ended ? 'incident.resolved' : 'incident.updated')
    else await record(t, scope, ended ? 'incident.resolved' : 'incident.updated', told(after), resourceOf(after))
    return read(t, id)
  })
}

export async function getIncident(house: IncidentHouse, scope: Scope, id: string): Promise<Incident> {
  return tx(house.db, scope, (t) => read(t, id), { readOnly: true })
}

export type Place = { at: Date; id: string }
/** Newest first. */
export async function listIncidents(
  house: IncidentHouse,
  scope: Scope,
  before: Place | null,
  limit: number,
): Promise<Incident[]> {
  return tx(house.db, scope, async (t) => withUpdates(t, await listRows(t, before, limit)), { readOnly: true })
}

export async function withUpdates(t: Tx, rows: readonly IncidentRow[]): Promise<Incident[]> {
  const updates =
    rows.length === 0
      ? []
      : await listUpdates(
          t,
          rows.map((row) => row.id),
        )
  return rows.map((row) =>
    shown(
      row,
      updates.filter((one) => one.incident_id === row.id),
    ),
  )
}

const shown = ({ opened_in: _, affected, ...row }: IncidentRow, updates: UpdateRow[]): Incident => ({
  ...row,
  affected: affected.map(tenantWire),
  updates,
})

async function read(t: Tx, id: string): Promise<Incident> {
  const row = await findIncident(t, id)
  if (!row) throw new Problem('not_found')
  return shown(row, await listUpdates(t, [id]))
}

function severityOf(kind: 'incident' | 'maintenance', severity: Severity | undefined): Severity | null {
  if (kind === 'maintenance') {
    if (severity) throw wrong('/severity', 'unexpected', 'A maintenance has no severity.')
    return null
  }
  if (!severity) throw wrong('/severity', 'required', 'An incident needs its severity, SEV-1 to SEV-4.')
  return severity
}

function concerned(affects: 'none' | 'some' | 'all' | undefined, tenants: readonly string[] = []) {
  const affected = [...new Set(tenants)].map((wire, i) => {
    const uuid = tenantUuid(wire)
    if (!uuid) throw wrong(`/affected/${i}`, 'not_an_id', 'Must be the id of a tenant.')
    return uuid
  })
  const kind = affects ?? (affected.length > 0 ? 'some' : 'all')
  if ((kind === 'some') !== affected.length > 0)
    throw wrong(
      '/affected',
      'mismatch',
      kind === 'some' ? 'Name the tenants that are concerned.' : `With affects "${kind}" no tenant is named.`,
    )
  return { affects: kind, affected }
}

function guardForm(row: Pick<IncidentRow, 'kind' | 'status' | 'starts_at' | 'ends_at'>): void {
  const allowed: readonly string[] = row.kind === 'incident' ? INCIDENT_STATUSES : MAINTENANCE_STATUSES
  if (!allowed.includes(row.status))
    throw wrong('/status', 'mismatch', `Of ${row.kind} the status is one of ${allowed.join(', ')}.`)
  if (row.kind === 'maintenance' && row.starts_at === null)
    throw wrong('/starts_at', 'required', 'A maintenance says when it starts.')
  if (row.kind === 'incident' && (row.starts_at ?? row.ends_at) !== null)
    throw wrong('/starts_at', 'unexpected', 'Only a maintenance is planned; an incident has detected_at.')
  if (row.ends_at !== null && row.starts_at !== null && row.ends_at <= row.starts_at)
    throw wrong('/ends_at', 'range_reversed', 'ends_at lies before starts_at.')
}

const told = (row: Pick<IncidentRow, 'id' | 'kind' | 'severity' | 'status' | 'affects'>): EventData => ({
  incident_id: row.id,
  kind: row.kind,
  severity: row.severity,
  status: row.status,
  affects: row.affects,
})
const resourceOf = (row: { id: string }) => ({ resource: { type: 'incident', id: row.id } })

type Said = Pick<IncidentRow, 'id' | 'kind' | 'severity' | 'status' | 'affects' | 'affected'>

/** The words, the event of the host's own record, and the job that tells the tenants: all in this transaction. */
async function say(t: Tx, scope: Scope, row: Said, body: string, type: EventType): Promise<void> {
  const id = newId('upd', t.now.getTime())
  await insertUpdate(t, scope, { id, incident_id: row.id, status: row.status, severity: row.severity, body: body.trim() })
  await record(t, scope, type, { ...told(row), update_id: id }, resourceOf(row))
  if (row.affects !== 'none') await enqueue(t, { kind: TELL, tenantId: scope.tenantId, payload: { update_id: id } })
}

/** Each tenant that is concerned, in a transaction of its own; a second run goes on where the first one ended. */
export async function tellTenants(house: IncidentHouse, updateId: string): Promise<void> {
  const tenants = await tx(house.db, systemScope('status'), async (t) => {
    const update = await findUpdate(t, updateId)
    const incident = update && (await findIncident(t, update.incident_id))
    if (!incident || incident.affects === 'none') return []
    return tenantsToTell(t, incident.affects === 'all' ? null : incident.affected)
  })
  for (const tenant of tenants) await tellTenant(house, tenant.id, updateId)
}

/** One tenant is told of one update, in its own record, where its webhooks see it. To be told twice is not to be told. */
async function tellTenant({ db }: IncidentHouse, tenantId: string, updateId: string): Promise<void> {
  const scope = systemScope('status', tenantId)
  await tx(db, scope, async (t) => {
    const update = await findUpdate(t, updateId)
    const incident = update && (await findIncident(t, update.incident_id))
    if (!update || !incident || !(await noteOnce(t, scope, updateId))) return
    const data = { ...told(incident), status: update.status, severity: update.severity, update_id: update.id }
    await record(t, scope, 'incident.announced', data, resourceOf(incident))
  })
}

/** Those who should have been told within a day, and were not (P144): once in the host's record, and loudly in the log. */
export async function alarmOwed({ db, log }: { db: Db; log: Log }): Promise<number> {
  const owed = await tx(db, systemScope('status'), alarmIfOwed)
  for (const row of owed) {
    log.error(
      { incident: row.id, notify_by: row.notify_by },
      'an incident touches customer data, and those concerned were not told in time',
    )
    const scope = systemScope('status', row.opened_in)
    await tx(db, scope, (t) =>
      record(t, scope, 'incident.notice_missed', { incident_id: row.id, notify_by: row.notify_by }, resourceOf(row)),
    )
  }
  return owed.length
}
