// Where messages for an agent go (R40): the mode of a card, which its documents name, and what a mode needs beside that.
import type { Scope, Tx } from '../../db/tx.ts'
import { actOnCard, putContent, seeCard, takeCard, tellCard } from './card.ts'
import type { CardsHouse } from './house.ts'
import type { DeliveryMode } from './input.ts'
import { type Card, show } from './show.ts'
import { type CardRow, setDelivery, setDeliveryHost } from './sql.ts'

export type Delivery = { mode: DeliveryMode; on_exhausted?: 'queue' | 'fail' }

/**
 * Where messages go (R40). `apply` is what a mode does beside that, in the same transaction: an endpoint of its own, an upstream; what it answers stands beside the
 * card. Without one the mode is the hosted inbox.
 */
export const changeDelivery = <T extends object>(
  house: CardsHouse,
  scope: Scope,
  id: string,
  input: Delivery,
  /** Of what leaves this installation: where it goes. */
  host: string | null,
  apply: (t: Tx, row: CardRow) => Promise<T>,
): Promise<Card & T> =>
  house.countersign(
    scope,
    async (t) => actOnCard('deliver', await seeCard(t, scope, id, 'card.publish'), { card: id, delivery: input }, input.mode),
    async (t) => {
      const row = await takeCard(t, scope, id)
      const onExhausted = input.on_exhausted ?? row.on_exhausted
      const isSame = row.delivery_mode === input.mode && row.on_exhausted === onExhausted
      await setDeliveryHost(t, scope, id, host)
      if (!isSame) {
        await setDelivery(t, scope, id, input.mode, onExhausted)
        await putContent(house, t, scope, row, { ...row.content, delivery: input.mode })
        await tellCard(t, scope, 'card.delivery_changed', id, { mode: input.mode, on_exhausted: onExhausted })
      }
      const own = await apply(t, row)
      return { ...show(house, await seeCard(t, scope, id, 'card.read')), ...own }
    },
  )
