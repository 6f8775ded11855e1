// How stored replies are sealed: under the key of their tenant, each with its own id bound in. Knows no reply's content.
import { openText, type Place, sealText } from '../crypto/seal.ts'
import type { Scope } from '../db/scope.ts'
import type { ReplySealing } from '../http/reply.ts'
import type { IdentityHouse } from '../identity/house.ts'
import { tenantKey } from '../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../std/id.ts'

export function replySealing(house: IdentityHouse): ReplySealing {
  const place = (scope: Scope, id: string): Place => ({
    tenant: tenantWire(scope.tenantId),
    table: 'replies',
    column: 'reply',
    row: id,
  })
  return {
    seal: async (t, scope, id, text) => sealText(await tenantKey(house, t, scope), place(scope, id), text),
    open: async (t, scope, id, sealed) => openText(await tenantKey(house, t, scope), place(scope, id), sealed),
  }
}
