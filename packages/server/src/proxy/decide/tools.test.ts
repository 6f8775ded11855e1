import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { readRpc, rpcAnswer } from './tools.ts'

const read = (value: unknown) => readRpc(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
const call = (id: unknown, name: unknown = 'refund', given: unknown = { amount: 4 }) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: given },
})

test('V99 a call of a tool is read with its name and how large its arguments are', () => {
  expect(read(call(7))).toEqual({
    isBatch: false,
    calls: [{ id: 7, method: 'tools/call', tool: 'refund', argumentBytes: 12, arguments: { amount: 4 } }],
  })
})

test('V99 §10.1 JSON-RPC: a batch of 51, a name twice, an id that is an object, a call without a name and invalid UTF-8 are not passed on', () => {
  const faults: [string, unknown, string][] = [
    ['a batch of 51', Array.from({ length: 51 }, (_, i) => call(i)), 'ambiguous'],
    ['method twice', '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"x"}}', 'ambiguous'],
    ['no JSON', 'hello', 'ambiguous'],
    ['an id that is an object', call({}), 'invalid'],
    ['a call without a name', { ...call(1), params: {} }, 'invalid'],
    ['a name that is a number', call(1, 5), 'invalid'],
    ['an empty batch', [], 'invalid'],
    ['another version', { ...call(1), jsonrpc: '1.0' }, 'invalid'],
    ['a batch with one that is no object', [call(1), 'x'], 'invalid'],
  ]
  for (const [what, value, expected] of faults) expect([what, read(value)]).toEqual([what, expected])
})

test('V99 50 calls are read; an answer to the server calls nothing', () => {
  expect(read(Array.from({ length: 50 }, (_, i) => call(i)))).toMatchObject({ isBatch: true })
  expect(read({ jsonrpc: '2.0', id: 3, result: {} })).toMatchObject({ calls: [{ method: '', tool: null }] })
})

test('V99 a refusal answers each call under its own id with HTTP 200, and notifications not at all', () => {
  const rpc = read([call('a'), { jsonrpc: '2.0', method: 'notifications/x' }, call(2)])
  if (typeof rpc === 'string') throw new Error(rpc)
  const answer = rpcAnswer(rpc, new Problem('approval_pending', { task_id: 'task_1' }), 'req_1', 'ask')
  expect(answer.status).toBe(200)
  expect(JSON.parse(answer.body.toString())).toMatchObject([
    {
      jsonrpc: '2.0',
      id: 'a',
      error: { code: -32_002, data: { code: 'approval_pending', task_id: 'task_1', request_id: 'req_1' } },
    },
    { jsonrpc: '2.0', id: 2, error: { code: -32_002 } },
  ])
})

test('V99 one call alone is answered alone; denied is −32001, a budget −32003', () => {
  const rpc = read(call(1))
  if (typeof rpc === 'string') throw new Error(rpc)
  const codeOf = (problem: Problem) =>
    (JSON.parse(rpcAnswer(rpc, problem, 'req_1', 'deny').body.toString()) as { id: number; error: { code: number } }).error.code
  expect(codeOf(new Problem('proxy_denied', { reason: 'tool' }))).toBe(-32_001)
  expect(codeOf(new Problem('rate_limited'))).toBe(-32_003)
})
