// The one place where a problem becomes a sentence for a person. Total over the catalogue: a code without words of its own here speaks with its title and
// advice, which the catalogue demands of each.
import { Problem, type ProblemCode } from '@countersign/sdk'
import { known, t } from './text/t.ts'

// Where a person at a page needs other words than an engineer at a terminal.
const WORDS: Partial<Record<ProblemCode, string>> = {
  credentials_invalid: t('That name and password do not match. Check both and try again.'),
  setup_token_invalid: t('This set-up link is not valid any more. Print a new one with “countersign setup link”.'),
  setup_completed: t('This installation is set up already. Sign in instead.'),
  password_refused: t(
    'This password is too easy to guess or too short. Use 15 characters or more; a few unrelated words work well.',
  ),
  session_ended: t('You have been signed out. Sign in again to go on.'),
  response_invalid: t('Some answers need another look. Nothing was sent to the agent.'),
  validation_failed: t('Some fields need another look. Nothing was saved.'),
  task_not_open: t('This task has been settled meanwhile. Your answer was not sent.'),
  task_already_claimed: t('Somebody else has claimed this task.'),
  task_revised: t('The question has changed since you opened it. Read it again, then answer.'),
  not_eligible: t('This task was asked of somebody else.'),
  already_decided: t('You have voted on this already.'),
  separation_of_duties: t('You are on the side that asks, so somebody else has to decide.'),
  args_invalid: t('Some arguments need another look. Nothing was sent to the agent.'),
  edited_action_denied: t('A policy forbids these arguments. Nothing was sent to the agent.'),
  not_found: t('There is nothing here, or it is not yours to see.'),
  rate_limited: t('Too many tries. Wait a moment.'),
  store_unavailable: t('The database does not answer right now. Nothing was lost; try again in a moment.'),
  internal: t('Something went wrong on the server. Its log has the details.'),
  step_up_required: t('This needs your password once more.'),
  forbidden: t('Your role does not allow this.'),
  role_too_high: t('You cannot give or take a role above your own.'),
  last_owner: t('Somebody must stay owner. Make another owner first.'),
  link_invalid: t('This invitation does not exist. Ask for a new one.'),
  link_used: t('This invitation has been used already. Sign in instead.'),
  link_expired: t('This invitation has expired. Ask for a new one.'),
  link_revoked: t('This invitation was withdrawn. Ask for a new one.'),
  policy_invalid: t('The policies need another look. Nothing was saved.'),
  policy_denied: t('A policy forbids this.'),
  policy_error: t('The policies could not be judged, so this is denied. Ask an operator to mend them.'),
  approval_pending: t('People have to agree first. It is in the inbox; try again when it is answered.'),
  human_denied: t('A person saw exactly this and said no.'),
  claim_expired: t('This link was used or is too old. Have the program call again: it is told a new one.'),
  key_in_use: t('This key belongs to an agent already.'),
  rotation_open: t('The key before the last rotation still works. Wait until it ends, or revoke the key.'),
}

export type Spoken = { text: string; requestId: string | null }

export function speak(error: unknown): Spoken {
  if (error instanceof Problem) {
    const words = (WORDS as Record<string, string | undefined>)[error.code]
    if (error.status === 0) return UNREACHABLE
    // The id is for what an operator would look up in the log, not for a mistyped password.
    return {
      text: words ?? `${known(error.title)}. ${known(error.hint)}`,
      requestId: words && error.status < 500 ? null : error.requestId,
    }
  }
  return UNREACHABLE
}

const UNREACHABLE: Spoken = {
  text: t('The server could not be reached. Check your connection and try again.'),
  requestId: null,
}

/** Messages by the place they belong to. */
export type FieldErrors = ReadonlyMap<string, string>

export type Placed = { beside: FieldErrors; rest: string[] }

/**
 * Each message of a refusal beside the deepest of `places` that holds what it is about; what no place holds is left for the banner. `below` cuts
 * the pointer of the form off.
 */
export const placeErrors = (error: unknown, places: readonly string[], below = ''): Placed =>
  placeMessages(errorsOf(error), places, below)

/** The same for messages that came from elsewhere than a refusal. */
export function placeMessages(
  errors: readonly { path: string; message: string }[],
  places: readonly string[],
  below = '',
): Placed {
  const beside = new Map<string, string>()
  const rest: string[] = []
  for (const { path, message } of errors) {
    if (!path.startsWith(below)) continue
    const own = path.slice(below.length)
    const place = nearest(own, places)
    if (place === null) rest.push(own === '' ? message : `${own.slice(1).replaceAll('/', ' › ')}: ${message}`)
    else beside.set(place, [beside.get(place), message].filter(Boolean).join(' '))
  }
  return { beside, rest }
}

const errorsOf = (error: unknown) => (error instanceof Problem ? (error.members.errors ?? []) : [])

function nearest(path: string, places: readonly string[]): string | null {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (places.includes(at)) return at
  return places.includes('') ? '' : null
}
