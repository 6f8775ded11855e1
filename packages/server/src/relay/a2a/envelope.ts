// The envelope of JSON-RPC 2.0, read before any codec: one call at a time, an id that can be echoed, a method that exists. The SDK's handler would take a batch or a bad
// envelope for bad params.
import { isMethod, type Method } from './check.ts'
import { Malformed, type RpcId } from './errors.ts'
import { isObject } from './parts.ts'

const MOST_ID = 1_024

export type Envelope = { id: RpcId; method: Method; params: unknown }

/** What may be echoed of a body that is otherwise refused. */
export function idOf(body: unknown): RpcId {
  const id = isObject(body) ? body.id : null
  if (typeof id === 'string') return Buffer.byteLength(id) <= MOST_ID ? id : null
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null
}

export function readEnvelope(body: unknown): Envelope {
  if (Array.isArray(body)) throw new Malformed('INVALID_REQUEST', 'One call at a time: batches are not taken.')
  if (!isObject(body)) throw new Malformed('INVALID_REQUEST', 'This is not a JSON-RPC call.')
  const { jsonrpc, id, method, params } = body
  if (jsonrpc !== '2.0') throw new Malformed('INVALID_REQUEST', 'jsonrpc must be "2.0".')
  if (id !== undefined && id !== null && idOf(body) === null)
    throw new Malformed('INVALID_REQUEST', `id must be a text of at most ${MOST_ID} bytes, an integer or null.`)
  if (typeof method !== 'string' || method === '') throw new Malformed('INVALID_REQUEST', 'method must be a text.')
  if (!isMethod(method)) throw new Malformed('METHOD_NOT_FOUND', 'There is no such method.')
  // Only this one has nothing to say; the codec wants an object all the same.
  return { id: idOf(body), method, params: params ?? (method === 'GetExtendedAgentCard' ? {} : params) }
}
