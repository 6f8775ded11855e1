// What the body of a delivery looks like, per event type, as JSON Schema (P80): for `GET /events/types` and the `webhooks` of the OpenAPI document.
// Says what is there today; receivers must bear members that they do not know.
import { EVENT_TYPES, type EventType } from './types.ts'

export type EventSchema = { [keyword: string]: unknown }

/** Raised when a member of a type is renamed or leaves. */
export const EVENT_VERSION = 1

const text = { type: 'string' }
const id = { type: 'string', pattern: '^[a-z]+_[0-9A-HJKMNP-TV-Z]{26}$' }
const time = { type: 'string', format: 'date-time' }
const integer = { type: 'integer' }
const texts = { type: 'array', items: text }
const maybe = (schema: EventSchema): EventSchema => ({ anyOf: [schema, { type: 'null' }] })

const settled = { from: text, to: text, outcome: maybe(text), channel: maybe(text), agent_id: maybe(id) }
const delivered = { delivery_id: id, endpoint_id: maybe(id), event_id: id }

/** Members of `data`, besides `resource` and `actor`, of the types that receivers act on most. */
const MEMBERS: { [Type in EventType]?: Record<string, EventSchema> } = {
  'task.completed': settled,
  'task.timed_out': settled,
  'task.cancelled': settled,
  'task.verification_exhausted': settled,
  'task.claimed': { user_id: id, agent_id: maybe(id) },
  'task.callback_delivered': { attempt: integer, delivery_id: id },
  'task.callback_failed': { attempts: integer, delivery_id: id },
  'key.created': { key_id: id, kind: text, agent_id: maybe(id), scopes: texts, expires_at: time },
  'key.rotated': { key_id: id, old_ends_at: time },
  'key.revoked': { key_id: id, reason: text },
  'key.expiring': { key_id: id, agent_id: maybe(id), days: integer, expires_at: time },
  'policy.saved': { version: integer, policies: integer },
  'policy.activated': { version: integer, previous: integer },
  'policy.draft_discarded': { policy_id: text, version: integer, relay_grant_id: id },
  'policy.decided': { action: text, resource_type: text, resource_id: text, reason: text },
  'policy.spent': { task_id: id, action: text, digest: text },
  'policy.not_done': { task_id: id, action: text, code: text },
  'endpoint.created': { endpoint_id: id, url_host: text, events: texts, state: text },
  'endpoint.updated': { endpoint_id: id, fields: texts },
  'endpoint.deleted': { endpoint_id: id },
  'endpoint.paused': { endpoint_id: id },
  'endpoint.activated': { endpoint_id: id },
  'endpoint.tested': { endpoint_id: id, delivery_id: id },
  'endpoint.failing': { endpoint_id: id, failing_since: time, failed_events: integer },
  'endpoint.disabled': { endpoint_id: id, reason: { enum: ['gone', 'failing'] } },
  'endpoint.secret_rotated': { endpoint_id: id, n: integer, overlap_seconds: integer },
  'endpoint.secret_revoked': { endpoint_id: id, n: integer },
  'delivery.skipped': delivered,
  'delivery.cancelled': delivered,
  'replay.started': { replay_id: id, endpoint_id: id, total: integer },
  'replay.cancelled': { replay_id: id, started: integer },
}

const named = { type: 'object', properties: { type: text, id: text }, required: ['type', 'id'] }

/** Of the full form. */
export function eventSchema(type: EventType): EventSchema {
  return {
    type: 'object',
    description: EVENT_TYPES[type].says,
    properties: {
      id: {
        type: 'string',
        pattern: '^evt_[0-9A-HJKMNP-TV-Z]{26}$',
        description: 'The same over attempts, replays and endpoints.',
      },
      type: { const: type },
      occurred_at: time,
      tenant_id: { type: 'string', pattern: '^ten_[0-9A-HJKMNP-TV-Z]{26}$' },
      data: {
        type: 'object',
        properties: { ...MEMBERS[type], resource: maybe(named), actor: named },
        required: ['resource', 'actor'],
        additionalProperties: true,
      },
    },
    required: ['id', 'type', 'occurred_at', 'tenant_id', 'data'],
    additionalProperties: false,
  }
}

export const isSensitive = (type: EventType): boolean => 'sensitive' in EVENT_TYPES[type]

const typeNames = Object.keys(EVENT_TYPES) as EventType[]

/** What `GET /events/types` answers. */
export const eventCatalogue = () =>
  typeNames.map((name) => ({
    name,
    version: EVENT_VERSION,
    class: EVENT_TYPES[name].class,
    says: EVENT_TYPES[name].says,
    sensitive: isSensitive(name),
    schema: eventSchema(name),
  }))

/** The `webhooks` of the OpenAPI document: one per type, as its receiver sees it. */
export const webhookOperations = (): Record<string, EventSchema> =>
  Object.fromEntries(
    typeNames.map((name) => [
      name,
      {
        post: {
          operationId: `webhook${name.replace(/(?:^|[._])([a-z])/g, (_, first: string) => first.toUpperCase())}`,
          summary: EVENT_TYPES[name].says,
          tags: ['webhooks'],
          // The receiver's own; what comes is signed (docs/webhooks.md).
          security: [],
          requestBody: { required: true, content: { 'application/json': { schema: eventSchema(name) } } },
          responses: { '2XX': { description: 'Taken. Anything else is tried again.' } },
        },
      },
    ]),
  )
