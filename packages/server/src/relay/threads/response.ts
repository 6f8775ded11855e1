// The body of an answer of the owner's side, as it came in (relay.md §3.2), by whichever door: checked whole, and an end may speak for itself where an answer may not. Throws
// `validation_failed` with the path of the fault.
import type { Part, ResponseOutcome } from '../model.ts'
import { type ContentInput, readContent } from './parts.ts'
import type { ArtifactInput, ResponseInput } from './respond.ts'

export type ResponseWishes = ContentInput & {
  outcome?: ResponseOutcome | undefined
  artifacts?: readonly { parts: readonly object[] }[] | undefined
  error?: { code: string; message: string } | undefined
  claim_token?: string | undefined
}

export function readResponse(body: ResponseWishes): ResponseInput {
  const { outcome = 'reply', artifacts = [], error, claim_token } = body
  const said = body.text !== undefined || body.data !== undefined || body.parts !== undefined
  const mayBeSilent = artifacts.length > 0 || outcome === 'failed' || outcome === 'rejected' || outcome === 'progress'
  const payload = said || !mayBeSilent ? readContent(body) : null
  for (const [i, one] of artifacts.entries()) readContent({ parts: one.parts }, `/artifacts/${i}`)
  return {
    outcome,
    payload,
    artifacts: artifacts.map((one) => ({ ...one, parts: one.parts as Part[] }) as ArtifactInput),
    error,
    claim_token,
  }
}
