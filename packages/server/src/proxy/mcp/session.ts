// `Mcp-Session-Id` bound to the run that received it (V99): the agent is given the server's id with a mac behind it, under a key that every proxy of the run has and no
// agent does. So any proxy knows it again, after a restart too, and none has to remember it. An id that is bare, of another run, or of another connection opens to nothing.
import { hmacSha256, sameBytes } from '../../crypto/token.ts'
import type { Field } from '../flow.ts'
import type { OpenRun } from '../gatekeeper.ts'

export const SESSION = 'mcp-session-id'

export type SessionBinding = {
  bind(session: string): string
  /** null: nobody bound it for this run and connection. */
  open(bound: string): string | null
}

export function sessionBinding({ id, authority }: OpenRun, connectionId: string): SessionBinding {
  const key = hmacSha256(authority.key.bytes(), 'countersign/mcp-session/v1')
  const macOf = (session: string): string => hmacSha256(key, `${id}\n${connectionId}\n${session}`).toString('base64url')
  return {
    bind: (session) => `${session}.${macOf(session)}`,
    open(bound) {
      const at = bound.lastIndexOf('.')
      if (at < 1) return null
      const session = bound.slice(0, at)
      return sameBytes(bound.slice(at + 1), macOf(session)) ? session : null
    },
  }
}

/** The same fields with what `change` makes of a session's id; null leaves it out. */
export const withSession = (fields: readonly Field[], change: (session: string) => string | null): readonly Field[] =>
  fields.flatMap((field) => {
    if (field[0].toLowerCase() !== SESSION) return [field]
    const changed = change(field[1])
    return changed === null ? [] : [[field[0], changed] as const]
  })
