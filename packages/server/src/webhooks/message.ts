// A message to one endpoint that is no event (T120): signed, guarded and sent as deliveries are, once, at the word of who calls; and the proof that something comes
// from whoever holds the endpoint's secret. Keeps no row: the caller has its own, with its tries.
import { signedHeaders, standardSignature } from '../crypto/signature.ts'
import { sameBytes } from '../crypto/token.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import type { Failed } from '../egress/failure.ts'
import { type Posted, postSigned } from '../egress/post.ts'
import { findEndpoint, findEndpointByLabel } from './endpoints/sql.ts'
import type { WebhooksHouse } from './house.ts'
import { type Material, materialsOf } from './material.ts'

export type EndpointName = { id: string; label: string; state: string }
export type Signed = { id: string; timestamp: string; signature: string; body: Uint8Array }

export type Messages = {
  /** By its id, or by its label where one endpoint alone has it. */
  find(t: Tx, scope: Scope, name: string): Promise<EndpointName | null>
  send(
    tenantId: string,
    endpointId: string,
    message: { id: string; body: string; taskId: string },
  ): Promise<Posted | { failed: Failed | 'no_endpoint' }>
  /** By one of its live secrets, over these very bytes, at most five minutes old. */
  isFrom(tenantId: string, endpointId: string, signed: Signed): Promise<boolean>
}

const TOLERANCE_S = 300
const CONNECT_MS = 5_000

export function openMessages(house: WebhooksHouse): Messages {
  const read = (tenantId: string, endpointId: string): Promise<{ material: Material; now: Date } | null> => {
    const scope = systemScope('webhooks', tenantId)
    return tx(
      house.db,
      scope,
      async (t) => {
        const row = await findEndpoint(t, scope, endpointId)
        if (!row || row.state === 'disabled') return null
        const material = (await materialsOf(house, t, scope, new Map([[row.id, row.version]]))).get(row.id)
        return material ? { material, now: t.now } : null
      },
      { readOnly: true },
    )
  }
  return {
    async find(t, scope, name) {
      const rows = name.startsWith('whe_') ? [await findEndpoint(t, scope, name)] : await findEndpointByLabel(t, scope, name)
      const [row] = rows
      return row && rows.length === 1 ? { id: row.id, label: row.label, state: row.state } : null
    },
    async send(tenantId, endpointId, { id, body, taskId }) {
      const found = await read(tenantId, endpointId)
      return found ? post(house, tenantId, found, { id, body: Buffer.from(body), taskId }) : { failed: 'no_endpoint' }
    },
    async isFrom(tenantId, endpointId, { id, timestamp, signature, body }) {
      const found = await read(tenantId, endpointId)
      const at = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : 0
      if (!found || Math.abs(at - found.now.getTime() / 1_000) > TOLERANCE_S) return false
      return liveOf(found).some((secret) => {
        const right = standardSignature([secret], id, at, Buffer.from(body))
        return signature.split(' ').some((one) => sameBytes(one, right))
      })
    },
  }
}

type Found = { material: Material; now: Date }

const liveOf = ({ material, now }: Found): string[] =>
  material.secrets.filter(({ endsAt }) => endsAt === null || endsAt > now).map(({ secret }) => secret.reveal())

function post(house: WebhooksHouse, tenantId: string, found: Found, message: { id: string; body: Buffer; taskId: string }) {
  const { material, now } = found
  const { mode, header, seed, ca, client, timeoutMs } = material
  const own = material.headers ? (JSON.parse(material.headers.reveal()) as Record<string, string>) : {}
  const timestamp = Math.floor(now.getTime() / 1_000)
  const signed = signedHeaders({
    ...{ mode, header, timestamp, secrets: liveOf(found) },
    ...message,
    ...(seed ? { seed: Buffer.from(seed.reveal(), 'base64') } : {}),
  })
  return postSigned(house.door, {
    tenantId,
    url: material.url,
    headers: { ...own, ...signed },
    body: message.body,
    ...(ca === undefined ? {} : { ca }),
    ...(client ? { client: JSON.parse(client.reveal()) as { cert: string; key: string } } : {}),
    caps: { connectMs: Math.min(CONNECT_MS, timeoutMs), headersMs: timeoutMs, idleMs: timeoutMs, wholeMs: timeoutMs },
  })
}
