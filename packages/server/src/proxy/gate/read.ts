// What a node sends, read before anything is done with it: types, sizes, and that a body is the one that its digest names. null: no node sends that.
import { isIP } from 'node:net'
import { isId } from '../../std/id.ts'
import { type BoundRequest, bodyDigest } from '../decide/digest.ts'
import type { AskParams, MaterialParams, OpenParams } from './wire.ts'

const LARGEST_BODY = 1_048_576
const LONGEST_PATH = 65_536
const MOST_HEADERS = 64
const MOST_SCOPES = 50
const MOST_COOKIES = 50
const LONGEST_COOKIE = 16_384
const ALL_COOKIES = 65_536

type Members = Record<string, unknown>
const membersOf = (value: unknown): Members | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : null
const isText = (value: unknown, max: number): value is string => typeof value === 'string' && value.length <= max
const isCount = (value: unknown, max: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
const isSha256 = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

export function readOpen(params: unknown): OpenParams | null {
  const { token_hash, client_address } = membersOf(params) ?? {}
  return isSha256(token_hash) && isText(client_address, 64) ? { token_hash, client_address } : null
}

export function readMaterial(params: unknown): MaterialParams | null {
  const { run_id, connection_id, grant_id, refresh, lacks, renewed } = membersOf(params) ?? {}
  if (!isId('run', run_id) || !isId('conn', connection_id) || !isId('grt', grant_id)) return null
  if (lacks !== undefined) {
    const { generation, scopes } = membersOf(lacks) ?? {}
    const isRead = Array.isArray(scopes) && scopes.length <= MOST_SCOPES && scopes.every((one) => isText(one, 200))
    if (!isRead || !isCount(generation, Number.MAX_SAFE_INTEGER)) return null
    return { run_id, connection_id, grant_id, lacks: { generation, scopes } }
  }
  if (renewed !== undefined) {
    const read = readRenewed(renewed)
    return read && { run_id, connection_id, grant_id, renewed: read }
  }
  if (refresh === undefined) return { run_id, connection_id, grant_id }
  const { generation } = membersOf(refresh) ?? {}
  return isCount(generation, Number.MAX_SAFE_INTEGER) ? { run_id, connection_id, grant_id, refresh: { generation } } : null
}

function readRenewed(value: unknown): NonNullable<MaterialParams['renewed']> | null {
  const { generation, cookies } = membersOf(value) ?? {}
  const all = Object.entries(membersOf(cookies) ?? {})
  if (!isCount(generation, Number.MAX_SAFE_INTEGER) || all.length === 0 || all.length > MOST_COOKIES) return null
  if (!all.every(([name, text]) => name.length <= 200 && isText(text, LONGEST_COOKIE))) return null
  const bytes = all.reduce((sum, [name, text]) => sum + name.length + (text as string).length, 0)
  return bytes <= ALL_COOKIES ? { generation, cookies: cookies as Record<string, string> } : null
}

export function readAsk(params: unknown): AskParams | null {
  const { run_id, connection_id, request_id, body, waited_ms, wait_ms, ...more } = membersOf(params) ?? {}
  const request = readRequest(more.request)
  const seen = readSeen(more.seen)
  if (!isId('run', run_id) || !isId('conn', connection_id) || !isId('req', request_id) || !request || !seen) return null
  if (!isText(body, Math.ceil(LARGEST_BODY / 3) * 4) || !isCount(waited_ms, 86_400_000) || !isCount(wait_ms, 86_400_000))
    return null
  const bytes = Buffer.from(body, 'base64')
  if (bytes.length !== request.body_bytes || bodyDigest(bytes) !== request.body_sha256) return null
  if (request.run_id !== run_id || request.connection_id !== connection_id) return null
  return { run_id, connection_id, request_id, request, body, seen, waited_ms, wait_ms }
}

function readRequest(value: unknown): BoundRequest | null {
  const given = membersOf(value)
  const headers = membersOf(given?.bound_headers)
  if (!given || !headers || Object.keys(headers).length > MOST_HEADERS) return null
  if (!Object.entries(headers).every(([name, text]) => isText(name, 200) && isText(text, LONGEST_PATH))) return null
  const { tenant_id, agent_id, run_id, connection_id, scheme, host, port, method, path, query, body_bytes, body_sha256 } = given
  const ids = [tenant_id, agent_id, run_id, connection_id]
  if (!ids.every((id) => isText(id, 64)) || (scheme !== 'https' && scheme !== 'http')) return null
  if (!isText(host, 255) || !isCount(port, 65_535) || !isText(method, 64)) return null
  if (!isText(path, LONGEST_PATH) || !isText(query, LONGEST_PATH) || !isCount(body_bytes, LARGEST_BODY) || !isSha256(body_sha256))
    return null
  return {
    ...({ tenant_id, agent_id, run_id, connection_id } as Record<'tenant_id' | 'agent_id' | 'run_id' | 'connection_id', string>),
    ...{ scheme, host, port, method, path, query, body_bytes, body_sha256 },
    bound_headers: headers as Record<string, string>,
  }
}

function readSeen(value: unknown): AskParams['seen'] | null {
  const { client_address, protocol, upgrade, carries_placeholder } = membersOf(value) ?? {}
  if (!isText(client_address, 64) || isIP(client_address) === 0 || typeof carries_placeholder !== 'boolean') return null
  if ((protocol !== 'http/1.1' && protocol !== 'h2') || (upgrade !== undefined && upgrade !== 'websocket')) return null
  return { client_address, protocol, carries_placeholder, ...(upgrade ? { upgrade } : {}) }
}
