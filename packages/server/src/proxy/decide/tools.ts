// MCP as the decision sees it (V99): one JSON-RPC 2.0 object or a batch, its calls of tools, and the answers to those that may not be made.
// Never passes on what it could not read, never answers with another id than the call's.
import { Problem } from '@countersign/sdk'
import type { Answer } from '../gatekeeper.ts'
import { strictJson } from './json.ts'

const MOST_IN_BATCH = 50
/** Arguments of a call as policies see them, in bytes. */
type RpcId = string | number | null

export type Call = { id: RpcId | undefined; method: string; tool: string | null; argumentBytes: number; arguments: unknown }
export type Rpc = { calls: Call[]; isBatch: boolean }

/** `invalid` is answered as −32600; `ambiguous` is a refusal. */
export function readRpc(body: Buffer): Rpc | 'ambiguous' | 'invalid' {
  const read = strictJson(body)
  if (read === 'ambiguous') return 'ambiguous'
  const isBatch = Array.isArray(read.value)
  const all = isBatch ? (read.value as unknown[]) : [read.value]
  if (all.length === 0) return 'invalid'
  if (all.length > MOST_IN_BATCH) return 'ambiguous'
  const calls: Call[] = []
  for (const one of all) {
    const call = readCall(one)
    if (call === null) return 'invalid'
    calls.push(call)
  }
  return { calls, isBatch }
}

function readCall(value: unknown): Call | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const { jsonrpc, id, method, params } = value as Record<string, unknown>
  if (jsonrpc !== '2.0') return null
  if (id !== undefined && id !== null && typeof id !== 'string' && !(typeof id === 'number' && Number.isFinite(id))) return null
  // An answer to a request of the server: nothing is called by it.
  if (method === undefined && ('result' in value || 'error' in value)) return { id, method: '', ...NO_TOOL }
  if (typeof method !== 'string' || method === '') return null
  if (method !== 'tools/call') return { id, method, ...NO_TOOL }
  const { name, arguments: given } = (typeof params === 'object' && params !== null ? params : {}) as Record<string, unknown>
  if (typeof name !== 'string' || name === '') return null
  const argumentBytes = given === undefined ? 0 : Buffer.byteLength(JSON.stringify(given))
  return { id, method, tool: name, argumentBytes, arguments: given }
}

const SPOKEN = new Set(['initialize', 'ping', 'tools/list', 'logging/setLevel'])

/** What has to be said to a server before, and between, calls of its tools; an answer to it has no method. Nothing is read or done by it. */
export const isSpoken = ({ method }: Call): boolean => method === '' || SPOKEN.has(method) || method.startsWith('notifications/')

/** Ids of the calls of `tools/list` that are to be answered. */
export const listsIn = ({ calls }: Rpc): RpcId[] =>
  calls.flatMap(({ method, id }) => (method === 'tools/list' && id !== undefined ? [id] : []))

const NO_TOOL = { tool: null, argumentBytes: 0, arguments: undefined }

const DENIED = -32_001
const PENDING = -32_002
const OVER_BUDGET = -32_003
const INVALID_REQUEST = -32_600

const codeOf = (problem: Problem): number =>
  problem.code === 'approval_pending' ? PENDING : problem.status === 429 ? OVER_BUDGET : DENIED

/** Every call of the message is answered with this refusal: HTTP 200, each under its own id. A notification has no answer. */
export function rpcAnswer(rpc: Rpc | 'invalid', problem: Problem, requestId: string, outcome: 'deny' | 'ask'): Answer {
  const error =
    rpc === 'invalid'
      ? { code: INVALID_REQUEST, message: 'Invalid Request' }
      : { code: codeOf(problem), message: problem.title, data: problem.toBody(requestId) }
  const answers =
    rpc === 'invalid'
      ? [{ jsonrpc: '2.0', id: null, error }]
      : rpc.calls.flatMap(({ id, method }) => (id === undefined || method === '' ? [] : [{ jsonrpc: '2.0', id, error }]))
  const headers = { 'content-type': 'application/json', 'countersign-outcome': outcome }
  if (answers.length === 0) return { kind: 'answer', status: 202, headers, body: Buffer.alloc(0) }
  const isBatch = rpc !== 'invalid' && rpc.isBatch
  return { kind: 'answer', status: 200, headers, body: Buffer.from(JSON.stringify(isBatch ? answers : answers[0])) }
}

export const invalidRpc = (requestId: string): Answer => rpcAnswer('invalid', new Problem('proxy_denied'), requestId, 'deny')
