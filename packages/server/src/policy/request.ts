// What is judged: who, which action, on what, under which circumstances. Names no rule.
import type { CedarValue, Entity, Uid } from './engine.ts'

export type Request = {
  principal: Uid
  action: string
  resource: Uid
  /** Without `now` and `ip`, which come from `at` and `address`. */
  context: Readonly<Record<string, CedarValue | undefined>>
  entities: readonly Entity[]
  at: Date
  address?: string | null
  /** Something of the request could not be read: its outcome is not kept (V20). */
  partial?: true
}

/** With the circumstances: the hour is that of UTC, and Monday is 1. */
export function contextOf({ context, at, address }: Pick<Request, 'context' | 'at' | 'address'>): Record<string, CedarValue> {
  const said = Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined)) as Record<
    string,
    CedarValue
  >
  const now = { at: at.toISOString(), hour_utc: at.getUTCHours(), weekday: at.getUTCDay() === 0 ? 7 : at.getUTCDay() }
  return { ...said, ...(address ? { ip: address } : {}), now }
}
