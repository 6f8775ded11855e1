import { expect, test } from 'vitest'
import { checkParams, type Method, paramsOfQuery } from './check.ts'
import { readEnvelope } from './envelope.ts'
import { Malformed } from './errors.ts'
import { RELAY_EXTENSION } from './extension.ts'

const refusal = (fn: () => unknown): Malformed | null => {
  try {
    fn()
    return null
  } catch (error) {
    if (error instanceof Malformed) return error
    throw error
  }
}
const fieldsOf = (method: Method, params: unknown) =>
  refusal(() => checkParams(method, params, 'quotes'))?.violations.map((one) => one.field)

const PART = { text: 'hello' }
const MESSAGE = { messageId: 'm1', role: 'ROLE_USER', parts: [PART] }
const send = (message: object, more: object = {}) => ({ message: { ...MESSAGE, ...message }, ...more })
const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])

test.each<[string, unknown]>([
  ['the least', { message: MESSAGE }],
  [
    'names of the schema instead of camel case',
    { message: { message_id: 'm', role: 'ROLE_USER', parts: [{ data: 1, media_type: 'application/json' }] } },
  ],
  ['members that nobody knows', send({ weather: 'fine' }, { more: { kind: 'x' } })],
  ['this agent as the tenant', send({}, { tenant: 'quotes' })],
  ['no tenant', send({}, { tenant: '' })],
  [
    '32 parts of all kinds',
    send({
      parts: Array.from({ length: 32 }, (_, i) => [PART, { data: null }, { raw: 'aGk=' }, { url: 'https://a.example/b' }][i % 4]),
    }),
  ],
  ['data of 32 levels', send({ parts: [{ data: deep(32) }] })],
  ['a text of 512 KiB', send({ parts: [{ text: 'x'.repeat(524_288) }] })],
  [
    'everything a configuration may hold',
    send(
      {},
      {
        configuration: {
          acceptedOutputModes: ['text/plain'],
          historyLength: 0,
          returnImmediately: true,
          taskPushNotificationConfig: {
            url: 'https://a.example/hook',
            token: 't',
            authentication: { scheme: 'Bearer', credentials: 'c' },
          },
        },
      },
    ),
  ],
  [
    'our key',
    send({}, { metadata: { [RELAY_EXTENSION]: { idempotency_key: 'k', operation_id: 'o', skill: 's', want: ['x'] } } }),
  ],
])('R107 a send with %s is taken', (_name, params) => {
  expect(fieldsOf('SendMessage', params)).toBeUndefined()
})

