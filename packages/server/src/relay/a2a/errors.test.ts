import * as sdk from '@a2a-js/sdk/errors'
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Detail, faultOf, Malformed, restErrorOf, rpcErrorOf, rpcStatusOf } from './errors.ts'

const infoOf = (details: Detail[]) => details.find((one) => one['@type'].endsWith('google.rpc.ErrorInfo'))

// §6.3 once more: error, code, HTTP, status, reason, domain, HTTP status of JSON-RPC.
const TABLE: [string, unknown, number, number, string, string, string, number][] = [
  ['TaskNotFound', new sdk.TaskNotFoundError(), -32001, 404, 'NOT_FOUND', 'TASK_NOT_FOUND', 'a2a-protocol.org', 200],
  [
    'TaskNotCancelable',
    new sdk.TaskNotCancelableError(),
    -32002,
    400,
    'FAILED_PRECONDITION',
    'TASK_NOT_CANCELABLE',
    'a2a-protocol.org',
    200,
  ],
  [
    'PushNotificationNotSupported',
    new sdk.PushNotificationNotSupportedError(),
    -32003,
    400,
    'FAILED_PRECONDITION',
    'PUSH_NOTIFICATION_NOT_SUPPORTED',
    'a2a-protocol.org',
    200,
  ],
  [
    'UnsupportedOperation',
    new sdk.UnsupportedOperationError(),
    -32004,
    400,
    'FAILED_PRECONDITION',
    'UNSUPPORTED_OPERATION',
    'a2a-protocol.org',
    200,
  ],
  [
    'ContentTypeNotSupported',
    new sdk.ContentTypeNotSupportedError(),
    -32005,
    400,
    'INVALID_ARGUMENT',
    'CONTENT_TYPE_NOT_SUPPORTED',
    'a2a-protocol.org',
    200,
  ],
  [
    'InvalidAgentResponse',
    new sdk.InvalidAgentResponseError(),
    -32006,
    500,
    'INTERNAL',
    'INVALID_AGENT_RESPONSE',
    'a2a-protocol.org',
    500,
  ],
  [
    'ExtendedAgentCardNotConfigured',
    new sdk.ExtendedAgentCardNotConfiguredError(),
    -32007,
    400,
    'FAILED_PRECONDITION',
    'EXTENDED_AGENT_CARD_NOT_CONFIGURED',
    'a2a-protocol.org',
    200,
  ],
  [
    'ExtensionSupportRequired',
    new sdk.ExtensionSupportRequiredError(),
    -32008,
    400,
    'FAILED_PRECONDITION',
    'EXTENSION_SUPPORT_REQUIRED',
    'a2a-protocol.org',
    200,
  ],
  [
    'VersionNotSupported',
    new sdk.VersionNotSupportedError(),
    -32009,
    400,
    'FAILED_PRECONDITION',
    'VERSION_NOT_SUPPORTED',
    'a2a-protocol.org',
    200,
  ],
  ['what cannot be parsed', new Problem('json_invalid'), -32700, 400, 'INVALID_ARGUMENT', 'PARSE_ERROR', 'a2a-protocol.org', 200],
  [
    'what is no request',
    new Malformed('INVALID_REQUEST', 'x'),
    -32600,
    400,
    'INVALID_ARGUMENT',
    'INVALID_REQUEST',
    'a2a-protocol.org',
    200,
  ],
  [
    'an unknown method',
    new Malformed('METHOD_NOT_FOUND', 'x'),
    -32601,
    404,
    'INVALID_ARGUMENT',
    'METHOD_NOT_FOUND',
    'a2a-protocol.org',
    200,
  ],
  [
    'bad params',
    new Malformed('INVALID_PARAMS', 'x'),
    -32602,
    400,
    'INVALID_ARGUMENT',
    'INVALID_PARAMS',
    'a2a-protocol.org',
    200,
  ],
  ['a foreign cursor', new Problem('cursor_invalid'), -32602, 400, 'INVALID_ARGUMENT', 'INVALID_PARAMS', 'a2a-protocol.org', 200],
  ['an unknown thread', new Problem('not_found'), -32001, 404, 'NOT_FOUND', 'TASK_NOT_FOUND', 'a2a-protocol.org', 200],
  ['no credential', new Problem('unauthenticated'), -32000, 401, 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'countersign', 401],
  ['an expired key', new Problem('key_expired'), -32000, 401, 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'countersign', 401],
  ['a policy that denies', new Problem('policy_denied'), -32000, 403, 'PERMISSION_DENIED', 'POLICY_DENIED', 'countersign', 403],
  ['a missing scope', new Problem('scope_missing'), -32000, 403, 'PERMISSION_DENIED', 'SCOPE_MISSING', 'countersign', 403],
  [
    'too many calls',
    new Problem('rate_limited', { retry_after: 2.2 }),
    -32000,
    429,
    'RESOURCE_EXHAUSTED',
    'RATE_LIMITED',
    'countersign',
    429,
  ],
  [
    'too many at once',
    new Problem('concurrency_limited', { retry_after: 1 }),
    -32000,
    429,
    'RESOURCE_EXHAUSTED',
    'CONCURRENCY_LIMITED',
    'countersign',
    429,
  ],
  ['a body too large', new Problem('body_too_large'), -32602, 413, 'INVALID_ARGUMENT', 'BODY_TOO_LARGE', 'countersign', 413],
  [
    'another body under a key',
    new Problem('idempotency_mismatch'),
    -32602,
    422,
    'INVALID_ARGUMENT',
    'IDEMPOTENCY_MISMATCH',
    'countersign',
    200,
  ],
  [
    'a key whose first call still runs',
    new Problem('idempotency_in_flight', { retry_after: 1 }),
    -32000,
    503,
    'UNAVAILABLE',
    'IDEMPOTENCY_IN_FLIGHT',
    'countersign',
    503,
  ],
  ['a bug', new Error('secret words'), -32603, 500, 'INTERNAL', 'INTERNAL', 'countersign', 500],
]

