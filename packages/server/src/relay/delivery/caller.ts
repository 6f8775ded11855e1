// Who speaks, as the owner's agent is told (relay.md R46): ids and a hash, signed for one origin and one minute by whoever sends. Says nothing of content.
import type { CallerClaims } from '../../crypto/caller-proof.ts'
import { tenantWire } from '../../std/id.ts'
import type { MessageRow, ThreadRow } from '../threads/sql.ts'

export const claimsOf = (thread: ThreadRow, message: MessageRow): CallerClaims => ({
  tenant: thread.asker_tenant === null ? null : tenantWire(thread.asker_tenant),
  agent: thread.asker_agent,
  // An agent acts for itself unless a person sent it.
  user: message.created_by.startsWith('usr_') ? message.created_by : null,
  relay_grant: thread.relay_grant_id,
  thread: thread.id,
  message: message.id,
  payload_hash: message.payload_hash,
})
