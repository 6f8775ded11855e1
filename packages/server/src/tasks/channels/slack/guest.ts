// From somebody who pressed something in Slack to a scope of one task (T118). Assurance `channel`: Slack vouches for who they are, and no more than that.
import { systemScope } from '../../../db/scope.ts'
import { type Scope, tx } from '../../../db/tx.ts'
import { guestScope } from '../../../identity/guest.ts'
import type { SlackHouse } from './house.ts'
import { type Installation, installationOf } from './material.ts'
import { type Linked, linkedPerson } from './people.ts'
import type { MessageRow } from './sql.ts'

export type Here = { tenantId: string; installation: Installation; requestId: string }

/** The workspace of a request; null when it is connected here no more. */
export async function hereOf(
  house: SlackHouse,
  tenantId: string,
  teamId: string | null,
  requestId: string,
): Promise<Here | null> {
  if (teamId === null) return null
  const scope = systemScope('slack', tenantId)
  const installation = await tx(house.tasks.db, scope, (t) => installationOf(house.tasks, t, scope, teamId), { readOnly: true })
  return installation && installation.row.state === 'active' ? { tenantId, installation, requestId } : null
}

/** Null: nobody here is known to be that person. */
export async function guestOf(
  house: SlackHouse,
  { tenantId, installation, requestId }: Here,
  slackUserId: string,
  message: Pick<MessageRow, 'task_id' | 'target'>,
): Promise<{ scope: Scope; person: Linked } | null> {
  const person = await linkedPerson(house, tenantId, installation, slackUserId)
  if (!person) return null
  const guest = {
    ...({ taskId: message.task_id, channel: 'slack', assurance: 'channel', ref: installation.row.id } as const),
    ...{ email: person.email, slackUserId, vouched: false, acts: null },
    // Whoever was told at that place was asked by its name.
    keys: [`slack:${message.target}`, `slack:${slackUserId}`],
  }
  const who = { userId: person.user_id, displayName: person.display_name }
  return { scope: guestScope(tenantId, guest, who, { requestId }), person }
}
