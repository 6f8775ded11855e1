// The arguments of a connection request, where they are what the form for them knows.
import type { RelayTerms } from '@countersign/sdk'
import { plain, type Shown } from '../exact.ts'

export type Terms = {
  skills: string[] | null
  scopes: RelayTerms['scopes']
  expires_in_seconds: number
  limits: Record<string, number>
  bind: { addresses: string[] | null; dpop_jkt: string | null }
  /** Of a request that came with a message: whether more than this message is let in. */
  lasting?: boolean
}

/** The action whose arguments these are. */
export const TERMS_ACTION = 'connection_request.create'

/** Null where the arguments are not what this form knows. */
export function readTerms(args: ReadonlyMap<string, Shown>): Terms | null {
  const terms = plain(new Map(args)) as Partial<Terms>
  return Array.isArray(terms.scopes) && typeof terms.expires_in_seconds === 'number' && terms.bind && terms.limits
    ? (terms as Terms)
    : null
}