test.each<[string, unknown, string[]]>([
  ['no params', undefined, ['params']],
  ['a list as params', [], ['params']],
  ['{}', {}, ['message']],
  ['another tenant', send({}, { tenant: 'other' }), ['tenant']],
  ['no parts', send({ parts: [] }), ['message.parts']],
  ['no list of parts', send({ parts: PART }), ['message.parts']],
  ['33 parts', send({ parts: Array(33).fill(PART) }), ['message.parts']],
  ['a part with two contents', send({ parts: [PART, { text: 'a', url: 'https://a.example' }] }), ['message.parts[1]']],
  ['a part with null beside a text', send({ parts: [{ text: 'a', data: null }] }), ['message.parts[0]']],
  ['a part without content', send({ parts: [{ mediaType: 'text/plain' }] }), ['message.parts[0]']],
  ['a text that is none', send({ parts: [{ text: 5 }] }), ['message.parts[0].text']],
  ['a text over 512 KiB', send({ parts: [{ text: 'x'.repeat(524_289) }] }), ['message.parts[0].text']],
  ['raw that is not base64', send({ parts: [{ raw: 'not base64!' }] }), ['message.parts[0].raw']],
  ['raw of an impossible length', send({ parts: [{ raw: 'abcde' }] }), ['message.parts[0].raw']],
  ['data of 33 levels', send({ parts: [{ data: deep(33) }] }), ['message.parts[0].data']],
  ['javascript: as a URL', send({ parts: [{ url: 'javascript:alert(1)' }] }), ['message.parts[0].url']],
  ['file: as a URL', send({ parts: [{ url: 'file:///etc/passwd' }] }), ['message.parts[0].url']],
  ['http: as a URL', send({ parts: [{ url: 'http://a.example' }] }), ['message.parts[0].url']],
  ['a URL with spaces', send({ parts: [{ url: 'https://a.example/a b' }] }), ['message.parts[0].url']],
  ['a URL of 5,000 characters', send({ parts: [{ url: `https://a.example/${'a'.repeat(5_000)}` }] }), ['message.parts[0].url']],
  ['the agent’s role', send({ role: 'ROLE_AGENT' }), ['message.role']],
  ['the role as a number', send({ role: 1 }), ['message.role']],
  ['the role of 0.x', send({ role: 'user' }), ['message.role']],
  ['no role', send({ role: undefined }), ['message.role']],
  ['no messageId', send({ messageId: undefined }), ['message.messageId']],
  ['an empty messageId', send({ messageId: '' }), ['message.messageId']],
  ['a number as messageId', send({ messageId: 7 }), ['message.messageId']],
  ['a number as taskId', send({ taskId: 7 }), ['message.taskId']],
  ['a contextId of 129 characters', send({ contextId: 'c'.repeat(129) }), ['message.contextId']],
  ['a contextId with a space', send({ contextId: 'a b' }), ['message.contextId']],
  ['kind of 0.x in the message', send({ kind: 'message' }), ['message.kind']],
  ['kind of 0.x in a part', send({ parts: [{ kind: 'text', text: 'a' }] }), ['message.parts[0].kind']],
  ['metadata that is no object', send({ metadata: 'x' }), ['message.metadata']],
  ['metadata over 16 KiB', send({ metadata: { a: 'x'.repeat(16_384) } }), ['message.metadata']],
  ['reference ids that are no texts', send({ referenceTaskIds: [1] }), ['message.referenceTaskIds']],
  ['a history length below 0', send({}, { configuration: { historyLength: -1 } }), ['configuration.historyLength']],
  [
    'returnImmediately as a text',
    send({}, { configuration: { returnImmediately: 'true' } }),
    ['configuration.returnImmediately'],
  ],
  [
    'a push config without URL',
    send({}, { configuration: { taskPushNotificationConfig: {} } }),
    ['configuration.taskPushNotificationConfig.url'],
  ],
  [
    'an idempotency key with a space',
    send({}, { metadata: { [RELAY_EXTENSION]: { idempotency_key: 'a b' } } }),
    [`metadata["${RELAY_EXTENSION}"].idempotency_key`],
  ],
  [
    'several faults at once',
    { message: { role: 'ROLE_USER', parts: [] }, tenant: 'x' },
    ['tenant', 'message.messageId', 'message.parts'],
  ],
])('R107 §10 a send with %s is -32602 and says where', (_name, params, fields) => {
  for (const method of ['SendMessage', 'SendStreamingMessage'] as const) expect(fieldsOf(method, params)).toEqual(fields)
})

test.each<[Method, unknown, string[] | undefined]>([
  ['GetTask', { id: 'thr_x' }, undefined],
  ['GetTask', {}, ['id']],
  ['GetTask', { id: 7 }, ['id']],
  ['GetTask', { id: 'x', historyLength: 1.5 }, ['historyLength']],
  ['CancelTask', { id: '' }, ['id']],
  ['SubscribeToTask', { name: 'x' }, ['id']],
  ['ListTasks', {}, undefined],
  ['ListTasks', { status: 'TASK_STATE_WORKING', pageSize: 100, statusTimestampAfter: '2026-01-31T12:00:00Z' }, undefined],
  ['ListTasks', { status: 'TASK_STATE_UNSPECIFIED', pageSize: 1 }, undefined],
  ['ListTasks', { status: 2 }, ['status']],
  ['ListTasks', { status: 'task_state_working' }, ['status']],
  ['ListTasks', { status: 'working' }, ['status']],
  ['ListTasks', { pageSize: 0 }, ['pageSize']],
  ['ListTasks', { pageSize: 101 }, ['pageSize']],
  ['ListTasks', { pageSize: '5' }, ['pageSize']],
  ['ListTasks', { pageToken: 5 }, ['pageToken']],
  ['ListTasks', { includeArtifacts: 1 }, ['includeArtifacts']],
  ['ListTasks', { statusTimestampAfter: '2026-01-31T12:00:00+01:00' }, ['statusTimestampAfter']],
  ['ListTasks', { statusTimestampAfter: '2026-02-30T12:00:00Z' }, ['statusTimestampAfter']],
  ['ListTasks', { statusTimestampAfter: 'yesterday' }, ['statusTimestampAfter']],
  ['CreateTaskPushNotificationConfig', { taskId: 'x', url: 'https://a.example' }, undefined],
  ['CreateTaskPushNotificationConfig', { taskId: 'x', url: 'https://a.example', authentication: {} }, ['authentication.scheme']],
  ['CreateTaskPushNotificationConfig', { url: '' }, ['taskId', 'url']],
  ['GetTaskPushNotificationConfig', { taskId: 'x' }, ['id']],
  ['DeleteTaskPushNotificationConfig', { id: 'x' }, ['taskId']],
  ['ListTaskPushNotificationConfigs', {}, ['taskId']],
  ['GetExtendedAgentCard', {}, undefined],
])('R107 §10 %s of %j: %j', (method, params, fields) => {
  expect(fieldsOf(method, params)).toEqual(fields)
})

