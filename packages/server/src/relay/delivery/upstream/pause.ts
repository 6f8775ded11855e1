// An upstream that is not what its owner declared is not called any more (relay.md §10, R118): its card gone, signed by another key, or its door shut to our credentials. The agent is
// paused, callers are told so, and a person is asked; nothing is tried in the dark.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { createTask } from '../../../tasks/task.ts'
import type { CardRow } from '../../threads/sql.ts'
import type { DeliveryHouse } from '../house.ts'
import { fetchCard, interfacesOf, readCard } from './card.ts'
import { checkedAgain, pauseCardIfActive, type UpstreamRow } from './sql.ts'
import { isRefused, trustOf } from './trust.ts'

const FRESH_MS = 900_000
export const isStale = ({ checked_at }: Pick<UpstreamRow, 'checked_at'>, now: Date): boolean =>
  now.getTime() - checked_at.getTime() >= FRESH_MS
const VANISHED = [404, 410]

const SAYS: Record<string, string> = {
  card_vanished: 'Its card is not at its address any more.',
  key_changed: 'Its card is signed by another key than the one that was there when it was set up.',
  card_untrusted: 'Its card is not signed by a key that is known for its origin.',
  credential_refused: 'It refuses the credentials of the connection.',
}

/** `other`: not what its owner declared; why it may not be called. `away`: it cannot be asked just now. */
export type SeenUpstream = { is: 'same' } | { is: 'other'; reason: string } | { is: 'away' }

export async function seeUpstream(house: DeliveryHouse, scope: Scope, upstream: UpstreamRow): Promise<SeenUpstream> {
  const answer = await fetchCard(house, scope.tenantId, upstream)
  if ('failed' in answer) return { is: 'away' }
  if (VANISHED.includes(answer.status)) return { is: 'other', reason: 'card_vanished' }
  if (answer.status === 401 || answer.status === 403) return { is: 'other', reason: 'credential_refused' }
  const card = answer.status === 200 ? readCard(answer.body) : null
  if (!card || interfacesOf(card).length === 0) return { is: 'away' }
  const trust = await trustOf(house, scope, upstream.origin, card)
  if (trust.fault === 'away') return { is: 'away' }
  const isOther =
    trust.mode !== 'ignore' && upstream.signers.length > 0 && !trust.signers.some((one) => upstream.signers.includes(one))
  if (isOther) return { is: 'other', reason: 'key_changed' }
  if (isRefused(trust)) return { is: 'other', reason: 'card_untrusted' }
  await tx(house.db, scope, (t) => checkedAgain(t, scope, upstream.card_id, card, trust.signers))
  return { is: 'same' }
}

/** Null: it is as it was, or cannot be asked just now; otherwise why it may not be called. `force`: however long ago it was looked at. */
export async function refreshCard(
  house: DeliveryHouse,
  scope: Scope,
  upstream: UpstreamRow,
  { force = false }: { force?: boolean } = {},
): Promise<string | null> {
  if (!force && !isStale(upstream, house.db.now())) return null
  const seen = await seeUpstream(house, scope, upstream)
  return seen.is === 'other' ? seen.reason : null
}

export async function pauseUpstream(house: DeliveryHouse, scope: Scope, card: CardRow, reason: string): Promise<void> {
  const moved = await tx(house.db, scope, async (t) => {
    const said = `upstream: ${SAYS[reason] ?? reason}`
    if ((await pauseCardIfActive(t, scope, card.id, said)) === 0) return false
    await record(t, scope, 'card.paused', { card_id: card.id, reason: said }, { resource: { type: 'card', id: card.id } })
    return t.now
  })
  if (moved) await ask(house, scope, card, reason, moved)
}

/** A question in the inbox of whoever looks after agents; nobody to ask is no reason to go on. */
async function ask(house: DeliveryHouse, scope: Scope, card: CardRow, reason: string, at: Date): Promise<void> {
  try {
    await createTask(house.tasks, scope, {
      task: `${card.name} is paused: what answers for it is not as it was`,
      description: `${SAYS[reason] ?? reason} New threads are refused and messages wait until the agent is resumed. If the change is right, save its delivery once more first: that reads the card anew.`,
      payload: { card_id: card.id, agent: card.slug, reason, at: at.toISOString() },
      response_schema: {
        type: 'object',
        additionalProperties: false,
        properties: { seen: { type: 'boolean', title: 'I have looked after it' } },
        required: ['seen'],
      },
      idempotency_key: `upstream:${card.id}:${reason}:${at.toISOString()}`,
      timeout_seconds: 604_800,
      priority: 'urgent',
      tags: ['relay'],
    })
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    house.log.warn({ err: error, card_id: card.id }, 'nobody could be asked about an agent that was paused')
  }
}
