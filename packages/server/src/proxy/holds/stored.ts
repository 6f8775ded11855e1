// A request that waits, as it is kept until it waits no more: what the digest covers, its body, and what a judgement reads beside them. Sealed under the key of its
// task, so that it goes with it. From this the same judgement is made as when it was asked (V107).
import { openText, sealText, type WrappingKey } from '../../crypto/seal.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { subjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { BoundRequest } from '../decide/digest.ts'
import type { GateHouse } from '../gate/house.ts'
import type { AskParams } from '../gate/wire.ts'
import type { AskedRequest } from '../gatekeeper.ts'

export type Stored = { request: BoundRequest; body: string; seen: AskParams['seen'] }

export const storedOf = ({ request, body, seen }: AskParams): Stored => ({ request, body, seen })
export const bodyOf = ({ body }: Stored): Buffer => Buffer.from(body, 'base64')

const place = (scope: Scope, column: 'request' | 'edited', holdId: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'proxy_holds',
  column,
  row: holdId,
})

export const holdKey = (house: GateHouse, t: Tx, scope: Scope, taskId: string): Promise<WrappingKey> =>
  subjectKey(house.tasks, t, scope, `task:${taskId}`)

export const sealStored = (key: WrappingKey, scope: Scope, holdId: string, stored: Stored): Buffer =>
  sealText(key, place(scope, 'request', holdId), JSON.stringify(stored))
export const openStored = (key: WrappingKey, scope: Scope, holdId: string, envelope: Buffer): Stored =>
  JSON.parse(openText(key, place(scope, 'request', holdId), envelope)) as Stored

export const sealEdited = (key: WrappingKey, scope: Scope, holdId: string, body: Buffer): Buffer =>
  sealText(key, place(scope, 'edited', holdId), body.toString('base64'))
export const openEdited = (key: WrappingKey, scope: Scope, holdId: string, envelope: Buffer): string =>
  openText(key, place(scope, 'edited', holdId), envelope)

/** As the judgement reads it. What selected the connection is said by its id, and where a placeholder stood is not kept, only that one did. */
export function askedOf({ request, body, seen }: Stored, placeholder: string): AskedRequest {
  const { bound_headers: bound, scheme, host, port, method, path, query } = request
  const bytes = Buffer.from(body, 'base64')
  return {
    id: 'req_held',
    ...{ scheme: scheme as 'http' | 'https', host, port, method, path, query },
    headers: [
      ...Object.entries(bound),
      ['countersign-connection', request.connection_id],
      ...(bytes.length > 0 ? [['content-length', String(bytes.length)] as const] : []),
      ...(seen.carries_placeholder ? [['x-placeholder', placeholder] as const] : []),
    ],
    protocol: seen.protocol,
    clientAddress: seen.client_address,
    ...(seen.upgrade ? { upgrade: seen.upgrade } : {}),
    body: async (limit) => (bytes.length > limit ? 'too_large' : bytes),
    signal: new AbortController().signal,
  }
}
