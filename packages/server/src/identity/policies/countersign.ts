// The face of the one decision path, as rooms below tasks are handed it: an act goes through the judge, waits for people where policy asks, and is done once.
// Holds types and what is bound by an agreement; tasks/countersign.ts does it.
import { canonical } from '../../crypto/canonical.ts'
import { sha256 } from '../../crypto/token.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Request } from '../../policy/decide.ts'
import type { Act } from './request.ts'

export type Origin = 'queue' | 'proxy' | 'relay' | 'vault'

/** An act that people may be asked about. */
export type CountersignedAct = Act & {
  origin: Origin
  /** What people see beside the act. Bind it by a digest in `context`. */
  body?: unknown
  /** What the caller sent, where `body` holds more: by it a repeat finds what has come of the act, however that changed what is there. */
  sent?: unknown
  /** Does the act in a transaction that is taken back, before people are asked: what would be refused anyway bothers nobody. */
  rehearse?(t: Tx): Promise<unknown>
}

/** What has to be read first is read in the transaction of the judgement. */
export type ActIn = CountersignedAct | ((t: Tx) => Promise<CountersignedAct>)

/** For the act's own event (P69). */
export type Passed = { outcome: 'allow' | 'ask'; policy_ids: string[]; policy_version: number }

/** Of an act that has a continuation: what names its outcome, and how that is shown again to whoever asked for it. */
export type Kept<T> = { idOf(made: T): string; again(t: Tx, id: string): Promise<T> }

/**
 * Judges, and on `allow` does the effect in the transaction of the judgement; on `ask` spends what people agreed to, in that same transaction, or opens a
 * task and throws `approval_pending`. Throws `policy_denied`, `policy_error` or `human_denied` otherwise. The system's own work passes with null. Where the
 * house has done it meanwhile, what came of that is shown again instead (`kept`), once.
 */
export type Countersign = <T>(
  scope: Scope,
  act: ActIn,
  effect: (t: Tx, passed: Passed | null) => Promise<T>,
  kept?: Kept<T>,
) => Promise<T>

/** Does an act that was agreed to, for its asker, through the path that it is handed; `body` is what people saw. The verb is the one that the asker called. */
export type Continuation = (countersign: Countersign, scope: Scope, body: unknown) => Promise<unknown>

/** What an agreement is about (P68): RFC 8785 over principal, action, resource and context. The time and the address of asking are no part of it. */
export function digestOf({ principal, action, resource, context }: Request): Buffer {
  return sha256(canonical({ principal, action, resource, context: { ...context } }))
}

/** What a repeat of an act has in common with it, whatever has happened since. */
export const sentSha256 = ({ principal, action, resource }: Request, { body, sent = body }: CountersignedAct): string =>
  sha256(canonical({ principal, action, resource, sent: sent ?? null })).toString('hex')

/** For `context`: a body of any size, bound byte for byte. */
export const bodySha256 = (body: unknown): string => sha256(canonical(body ?? null)).toString('hex')
