// The audit log over HTTP: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { tenantUuid } from '../../std/id.ts'
import { getConsistency, getLatestCheckpoint, getProof, logName, pageCheckpoints } from './checkpoint.ts'
import { createExport, downloadExport, getExport, pageExports } from './export.ts'
import type { AuditHouse } from './house.ts'
import type { PublishedKey } from './keys.ts'
import { publishedKeys, verifierKeys } from './keys.ts'
import { eventReceipt } from './receipt.ts'
import { getRetention, setRetention } from './retention.ts'
import { getAuditStatus } from './status.ts'

const hash = () => s.pattern(/^[0-9a-f]{64}$/, 'Must be 64 hexadecimal digits.')
const size = () => s.int({ min: 0 })
const tag = 'audit'

const CheckpointBody = s.named(
  'Checkpoint',
  s.object({ size: size(), root: hash(), note: s.text(), created_at: s.time(), cosignatures: s.maybe(s.text()) }),
  'A signed head of the tree over the log: a C2SP note whose origin is the name of the log.',
)
const ProofBody = s.named(
  'InclusionProof',
  s.object({
    event_id: s.id('evt'),
    seq: size(),
    digest: hash(),
    prev_hash: hash(),
    hash: hash(),
    sealed_at: s.time(),
    size: size(),
    root: hash(),
    proof: s.array(hash()),
    note: s.text(),
  }),
  'Where an event stands in the chain, and the hashes from it up to the root of the newest checkpoint (RFC 6962).',
)
const End = s.object({ size: size(), root: hash(), note: s.text() })
const ExportBody = s.named(
  'AuditExport',
  s.object({
    id: s.id('aex'),
    format: s.oneOf('ndjson', 'csv'),
    from: s.maybe(s.time()),
    to: s.maybe(s.time()),
    state: s.oneOf('running', 'ready', 'failed', 'expired'),
    requested_by: s.text(),
    from_seq: s.maybe(size()),
    to_seq: s.maybe(size()),
    total: s.maybe(size()),
    written: size(),
    bytes: size(),
    checkpoint_size: s.maybe(size()),
    error: s.maybe(s.text()),
    created_at: s.time(),
    finished_at: s.maybe(s.time()),
    expires_at: s.maybe(s.time()),
  }),
)
const ReceiptBody = s.named(
  'Receipt',
  s.object({ receipt: s.text({ max: 20_000_000 }), kid: s.text(), sealed: s.boolean() }),
  'A compact JWS (EdDSA) that `countersign receipt verify` and docs/audit.md check with the published keys alone.',
)
const RetentionBody = s.object({
  audit_months: s.int({ min: 12, max: 120 }),
  activity_days: s.int({ min: 30, max: 3650 }),
  held: s.boolean(),
  held_reason: s.maybe(s.text()),
})

export { ReceiptBody }

export const auditRoutes = (house: AuditHouse): Route[] => [...proofs(house), ...exports(house), ...rest(house)]

