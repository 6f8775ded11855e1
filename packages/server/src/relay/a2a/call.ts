// One call of A2A once it is read: who calls, which agent, what for. It travels through the SDK's handler in the context that the SDK hands on, for the codec keeps less than
// what was sent. Holds no credential.
import { ServerCallContext } from '@a2a-js/sdk/server'
import type { Scope } from '../../db/scope.ts'
import { authorise } from '../../identity/matrix.ts'
import { isTokenScope } from '../bearers.ts'
import type { CardContent } from '../cards/input.ts'
import type { RelayHouse } from '../house.ts'
import type { CardRow } from '../threads/sql.ts'
import { refuseUnapproved as unapproved } from '../unapproved.ts'
import type { Method } from './check.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { isObject, type WireObject } from './parts.ts'

export type Call = {
  /** Inside of the owner's tenant, held to one relay grant; the caller's own where there is none. */
  readonly scope: Scope
  readonly card: CardRow & { content: CardContent }
  readonly method: Method
  /** As they were sent. */
  readonly params: WireObject
  readonly idempotencyKey: string | null
  /** Extensions that are active. */
  readonly active: readonly string[]
  readonly lastEventId: string | undefined
  /** Aborted when the client leaves or the server stops. */
  readonly signal: AbortSignal
  /** What was thrown: the SDK's handler makes an envelope of it that has lost most. */
  failed?: unknown
}

const CALL = 'countersign.call'

export const contextOf = (call: Call): ServerCallContext =>
  new ServerCallContext({
    requestedVersion: '1.0',
    requestedExtensions: [...call.active],
    state: new Map<string, unknown>([[CALL, call]]),
  })

export const callOf = (context: ServerCallContext): Call => context.state.get(CALL) as Call

export const knowsRelay = (call: Call): boolean => call.active.includes(RELAY_EXTENSION)

/** Whether the caller stands on the asking side of a live relay grant with this agent. */
export const hasGrant = ({ scope, card }: Pick<Call, 'scope' | 'card'>): boolean =>
  scope.relayParty !== undefined && (!isTokenScope(scope) || scope.relaySlug === card.slug)

/** R103: without a relay grant nothing is done, and the caller hears where to ask for one. */
export async function refuseUnapproved(house: RelayHouse, call: Pick<Call, 'scope' | 'card'>): Promise<void> {
  if (!hasGrant(call)) throw await unapproved(house, call.scope, call.card.slug)
}

/** R102: what the credential may. */
export const refuseScope = ({ scope }: Call, action: string): void | Promise<void> => authorise(scope, action)

export const objectOf = (value: unknown): WireObject => (isObject(value) ? value : {})
