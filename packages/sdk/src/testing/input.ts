// What the in-memory server refuses of a create, as the real one does: every error at once, each with its path.

import { type FieldError, Problem } from '../problem.ts'
import { checkJsonSchema } from '../schema/check.ts'
import type { CreateTask, JsonSchema } from '../shapes.ts'

const text = (min: number, max: number) => ({ type: 'string', minLength: min, maxLength: max })
const object = { type: 'object' }
const CREATE = {
  type: 'object',
  properties: {
    task: { ...text(1, 4000), pattern: '\\S' },
    description: text(0, 20_000),
    payload: object,
    payload_schema: { anyOf: [object, { type: 'null' }] },
    response_schema: object,
    action: {
      type: 'object',
      properties: {
        name: text(1, 200),
        args: object,
        args_schema: object,
        description: text(0, 20_000),
        allow: { type: 'array', minItems: 1, items: { enum: ['accept', 'edit', 'respond', 'ignore', 'deny'] } },
        editable: { type: 'array', maxItems: 50, items: { type: 'string' } },
      },
      required: ['name', 'args'],
      additionalProperties: false,
    },
    form_definition: { anyOf: [object, { type: 'null' }] },
    initial_response: object,
    verdict: {
      type: 'object',
      properties: { pointer: text(1, 500), approve: { type: 'array' }, deny: { type: 'array' } },
      required: ['pointer', 'approve', 'deny'],
      additionalProperties: false,
    },
    timeout_seconds: { type: 'integer', minimum: 5, maximum: 31_536_000 },
    deadline_at: { type: 'string', format: 'date-time' },
    on_timeout: {
      anyOf: [
        { enum: ['time_out', 'deny'] },
        { type: 'object', properties: { default: object }, required: ['default'], additionalProperties: false },
        {
          type: 'object',
          properties: { escalate: { type: 'object', required: ['assign_to', 'extra_seconds', 'then'] } },
          required: ['escalate'],
        },
      ],
    },
    idempotency_key: { ...text(1, 512), pattern: '^[^\\u0000-\\u001f\\u007f]*$' },
    key_reuse: { enum: ['forever', 'until_collected'] },
    assign_to: {},
    priority: { enum: ['low', 'normal', 'high', 'urgent'] },
    tags: { type: 'array', maxItems: 20, items: { type: 'string', pattern: '^[a-z0-9][a-z0-9_.:-]{0,49}$' } },
    metadata: { type: 'object', maxProperties: 50 },
    risk: { enum: ['low', 'normal', 'high'] },
    redact: { enum: ['none', 'notify'] },
    callback_url: text(1, 2048),
    callback_mode: { enum: ['standard', 'awaithumans'] },
    on_behalf_of: text(1, 200),
    verifier_config: { type: 'object', properties: { provider: { const: 'agent' } }, required: ['provider'] },
  },
  required: ['task'],
  additionalProperties: false,
}

export function checkCreate(body: unknown, now: Date): CreateTask {
  const errors: FieldError[] = checkJsonSchema(CREATE, body)
  const input = body as CreateTask
  if (errors.length === 0 && input.response_schema === undefined && !input.action)
    errors.push({ path: '/response_schema', code: 'required', message: 'is missing' })
  if (errors.length === 0 && (input.timeout_seconds === undefined) === (input.deadline_at === undefined)) {
    errors.push({ path: '/timeout_seconds', code: 'exactly_one', message: 'Give either timeout_seconds or deadline_at.' })
  }
  if (errors.length === 0 && input.deadline_at !== undefined && Date.parse(input.deadline_at) <= now.getTime()) {
    errors.push({ path: '/deadline_at', code: 'past', message: 'lies in the past' })
  }
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  if (input.payload_schema) {
    const wrong = checkJsonSchema(input.payload_schema as JsonSchema, input.payload)
    if (wrong.length > 0)
      throw new Problem('payload_invalid', { errors: wrong.map((error) => ({ ...error, path: `/payload${error.path}` })) })
  }
  return input
}