test.each(TABLE)('R104 §6.3 %s is said alike on both bindings', (_name, error, code, http, status, reason, domain, rpcHttp) => {
  const fault = faultOf(error)
  const rpc = rpcErrorOf(fault, 'a')
  const rest = restErrorOf(fault)
  expect(rpc).toMatchObject({ jsonrpc: '2.0', id: 'a', error: { code } })
  expect(rest.error).toMatchObject({ code: http, status, message: rpc.error.message })
  for (const details of [rpc.error.data, rest.error.details]) expect(infoOf(details)).toMatchObject({ reason, domain })
  expect(rpcStatusOf(fault)).toBe(rpcHttp)
})

test('R104 an unknown error tells nothing of itself', () => {
  expect(JSON.stringify(faultOf(new Error('secret words')))).not.toContain('secret')
})

test('R104 bad params name their fields, those of our own verbs as well', () => {
  const violations = [{ field: 'message.parts[0].text', description: 'Must be a text.' }]
  const own = faultOf(new Malformed('INVALID_PARAMS', 'x', violations))
  const errors = [{ path: '/parts/0/text', code: 'type', message: 'Must be a text.' }]
  const verb = faultOf(new Problem('validation_failed', { errors }))
  expect(own.details.at(-1)).toEqual({ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations })
  expect(verb.code).toBe(-32602)
  expect(verb.details.at(-1)).toMatchObject({ fieldViolations: [{ field: 'parts[0].text', description: 'Must be a text.' }] })
})

test('R104 a limit says when to come back', () => {
  const fault = faultOf(new Problem('rate_limited', { retry_after: 2.2, bucket: 'api.key' }))
  expect(fault.retryAfter).toBe(3)
  expect(fault.details).toContainEqual({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' })
  expect(infoOf(fault.details)).toMatchObject({ metadata: { bucket: 'api.key' } })
})

test('R104 the SDK’s client makes its own errors of both', () => {
  const { error } = restErrorOf(faultOf(new Malformed('INVALID_PARAMS', 'x')))
  expect(sdk.fromRestErrorBody(error, { statusCode: 400 })).toBeInstanceOf(sdk.RequestMalformedError)
  expect(sdk.fromJsonRpcErrorResponse(rpcErrorOf(faultOf(new Problem('not_found')), 1) as never)).toBeInstanceOf(
    sdk.TaskNotFoundError,
  )
})
