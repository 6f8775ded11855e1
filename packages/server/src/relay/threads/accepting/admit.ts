// What the owner's side refuses of a message without asking anybody (relay.md R7, R71): for one that its caller's own side holds back, so that nobody there is asked about what could not
// be sent. Reads alone.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../../db/tx.ts'
import { writeJson } from '../../../http/json.ts'
import type { SendInput } from '../accept.ts'
import { type CardRow, findCard, type GrantRow, shareGrant } from '../sql.ts'
import { fit, refuseGrant, refusePaused } from './weigh.ts'

export async function admit(
  t: Tx,
  scope: Scope,
  by: { id?: string; slug?: string },
  action: 'thread.start' | 'thread.send',
  input: SendInput,
): Promise<{ card: CardRow; grant: GrantRow }> {
  const card = await findCard(t, scope, by)
  if (!card) throw new Problem('not_found')
  refusePaused(card, t.now)
  const grant = scope.relayParty === undefined ? null : await shareGrant(t, scope, scope.relayParty)
  if (!grant || grant.card_id !== card.id) throw new Problem('not_found')
  refuseGrant({ card, grant }, action)
  fit(card, grant, input.skill, input)
  if ((input.bodyBytes || Buffer.byteLength(writeJson(input.payload))) > card.max_message_bytes)
    throw new Problem('body_too_large', { max_bytes: card.max_message_bytes })
  return { card, grant }
}
