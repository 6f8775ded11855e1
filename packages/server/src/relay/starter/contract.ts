// The contract of the relay for whoever builds against it (relay.md R56, R112): made of the tables that the code itself goes by, never written by hand. What code has no table for is
// named once, here: the transitions of a thread.
import { PROBLEMS } from '@countersign/sdk'
import { hmacSha256 } from '../../crypto/token.ts'
import { BUCKETS, type Buckets } from '../../http/bucket.ts'
import { acceptedBy } from '../../http/credential.ts'
import type { Route } from '../../http/route.ts'
import { ENDED_STATES, OPEN_STATES, RESPONSE_OUTCOMES, THREAD_REASONS } from '../model.ts'
import { RELAY_SCOPES } from '../party.ts'

/** relay.md §2.5. */
const TRANSITIONS = [
  { id: 'T1', from: [], trigger: 'start, invoke or first A2A send', to: ['queued', 'awaiting_approval'] },
  { id: 'T2', from: ['awaiting_approval'], trigger: 'people agreed', to: ['queued'] },
  {
    id: 'T3',
    from: ['awaiting_approval'],
    trigger: 'people refused, nobody answered in time, or policy denies by now',
    to: ['rejected'],
  },
  { id: 'T4', from: ['queued'], trigger: 'claim, attempt or upstream call begins', to: ['delivering'] },
  { id: 'T5', from: ['delivering'], trigger: 'ack, 2xx or accepted upstream', to: ['waiting_owner'] },
  { id: 'T6', from: ['delivering'], trigger: 'lease over or attempt failed', to: ['queued'] },
  { id: 'T7', from: ['queued'], trigger: 'attempts exhausted', to: ['queued', 'failed'] },
  { id: 'T8', from: OPEN_STATES, trigger: 'response progress', to: ['waiting_owner'] },
  { id: 'T9', from: OPEN_STATES, trigger: 'response reply', to: ['responded'] },
  { id: 'T10', from: OPEN_STATES, trigger: 'response ask', to: ['waiting_caller'] },
  {
    id: 'T11',
    from: OPEN_STATES,
    trigger: 'response completed, message, failed or rejected',
    to: ['closed', 'failed', 'rejected'],
  },
  { id: 'T12', from: OPEN_STATES, trigger: 'follow-up', to: ['queued', 'awaiting_approval'] },
  { id: 'T13', from: OPEN_STATES, trigger: 'close by either side', to: ['closed'] },
  { id: 'T14', from: OPEN_STATES, trigger: 'relay grant revoked or expired', to: ['revoked'] },
  { id: 'T15', from: OPEN_STATES, trigger: 'idle or too old', to: ['expired'] },
  { id: 'T16', from: ['responded'], trigger: 'left alone after an answer', to: ['closed'] },
] as const

/** R64: a secret of nobody, known to everybody. */
const VECTOR = {
  secret: ['whsec', 'Q291bnRlcnNpZ24tcmVsYXktdGVzdC1rZXktMDAwMDE='].join('_'),
  body: '{"type":"relay.message","n":1}',
  timestamp: '1767225600',
  nonce: '000102030405060708090a0b0c0d0e0f',
  id: 'evt_01KE0000000000000000000000',
}

function signatures() {
  const { secret, body, timestamp, nonce, id } = VECTOR
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  return {
    headers: {
      'X-ForAgent-Signature': 'hex of HMAC-SHA256 over the body; its key is the secret as text',
      'X-ForAgent-Signature-V2':
        'hex of HMAC-SHA256 over "v2.", timestamp, ".", nonce, "." and the body; its key is the secret as text',
      'webhook-signature':
        '"v1," and base64 of HMAC-SHA256 over id, ".", timestamp, "." and the body; its key is what follows whsec_, decoded',
    },
    accepted_skew_seconds: 300,
    vector: {
      ...VECTOR,
      v1: hmacSha256(secret, body).toString('hex'),
      v2: hmacSha256(secret, `v2.${timestamp}.${nonce}.${body}`).toString('hex'),
      standard: `v1,${hmacSha256(key, `${id}.${timestamp}.${body}`).toString('base64')}`,
    },
  }
}

const OF_RELAY =
  /^\/(?:agents\/:slug|cards|listing|handles|contacts|connection-|relay-|relay\/|blocks|threads|oauth|exports|erasures|holds)/

/** `buckets`: as the operator has them. */
export function relayContract(routes: readonly Route[], buckets: Buckets = BUCKETS as Buckets) {
  const own = routes.filter(({ path }) => OF_RELAY.test(path))
  const named = Object.entries(buckets).filter(([name]) => /^(?:relay\.|anonymous$|api\.|stream$|export$|erasure$)/.test(name))
  return {
    contract: 'countersign relay',
    version: 1,
    auth_kinds: {
      session: 'a signed-in person',
      key: 'a key of a user or an agent, or a child key of one agent',
      relay: 'a relay token',
      thread: 'a thread token',
    },
    relay_token_scopes: RELAY_SCOPES,
    states: { open: OPEN_STATES, ended: ENDED_STATES, reasons: THREAD_REASONS, response_outcomes: RESPONSE_OUTCOMES },
    transitions: TRANSITIONS,
    routes: own.map((one) => ({
      method: one.method,
      path: one.path,
      auth: acceptedBy(one.spec),
      bucket: one.spec.bucket ?? (one.spec.auth === 'none' ? 'anonymous' : 'api'),
      problems: one.spec.problems ?? [],
      ...(one.spec.aliases?.takes ? { also_takes: one.spec.aliases.takes } : {}),
      ...(one.spec.aliases?.calls ? { also_calls: one.spec.aliases.calls } : {}),
    })),
    errors: Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status, title }]) => [code, { status, title }])),
    buckets: Object.fromEntries(named.map(([name, { signIn: _own, ...bucket }]) => [name, bucket])),
    signatures: signatures(),
  }
}
