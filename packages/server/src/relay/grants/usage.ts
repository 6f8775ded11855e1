// A relay grant beside what of its quotas is used (relay.md R112, R128), for either side. The limits are those in force: its own, else the card's, else everybody's; 0 is none.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { RelayHouse } from '../house.ts'
import { sideOf } from '../party.ts'
import { QUOTAS } from '../threads/accepting/weigh.ts'
import { countOpen, findCard, usageToday } from '../threads/sql.ts'
import { seeGrant } from './grant.ts'
import { showGrant } from './show.ts'

const NAMES = Object.keys(QUOTAS) as (keyof typeof QUOTAS)[]

export const getGrantInUse = (house: Pick<RelayHouse, 'db'>, scope: Scope, id: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await seeGrant(t, scope, id)
      const card = await findCard(t, scope, { id: row.card_id })
      const [open, today, shown] = [
        await countOpen(t, scope, id),
        await usageToday(t, scope, id),
        await showGrant(t, scope, row, sideOf(scope)),
      ]
      const limits = Object.fromEntries(NAMES.map((name) => [name, row.limits[name] ?? card?.limits[name] ?? QUOTAS[name]]))
      return {
        ...shown,
        usage: {
          open_threads: open.n,
          messages_today: today.messages,
          bytes_today: Number(today.bytes),
          limits: limits as Record<keyof typeof QUOTAS, number>,
          resets_at: new Date(Date.UTC(t.now.getUTCFullYear(), t.now.getUTCMonth(), t.now.getUTCDate() + 1)),
        },
      }
    },
    { readOnly: true },
  )
