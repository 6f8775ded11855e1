import { expect, test } from 'vitest'
import { type BoundRequest, bodyDigest, boundHeaders, requestDigest } from './digest.ts'

const BODY = '{"amount":4200,"charge":"ch_1"}'
const REQUEST: BoundRequest = {
  agent_id: 'agt_01J9Z3K4M5N6P7Q8R9S0T1V2W3',
  body_bytes: 31,
  body_sha256: bodyDigest(Buffer.from(BODY)),
  bound_headers: boundHeaders([
    ['accept', '*/*'],
    ['content-type', 'application/json'],
    ['idempotency-key', 'k-1'],
  ]),
  connection_id: 'conn_01J9Z3K4M5N6P7Q8R9S0T1V2W4',
  host: 'api.stripe.com',
  method: 'POST',
  path: '/v1/refunds',
  port: 443,
  query: '',
  run_id: 'run_01J9Z3K4M5N6P7Q8R9S0T1V2W5',
  scheme: 'https',
  tenant_id: 'ten_01J9Z3K4M5N6P7Q8R9S0T1V2W6',
}

test('V102 the published vector', () => {
  expect(requestDigest(REQUEST).toString('hex')).toBe('c422413684cf1871d46ed00f9dcb22f078d642152933ae44917b2299bdd7247d')
})

test.each(Object.keys(REQUEST) as (keyof BoundRequest)[])('V101 a request with another %s is another request', (member) => {
  const value = REQUEST[member]
  const other =
    typeof value === 'number' ? value + 1 : typeof value === 'string' ? `${value}x` : { ...value, 'x-amz-target': 'a' }
  expect(requestDigest({ ...REQUEST, [member]: other })).not.toEqual(requestDigest(REQUEST))
})

test('V101 a field that comes twice is bound with both values, and one that a policy names is bound too', () => {
  const headers = [
    ['idempotency-key', 'a'],
    ['idempotency-key', 'b'],
    ['x-region', 'eu'],
  ] as const
  expect(boundHeaders(headers, ['x-region'])).toEqual({ 'idempotency-key': 'a, b', 'x-region': 'eu' })
})
