// The digest of a held request (V101): what a human agreed to, to the byte, before anything is injected. Pure.
import { canonical } from '../../crypto/canonical.ts'
import { sha256, sha256Hex } from '../../crypto/token.ts'

export type BoundRequest = {
  tenant_id: string
  agent_id: string
  run_id: string
  connection_id: string
  scheme: string
  host: string
  port: number
  method: string
  path: string
  query: string
  bound_headers: Readonly<Record<string, string>>
  body_bytes: number
  body_sha256: string
}

/** Fields that change what a request does; a policy may add to them. */
const BOUND = [
  'content-type',
  'content-encoding',
  'idempotency-key',
  'x-http-method-override',
  'soapaction',
  'x-amz-target',
] as const

/** Several fields of one name are joined as RFC 9110 §5.3 joins them. */
export function boundHeaders(
  headers: readonly (readonly [string, string])[],
  more: readonly string[] = [],
): Record<string, string> {
  const bound: Record<string, string> = {}
  for (const [name, value] of headers)
    if ((BOUND as readonly string[]).includes(name) || more.includes(name))
      bound[name] = bound[name] === undefined ? value : `${bound[name]}, ${value}`
  return bound
}

export const bodyDigest = (body: Buffer): string => sha256Hex(body)

export const requestDigest = (request: BoundRequest): Buffer =>
  sha256(`countersign/request/v1\n${canonical({ v: 1, ...request })}`)
