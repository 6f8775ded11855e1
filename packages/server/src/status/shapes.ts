// The schemas of this room: what is spoken of components, incidents and checks.
import { s } from '../http/route.ts'
import { INCIDENT_STATUSES, MAINTENANCE_STATUSES } from './incident.ts'

export const Severity = s.oneOf('SEV-1', 'SEV-2', 'SEV-3', 'SEV-4')
export const Status = s.oneOf(...INCIDENT_STATUSES, ...MAINTENANCE_STATUSES)
const Affects = s.oneOf('none', 'some', 'all')
const Shown = s.oneOf('ok', 'warn', 'outage', 'unknown')
const Name = s.pattern(/^[a-z_]{1,40}(\.[a-z_]{1,40}){0,3}$/, 'Must be the name of a component, such as database.')
const Tenants = s.array(s.id('ten'), { max: 1_000 })

const Update = s.object({
  id: s.id('upd'),
  incident_id: s.id('inc'),
  status: Status,
  severity: s.maybe(Severity),
  body: s.text(),
  written_by: s.text(),
  written_at: s.time(),
})

export const Incident = s.named(
  'Incident',
  s.object({
    id: s.id('inc'),
    kind: s.oneOf('incident', 'maintenance'),
    severity: s.maybe(Severity),
    status: Status,
    title: s.text(),
    components: s.array(s.text()),
    affects: Affects,
    affected: Tenants,
    customer_data: s.boolean(),
    detected_at: s.time(),
    starts_at: s.maybe(s.time()),
    ends_at: s.maybe(s.time()),
    notify_by: s.maybe(s.time()),
    notified_at: s.maybe(s.time()),
    alarmed_at: s.maybe(s.time()),
    opened_by: s.text(),
    opened_at: s.time(),
    closed_at: s.maybe(s.time()),
    updates: s.array(Update),
  }),
  'What a host announced, newest words first.',
)

const words = {
  title: s.line({ max: 200 }),
  body: s.text({ min: 1, max: 5_000 }),
  components: s.array(Name, { max: 30 }),
}

export const NewIncident = s.object({
  kind: s.optional(s.oneOf('incident', 'maintenance').describe('`incident` unless said otherwise.')),
  severity: s.optional(Severity),
  status: s.optional(Status),
  title: words.title,
  body: words.body.describe('The first words about it, for people.'),
  components: s.optional(words.components),
  affects: s.optional(Affects.describe('Whose tenants are told; all unless some are named.')),
  affected: s.optional(Tenants),
  customer_data: s.optional(
    s.boolean().describe('Whether it touches customers’ data: those concerned must then be told within 24 hours.'),
  ),
  detected_at: s.optional(s.time()),
  starts_at: s.optional(s.time()),
  ends_at: s.optional(s.time()),
})

export const ChangedIncident = s.object({
  severity: s.optional(Severity),
  status: s.optional(Status),
  title: s.optional(words.title),
  body: s.optional(words.body.describe('New words about it; they are told to everybody who is concerned.')),
  components: s.optional(words.components),
  affects: s.optional(Affects),
  affected: s.optional(Tenants),
  customer_data: s.optional(s.boolean()),
  notified: s.optional(s.literal(true).describe('Those concerned were told, outside of this page too where that is needed.')),
  starts_at: s.optional(s.time()),
  ends_at: s.optional(s.time()),
})

const Day = s.object({ day: s.text(), ok: s.int(), warn: s.int(), outage: s.int() })
const Pace = s.array(s.object({ at: s.time(), p50_ms: s.number(), p95_ms: s.number() }), { max: 300 })

const component = {
  name: s.text(),
  title: s.text(),
  state: Shown,
  since: s.maybe(s.time()),
  uptime: s.maybe(s.number({ min: 0, max: 1 })),
  days: s.array(Day, { max: 90 }),
}

const board = {
  status: Shown,
  sentence: s.text(),
  as_of: s.maybe(s.time()),
  away_since: s.maybe(s.time()),
  latency: Pace,
}

const PartState = s.oneOf('ok', 'degraded', 'down')
const figure = () => s.optional(s.maybe(s.number({ min: 0 })))
export const RelayStatus = s.named(
  'RelayStatus',
  s.object({
    ...{
      api: PartState,
      a2a: PartState,
      inbox: PartState,
      push: PartState,
      upstream: PartState,
      streams: PartState,
      approvals: PartState,
    },
    queue_depth: figure(),
    oldest_queued_seconds: figure(),
    accept_p50_ms: figure(),
    accept_p99_ms: figure(),
    deliver_p50_ms: figure(),
    deliver_p99_ms: figure(),
    first_attempt_ratio: figure(),
    exhausted_count: figure(),
    open_streams: s.optional(s.int({ min: 0 })),
    build: s.optional(s.text()),
  }),
  'How the relay stands, part by part; figures of the last five minutes for the signed-in, or for everybody with STATUS_PUBLIC=full.',
)

export const PublicStatus = s.named(
  'PublicStatus',
  s.object({
    ...board,
    components: s.array(s.object({ ...component, measured: s.optional(s.record(s.maybe(s.number()))) })),
    relay: RelayStatus,
    incidents: s.array(
      s.object({
        id: s.id('inc'),
        kind: s.oneOf('incident', 'maintenance'),
        severity: s.maybe(Severity),
        status: Status,
        title: s.text(),
        components: s.array(s.text()),
        detected_at: s.time(),
        starts_at: s.maybe(s.time()),
        ends_at: s.maybe(s.time()),
        closed_at: s.maybe(s.time()),
        updates: s.array(
          s.object({ id: s.id('upd'), status: Status, severity: s.maybe(Severity), body: s.text(), written_at: s.time() }),
        ),
      }),
    ),
  }),
  'What /status.json tells.',
)

export const FullStatus = s.named(
  'FullStatus',
  s.object({
    ...board,
    components: s.array(
      s.object({
        ...component,
        says: s.text(),
        measured_at: s.maybe(s.time()),
        measured: s.record(s.maybe(s.number())),
        runbook: s.maybe(s.text()).describe('Which page of the documentation says what to do.'),
      }),
    ),
    incidents: s.array(Incident),
  }),
  'Everything that is measured, for hosts.',
)

export const Check = s.named(
  'Check',
  s.object({
    code: s.text(),
    status: s.oneOf('ok', 'warn', 'fail'),
    what: s.text(),
    mend: s.maybe(s.text()),
    runbook: s.maybe(s.text()).describe('Which page of the documentation says what to do.'),
  }),
  'One check of the doctor.',
)
