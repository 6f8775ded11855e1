// What an owner's agent answers to a delivery (relay.md R42, §10): nothing yet, its response, or what is none. Parses; knows no row. Never throws at what a stranger sends.
import { type FieldError, Problem } from '@countersign/sdk'
import { judge } from '../../http/input.ts'
import { readJsonBody } from '../../http/json.ts'
import type { ResponseOutcome } from '../model.ts'
import type { ResponseInput } from '../threads/respond.ts'
import { type ResponseWishes, readResponse } from '../threads/response.ts'
import { ResponseBody } from '../threads/shapes.ts'
import type { BoundAnswer } from './house.ts'

export type ReadReply =
  | { is: 'taken' }
  | { is: 'response'; input: ResponseInput }
  /** Nobody can read it, but its word is the last one. */
  | { is: 'unreadable_end' }
  | { is: 'invalid' }

const ENDS: readonly ResponseOutcome[] = ['completed', 'message', 'failed', 'rejected']

export function readReply({ status, body }: BoundAnswer): ReadReply {
  if (status === 202 || status === 204 || body.length === 0) return { is: 'taken' }
  const value = parsed(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { is: 'invalid' }
  const said = (value as { outcome?: unknown }).outcome
  try {
    return { is: 'response', input: inputOf(value) }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return ENDS.includes(said as ResponseOutcome) ? { is: 'unreadable_end' } : { is: 'invalid' }
  }
}

function parsed(body: Buffer): unknown {
  try {
    return readJsonBody(body)
  } catch {
    // Whatever it is, it is no JSON; the attempt is told as such.
    return null
  }
}

function inputOf(value: object): ResponseInput {
  const faults: FieldError[] = []
  const body = judge(ResponseBody, value, faults)
  if (faults.length > 0) throw new Problem('validation_failed', { errors: faults })
  // Whose message it answers is known by the delivery that it came back on.
  const { claim_token: _theirs, ...input } = readResponse(body as ResponseWishes)
  return input
}