test.each([
  ['historyLength=3&id=x', { historyLength: 3, id: 'x' }],
  ['pageSize=ten&includeArtifacts=true', { pageSize: 'ten', includeArtifacts: true }],
  ['status=3', { status: '3' }],
  ['', {}],
])('R107 the query %s becomes the params %j', (query, params) => {
  expect(paramsOfQuery(query)).toEqual(params)
})

test('R107 a member of the query that stands twice is refused with its name', () => {
  expect(refusal(() => paramsOfQuery('pageSize=1&pageSize=2'))?.violations).toEqual([
    { field: 'pageSize', description: 'May stand only once.' },
  ])
})

test.each<[string, unknown, string | null]>([
  ['a batch', [{ jsonrpc: '2.0', id: 1, method: 'GetTask', params: {} }], 'INVALID_REQUEST'],
  ['an empty batch', [], 'INVALID_REQUEST'],
  ['a text', 'GetTask', 'INVALID_REQUEST'],
  ['{}', {}, 'INVALID_REQUEST'],
  ['jsonrpc 1.0', { jsonrpc: '1.0', id: 1, method: 'GetTask' }, 'INVALID_REQUEST'],
  ['an object as id', { jsonrpc: '2.0', id: {}, method: 'GetTask' }, 'INVALID_REQUEST'],
  ['an id over 1 KiB', { jsonrpc: '2.0', id: 'x'.repeat(1_025), method: 'GetTask' }, 'INVALID_REQUEST'],
  ['a broken number as id', { jsonrpc: '2.0', id: 1.5, method: 'GetTask' }, 'INVALID_REQUEST'],
  ['no method', { jsonrpc: '2.0', id: 1 }, 'INVALID_REQUEST'],
  ['a number as method', { jsonrpc: '2.0', id: 1, method: 1 }, 'INVALID_REQUEST'],
  ['an unknown method', { jsonrpc: '2.0', id: 1, method: 'DoIt' }, 'METHOD_NOT_FOUND'],
  ['a method in lower case', { jsonrpc: '2.0', id: 1, method: 'getTask' }, 'METHOD_NOT_FOUND'],
  ['a method of 0.x', { jsonrpc: '2.0', id: 1, method: 'message/send' }, 'METHOD_NOT_FOUND'],
  ['a good call', { jsonrpc: '2.0', id: 'a', method: 'GetTask', params: {} }, null],
])('§10 as an envelope, %s is %s', (_name, body, reason) => {
  expect(refusal(() => readEnvelope(body))?.reason ?? null).toBe(reason)
})

test('§10 a call without id is answered with null, others with their own', () => {
  expect(readEnvelope({ jsonrpc: '2.0', method: 'GetExtendedAgentCard' })).toEqual({
    id: null,
    method: 'GetExtendedAgentCard',
    params: {},
  })
  expect(readEnvelope({ jsonrpc: '2.0', id: 7, method: 'GetTask', params: {} }).id).toBe(7)
  expect(readEnvelope({ jsonrpc: '2.0', id: 'x'.repeat(1_024), method: 'GetTask', params: {} }).id).toHaveLength(1_024)
})
