// The routes of this room: probes and the status page for everybody, outside of the limits and of no use for learning more; incidents, checks and figures for hosts.
import { PROMETHEUS_TYPE } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Keyring } from '../crypto/keyring.ts'
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { openCursor, pageOf } from '../http/cursor.ts'
import { Document, type Route, route, s } from '../http/route.ts'
import type { Log } from '../std/log.ts'
import type { Board, Boards } from './board.ts'
import { statusFeed } from './feed.ts'
import { changeIncident, getIncident, listIncidents, openIncident, type Place } from './incident.ts'
import { type RelayView, statusPage } from './page.ts'
import { type PublicView, publicBoard } from './public.ts'
import { openReadiness, type ReadinessHouse } from './readiness.ts'
import { runbookOf } from './runbook.ts'
import { readSecurityTxt } from './security-txt.ts'
import { ChangedIncident, Check, FullStatus, Incident, NewIncident, PublicStatus } from './shapes.ts'
import { isHostUser } from './sql.ts'
import { STYLESHEET } from './stylesheet.ts'

export type Checked = { code: string; status: 'ok' | 'warn' | 'fail'; what: string; mend: string | null }
export type StatusHouse = ReadinessHouse & {
  log: Log
  keyring: Keyring
  version: string
  boards: Boards
  /** How the relay stands, with its figures where they are to be shown; its room's to say. */
  relay(board: Board, full: boolean): RelayView
  view: PublicView
  securityTxtFile: string | null
  origin(): string
  metrics(): Promise<string>
  /** The doctor's checks, as this process sees them. */
  examine(): Promise<Checked[]>
}

const open = { tag: 'status', auth: 'none', bucket: 'none' } as const
const Ok = s.object({ status: s.oneOf('ok') })

/** At the root, and the only ones that processes without requests answer. */
export function probeRoutes(house: StatusHouse): Route[] {
  const readiness = openReadiness(house)
  return [
    route('GET /livez', { ...open, summary: 'The process lives', answers: { 200: Ok } }, async () => ({ status: 'ok' })),
    route(
      'GET /readyz',
      { ...open, summary: 'The process can serve', answers: { 200: Ok }, problems: ['not_ready'] },
      async () => {
        const { checks } = await readiness()
        if (checks.length > 0) throw new Problem('not_ready', { checks, retry_after: 1 })
        return { status: 'ok' }
      },
    ),
    route(
      'GET /health',
      {
        ...open,
        summary: 'For load balancers',
        answers: { 200: s.object({ status: s.oneOf('ok'), version: s.text() }) },
        problems: ['not_ready'],
      },
      async () => {
        // Whoever keeps the house is no reason to send requests elsewhere.
        if ((await readiness()).checks.includes('database'))
          throw new Problem('not_ready', { checks: ['database'], retry_after: 1 })
        return { status: 'ok', version: house.version }
      },
    ),
  ]
}

export const statusRoutes = (house: StatusHouse): Route[] => [...probeRoutes(house), ...pageRoutes(house), metricsRoute(house)]

function pageRoutes(house: StatusHouse): Route[] {
  const board = () => {
    if (house.view === 'off') throw new Problem('not_found')
    return house.boards.current()
  }
  const now = () => house.db.clock.now()
  const name = () => new URL(house.origin()).host
  return [
    route('GET /status', { ...open, summary: 'The status page', answers: { 200: 'page' } }, async () => {
      const found = await board()
      const full = house.view === 'full'
      const view = { board: found, relay: house.relay(found, full), full, name: name(), now: now() }
      return new Document('text/html', statusPage(view))
    }),
    route(
      'GET /status.json',
      {
        ...open,
        summary: 'The status page, for programs',
        description:
          'A session or a key is not needed; with one, and with STATUS_PUBLIC=full for everybody, the relay’s figures are there.',
        credentials: ['session', 'key'],
        answers: { 200: PublicStatus },
      },
      async ({ scope }) => {
        const found = await board()
        const full = house.view === 'full' || scope.actor.type !== 'system'
        return { ...publicBoard(found, house.view), relay: house.relay(found, full) }
      },
    ),
    route('GET /status.css', { ...open, summary: 'The style sheet of the status page', answers: { 200: 'page' } }, async () => {
      return new Document('text/css', STYLESHEET)
    }),
    route(
      'GET /status/feed.atom',
      { ...open, summary: 'Incidents and maintenance as a feed', answers: { 200: 'page' } },
      async () => {
        return new Document('application/atom+xml', statusFeed(await board(), house.origin(), name(), now()))
      },
    ),
    route(
      'GET /.well-known/security.txt',
      { ...open, summary: 'Whom to tell of a hole (RFC 9116)', answers: { 200: 'page' }, problems: ['not_found'] },
      async () => {
        const read = house.securityTxtFile === null ? null : readSecurityTxt(house.securityTxtFile)
        if (read === null || 'refused' in read) throw new Problem('not_found')
        return new Document('text/plain', read.text)
      },
    ),
  ]
}

