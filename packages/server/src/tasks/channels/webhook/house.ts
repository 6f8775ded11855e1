// What the channel of webhooks needs from the outside; main wires it once. Whoever sends is handed in: this room does not know the one of webhooks.
import type { Scope } from '../../../db/scope.ts'
import type { Tx } from '../../../db/tx.ts'
import type { TasksHouse } from '../../house.ts'

export type Messages = {
  find(t: Tx, scope: Scope, name: string): Promise<{ id: string; label: string; state: string } | null>
  send(
    tenantId: string,
    endpointId: string,
    message: { id: string; body: string; taskId: string },
  ): Promise<{ status: number; retryAfter: string | null } | { failed: string }>
  isFrom(
    tenantId: string,
    endpointId: string,
    signed: { id: string; timestamp: string; signature: string; body: Uint8Array },
  ): Promise<boolean>
}

export type WebhookChannelHouse = { tasks: TasksHouse; messages: Messages }