const proofs = (house: AuditHouse): Route[] => [
  route(
    'GET /audit/checkpoints',
    {
      summary: 'List the signed checkpoints of the record, newest first',
      ...{ tag, auth: 'any', action: 'checkpoint.read' },
      query: s.page(),
      answers: { 200: s.list(CheckpointBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => pageCheckpoints(house, scope, query),
  ),
  route(
    'GET /audit/checkpoints/latest',
    {
      summary: 'Read the newest signed checkpoint',
      ...{ tag, auth: 'any', action: 'checkpoint.read' },
      answers: { 200: CheckpointBody },
      problems: ['not_sealed_yet'],
    },
    ({ scope }) => getLatestCheckpoint(house, scope),
  ),
  route(
    'GET /audit/proofs/:event_id',
    {
      summary: 'Prove that an event stands in the log',
      ...{ tag, auth: 'any', action: 'audit.verify' },
      params: { event_id: s.id('evt') },
      answers: { 200: ProofBody },
      problems: ['not_found', 'not_sealed_yet'],
    },
    ({ scope, params }) => getProof(house, scope, params.event_id),
  ),
  route(
    'GET /audit/consistency',
    {
      summary: 'Prove that one checkpoint is the beginning of another',
      description: 'Both are sizes of signed checkpoints.',
      ...{ tag, auth: 'any', action: 'audit.verify' },
      query: { from: queryNumber('The size of the older checkpoint.'), to: queryNumber('The size of the newer one.') },
      answers: { 200: s.object({ from: End, to: End, proof: s.array(hash()) }) },
      problems: ['not_found'],
    },
    ({ scope, query }) => getConsistency(house, scope, query),
  ),
  route(
    'GET /events/:id/receipt',
    {
      summary: 'A proof of one event that stands alone',
      ...{ tag: 'events', auth: 'any', action: 'audit.verify' },
      params: { id: s.id('evt') },
      answers: { 200: ReceiptBody },
      problems: ['not_found', 'not_sealed_yet'],
    },
    ({ scope, params }) => eventReceipt(house, scope, params.id),
  ),
]

const exports = (house: AuditHouse): Route[] => [
  route(
    'POST /audit/exports',
    {
      summary: 'Export the record',
      description:
        'A job writes it; read its progress by its id. One at a time. The range is by the time of sealing; without one it is the whole log.',
      ...{ tag, auth: 'any', action: 'audit.export' },
      body: s.object({
        from: s.optional(s.time()),
        to: s.optional(s.time()),
        format: s.withDefault(s.oneOf('ndjson', 'csv'), 'ndjson'),
      }),
      answers: { 202: ExportBody },
      problems: ['export_running'],
    },
    ({ scope, body }) => createExport(house, scope, body),
  ),
  route(
    'GET /audit/exports',
    {
      summary: 'List exports of the record, newest first',
      ...{ tag, auth: 'any', action: 'audit.export' },
      query: s.page(),
      answers: { 200: s.list(ExportBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => pageExports(house, scope, query),
  ),
  route(
    'GET /audit/exports/:id',
    {
      summary: 'Read how an export stands',
      ...{ tag, auth: 'any', action: 'audit.export' },
      params: { id: s.id('aex') },
      answers: { 200: ExportBody },
      problems: ['not_found'],
    },
    ({ scope, params }) => getExport(house, scope, params.id),
  ),
  route(
    'GET /audit/exports/:id/pieces/:n',
    {
      summary: 'Read a piece of a finished export',
      description:
        'Pieces are whole lines. Begin with 0 and go on with `next` until it is null; the file is their texts one after the other.',
      ...{ tag, auth: 'any', action: 'audit.export' },
      params: { id: s.id('aex'), n: s.pattern(/^\d{1,7}$/, 'Must be a number.') },
      answers: { 200: s.object({ n: s.int(), text: s.text({ max: 100_000_000 }), next: s.maybe(s.int()) }) },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params }) => downloadExport(house, scope, params.id, Number(params.n)),
  ),
]

const rest = (house: AuditHouse): Route[] => [
  route(
    'GET /audit/status',
    {
      summary: 'How far the record is sealed',
      ...{ tag, auth: 'any', action: 'event.list' },
      answers: {
        200: s.object({
          state: s.oneOf('ok', 'warn', 'outage'),
          lag_seconds: s.maybe(s.number()),
          waiting: s.int(),
          head: s.maybe(s.object({ seq: size(), hash: hash(), sealed_at: s.time() })),
          checkpoint: s.maybe(CheckpointBody),
        }),
      },
    },
    ({ scope }) => getAuditStatus(house, scope),
  ),
  route(
    'GET /audit/retention',
    {
      summary: 'Read how long the record is kept',
      ...{ tag, auth: 'any', action: 'event.list' },
      answers: { 200: RetentionBody },
    },
    ({ scope }) => getRetention(house, scope),
  ),
  route(
    'PUT /audit/retention',
    {
      summary: 'Change how long the record is kept',
      ...{ tag, auth: 'any', action: 'tenant.update', stepUp: true },
      body: s.object({ audit_months: s.int({ min: 12, max: 120 }), activity_days: s.int({ min: 30, max: 3650 }) }),
      answers: { 200: RetentionBody },
    },
    ({ scope, body }) => setRetention(house, scope, body),
  ),
]

function queryNumber(says: string) {
  return s.int({ min: 1 }).describe(says)
}

const KeyTimes = { created_at: s.time(), retired_at: s.maybe(s.time()) }
const timesOf = ({ created_at, retired_at }: PublishedKey) => ({ created_at, retired_at })

/** Outside of /api: the keys with which anybody checks notes and receipts. */
export const wellKnownRoutes = (house: AuditHouse): Route[] => [
  route(
    'GET /.well-known/countersign/audit-keys.json',
    {
      summary: 'The keys that sign checkpoints',
      description: 'With `tenant_id` also as C2SP verifiers write them for that log. Retired keys stay, for what they signed.',
      ...{ tag, auth: 'none' },
      query: { tenant_id: s.optional(s.id('ten')) },
      answers: {
        200: s.object({
          origin: s.text().describe('The name of a log: the place of the tenant is marked.'),
          keys: s.array(
            s.object({ kid: s.text(), version: s.int(), algorithm: s.literal('ed25519'), public_key: s.text(), ...KeyTimes }),
          ),
          verifier_keys: s.optional(s.array(s.text())),
        }),
      },
    },
    async ({ query }) => {
      const keys = await publishedKeys(house, 'audit-sign')
      const tenant = query.tenant_id === undefined ? null : tenantUuid(query.tenant_id)
      return {
        origin: `${new URL(house.origin()).host}/audit/{tenant_id}`,
        keys: keys.map((key) => ({
          ...{ kid: key.kid, version: key.version, algorithm: 'ed25519' },
          public_key: key.public_key.toString('base64'),
          ...timesOf(key),
        })),
        ...(tenant ? { verifier_keys: verifierKeys(logName(house, tenant), keys) } : {}),
      }
    },
  ),
  route(
    'GET /.well-known/countersign/receipt-keys.json',
    {
      summary: 'The keys that sign receipts, as a JWK set',
      ...{ tag, auth: 'none' },
      answers: {
        200: s.object({
          keys: s.array(
            s.object({
              ...{ kty: s.literal('OKP'), crv: s.literal('Ed25519'), alg: s.literal('EdDSA'), use: s.literal('sig') },
              ...{ kid: s.text(), x: s.text(), ...KeyTimes },
            }),
          ),
        }),
      },
    },
    async () => {
      const keys = await publishedKeys(house, 'receipt')
      return {
        keys: keys.map((key) => ({
          ...{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: key.kid },
          x: key.public_key.toString('base64url'),
          ...timesOf(key),
        })),
      }
    },
  ),
]
