// The one place where a problem becomes a sentence for a person. Total over the catalogue: a code without words of its own here speaks with its title and
// advice, which the catalogue demands of each.
import { Problem, type ProblemCode } from '@countersign/sdk'
import type { FieldErrors } from './form/inputs.tsx'

// Where a person at a page needs other words than an engineer at a terminal.
const WORDS: Partial<Record<ProblemCode, string>> = {
  credentials_invalid: 'That name and password do not match. Check both and try again.',
  setup_token_invalid: 'This set-up link is not valid any more. Print a new one with “countersign setup link”.',
  setup_completed: 'This installation is set up already. Sign in instead.',
  password_refused:
    'This password is too easy to guess or too short. Use 15 characters or more; a few unrelated words work well.',
  session_ended: 'You have been signed out. Sign in again to go on.',
  response_invalid: 'Some answers need another look. Nothing was sent to the agent.',
  validation_failed: 'Some fields need another look. Nothing was saved.',
  task_not_open: 'This task has been settled meanwhile. Your answer was not sent.',
  task_already_claimed: 'Somebody else has claimed this task.',
  task_revised: 'The question has changed since you opened it. Read it again, then answer.',
  not_eligible: 'This task was asked of somebody else.',
  not_found: 'There is nothing here, or it is not yours to see.',
  rate_limited: 'Too many tries. Wait a moment.',
  store_unavailable: 'The database does not answer right now. Nothing was lost; try again in a moment.',
  internal: 'Something went wrong on the server. Its log has the details.',
  step_up_required: 'This needs your password once more.',
}

export type Spoken = { text: string; requestId: string | null }

export function speak(error: unknown): Spoken {
  if (error instanceof Problem) {
    const words = (WORDS as Record<string, string | undefined>)[error.code]
    return { text: words ?? `${error.title}. ${error.hint}`, requestId: error.requestId }
  }
  return { text: 'The server could not be reached. Check your connection and try again.', requestId: null }
}

/** Messages of a refusal by the place they belong to; `below` cuts the pointer of the form off. */
export function fieldErrors(error: unknown, below = ''): FieldErrors {
  const found = new Map<string, string>()
  if (!(error instanceof Problem)) return found
  for (const { path, message } of error.members.errors ?? [])
    if (path.startsWith(below))
      found.set(
        path.slice(below.length),
        found.has(path.slice(below.length)) ? `${found.get(path.slice(below.length))} ${message}` : message,
      )
  return found
}
