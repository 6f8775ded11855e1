// A request on its way out, as the injections change it, and why one of them may not be made. Bytes that were added are kept only to be masked in the answer.
import type { Field } from '../flow.ts'

export type Outbound = {
  path: string
  query: string | null
  fields: Field[]
  /** The whole body, where an injection had to read it. */
  body: Buffer | null
  /** Every text that was added, for the mask. */
  added: Buffer[]
  /** The client had put something of its own where the credential went. */
  replaced: boolean
}

/** `injection_invalid` (V57). Which byte or place it was is nobody's business. */
export class InjectionFault extends Error {
  readonly reason: 'injection_invalid' | 'body_too_large_to_inspect'
  constructor(reason: 'injection_invalid' | 'body_too_large_to_inspect' = 'injection_invalid') {
    super('The credential cannot be put where it belongs.')
    this.name = 'InjectionFault'
    this.reason = reason
  }
}

export type WhenPresent = 'replace' | 'deny' | 'keep'

/** What is to be done where the client has said something itself (V58): our placeholder always gives way. */
export function mayReplace(
  out: Outbound,
  present: string | undefined,
  placeholder: string | null,
  when: WhenPresent = 'replace',
): boolean {
  if (present === undefined || (placeholder !== null && present.includes(placeholder))) return true
  if (when === 'deny') throw new InjectionFault()
  if (when === 'keep') return false
  out.replaced = true
  return true
}

/** One line of what a field may hold: no line break, no NUL, nothing that two readers could read as two fields. */
export function requireVisible(value: string): string {
  if (!/^[\x20-\x7e]+$/.test(value) || value !== value.trim()) throw new InjectionFault()
  return value
}
