// What follows from a change of what was handed in for the listing: its question is asked, moved to another version or taken back, by a job of the same transaction.
import { enqueue } from '@countersign/queue'
import type { Scope, Tx } from '../../db/tx.ts'

export const REVIEW = 'listing.review'

export const enqueueReview = (t: Tx, scope: Pick<Scope, 'tenantId'>, cardId: string): Promise<string> =>
  enqueue(t, { kind: REVIEW, tenantId: scope.tenantId, payload: { card_id: cardId } })