const figures = { summary: 'Figures of this process for Prometheus', tag: 'status', answers: { 200: 'page' } } as const
const text = async (house: Pick<StatusHouse, 'metrics'>) =>
  new Document(PROMETHEUS_TYPE as 'text/plain; version=0.0.4', await house.metrics())

/** With a key that carries `metrics:read` and that a host made, or as a host: figures are of the whole installation. */
const metricsRoute = (house: StatusHouse): Route =>
  route('GET /metrics', { ...figures, auth: 'any', self: true, problems: ['scope_missing', 'forbidden'] }, async ({ scope }) => {
    await guardFigures(house, scope)
    return text(house)
  })

async function guardFigures({ db }: StatusHouse, scope: Scope): Promise<void> {
  // On a listener of its own, which only the operator's network reaches, nobody is asked who they are.
  if (scope.actor.type === 'system') return
  if (scope.scopes !== null && !scope.scopes.includes('metrics:read'))
    throw new Problem('scope_missing', { needed: 'metrics:read' })
  const { userId } = scope
  const isHost = scope.isHost || (userId !== null && (await tx(db, scope, (t) => isHostUser(t, userId), { readOnly: true })).yes)
  if (!isHost)
    throw new Problem('forbidden', { detail: 'The figures are of the whole installation: a host must have made this key.' })
}

const host = { tag: 'status', auth: 'session', action: 'incident.manage' } as const
const id = { id: s.id('inc') }

export const incidentRoutes = (house: StatusHouse): Route[] => [
  route('GET /status', { ...host, summary: 'Everything that is measured', answers: { 200: FullStatus } }, async () => {
    const { components, ...board } = await house.boards.current()
    return { ...board, components: components.map((one) => ({ ...one, runbook: runbookOf(one.name) })) }
  }),
  route(
    'GET /status/checks',
    {
      ...host,
      summary: 'The doctor’s checks, as this process sees them',
      cost: 10,
      answers: { 200: s.object({ data: s.array(Check) }) },
    },
    async () => ({ data: (await house.examine()).map((one) => ({ ...one, runbook: runbookOf(one.code) })) }),
  ),
  route(
    'GET /incidents',
    {
      ...host,
      summary: 'List incidents and maintenance, newest first',
      query: s.page(),
      answers: { 200: s.list(Incident) },
      problems: ['cursor_invalid'],
    },
    async ({ scope, query: { limit, cursor } }) => {
      const at = { tenantId: scope.tenantId, route: 'GET /incidents', filter: {} }
      const now = house.db.clock.now()
      const place = cursor === undefined ? null : openCursor<{ at: string; id: string }>(house.keyring, at, cursor, now)
      const before: Place | null = place && { at: new Date(place.at), id: place.id }
      const rows = await listIncidents(house, scope, before, limit + 1)
      return pageOf(house.keyring, at, rows, {
        limit,
        now,
        position: (row) => ({ at: row.opened_at.toISOString(), id: row.id }),
      })
    },
  ),
  route(
    'POST /incidents',
    {
      ...host,
      stepUp: true,
      summary: 'Announce an incident or a maintenance',
      body: NewIncident,
      answers: { 201: Incident },
      problems: ['validation_failed', 'step_up_required'],
    },
    ({ scope, body }) => openIncident(house, scope, body),
  ),
  route(
    'GET /incidents/:id',
    { ...host, summary: 'Read an incident', params: id, answers: { 200: Incident }, problems: ['not_found'] },
    ({ scope, params }) => getIncident(house, scope, params.id),
  ),
  route(
    'PATCH /incidents/:id',
    {
      ...host,
      stepUp: true,
      summary: 'Say something new about an incident, or end it',
      params: id,
      body: ChangedIncident,
      answers: { 200: Incident },
      problems: ['validation_failed', 'not_found', 'state_conflict', 'step_up_required'],
    },
    ({ scope, params, body }) => changeIncident(house, scope, params.id, body),
  ),
]
