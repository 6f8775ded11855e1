// The face that this room shows to whoever binds endpoints: each verb within the caller's transaction, but for those that check an address and so ask the network, which
// come before it. Holds nothing by itself.
import type { Scope, Tx } from '../../db/tx.ts'
import type { Rotation } from '../endpoints/secret.ts'
import type { WebhooksHouse } from '../house.ts'
import {
  cancelBound,
  deliverAll,
  deliveriesAbout,
  deliverTo,
  forgetBound,
  pingBound,
  replayBound,
  replayExhausted,
  skipBound,
  type Telling,
} from './delivering.ts'
import { listBound, type Place, putBound, removeBound, rotateBound } from './endpoint.ts'
import type { Binding } from './sql.ts'
import { type BoundWishes, type ConfigWishes, type Prepared, prepareBound, prepareConfig, type Whose } from './wishes.ts'

export const openBound = (house: WebhooksHouse) => ({
  /** Before the transaction: resolves a name. `at` is where the wishes stand in the body. */
  prepare: (whose: Whose, wishes: BoundWishes, at?: string) => prepareBound(house, whose, wishes, at),
  prepareConfig: (whose: Whose, wishes: ConfigWishes, at?: string) => prepareConfig(house, whose, wishes, at),
  put: (t: Tx, scope: Scope, place: Place, wanted: Prepared) => putBound(house, t, scope, place, wanted),
  list: listBound,
  remove: removeBound,
  rotate: (t: Tx, scope: Scope, binding: Binding, id: string, input: Rotation & { secret?: string }) =>
    rotateBound(house, t, scope, binding, id, input),
  deliver: (t: Tx, scope: Scope, told: Telling) => deliverTo(house, t, scope, told),
  deliverAll: (t: Tx, scope: Scope, all: readonly Telling[]) => deliverAll(house, t, scope, all),
  ping: (t: Tx, scope: Scope, binding: Binding) => pingBound(house, t, scope, binding),
  cancel: cancelBound,
  forget: forgetBound,
  deliveries: deliveriesAbout,
  replay: replayBound,
  replayExhausted,
  skip: skipBound,
})
