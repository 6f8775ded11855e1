// A card is handed in for the listing, or taken out of it, by its owner (relay.md §2.3). What is reviewed is exactly the version that was handed in; to be listed gives
// nobody a call, and to be taken out takes none.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { homeTenant } from '../../identity/sql.ts'
import { seeCard, takeCard, tellCard } from '../cards/card.ts'
import { enqueueReview } from '../cards/review-job.ts'
import { type Card, show } from '../cards/show.ts'
import type { CardRow } from '../cards/sql.ts'
import type { RelayHouse } from '../house.ts'
import { submitIf, withdrawIf } from './sql.ts'

export const changeListing = (house: RelayHouse, scope: Scope, id: string, action: 'submit' | 'withdraw'): Promise<Card> =>
  tx(house.db, scope, async (t) => {
    const row = await takeCard(t, scope, id)
    if (action === 'submit') await submit(house, t, scope, row)
    else if ((await withdrawIf(t, scope, id)) > 0) {
      await tellCard(t, scope, 'card.withdrawn', id, {})
      await enqueueReview(t, scope, id)
    }
    return show(house, await seeCard(t, scope, id, 'card.read'))
  })

async function submit(house: RelayHouse, t: Tx, scope: Scope, row: CardRow): Promise<void> {
  if (row.visibility !== 'public')
    throw new Problem('state_conflict', { state: row.visibility, detail: 'Only a public card can be listed.' })
  const reviewTenant = house.reviewTenant ?? (await homeTenant(t)).id ?? scope.tenantId
  if ((await submitIf(t, scope, row.id, scope.userId ?? scope.principal, reviewTenant)) === 0) {
    const isIn = row.listing === 'listed' ? (row.submitted_version ?? row.listed_version) : row.submitted_version
    if (isIn === row.version) return
    throw new Problem('listing_conflict', { state: row.listing })
  }
  await tellCard(t, scope, 'card.submitted', row.id, { version: row.version })
  await enqueueReview(t, scope, row.id)
}
