// A workspace that has taken the app away: marked once, whoever learns it first (§11.2).
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import type { SlackHouse } from './house.ts'
import { revokeIfActive } from './sql.ts'

/** Once: of many messages that learn it, one says it (§11.2). */
export async function markRevoked(house: SlackHouse, tenantId: string, teamId: string, reason: string): Promise<void> {
  const scope = systemScope('slack', tenantId)
  await tx(house.tasks.db, scope, async (t) => {
    const revoked = await revokeIfActive(t, scope, teamId, reason)
    if (revoked) await record(t, scope, 'slack.revoked', { team_id: teamId, installation_id: revoked.id, reason })
  })
}
