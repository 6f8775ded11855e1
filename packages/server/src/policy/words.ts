// Policies and outcomes in sentences, for people who do not read Cedar. Says no more than the policy does: a condition is quoted, not explained.
import type { Outcome } from './decide.ts'
import type { PolicyJson } from './engine.ts'
import type { Policy } from './set.ts'

/** The author's own words, else ours. */
export function sayPolicy({ effect, json, notes, text }: Policy): string {
  if (notes.note) return notes.note
  const verb = effect === 'forbid' ? 'Forbids' : notes.ask ? 'Asks before' : 'Allows'
  const who = sayScope(json.principal, 'everybody')
  const what = sayActions(json.action)
  const conditions = json.conditions.length > 0 ? `, ${quoteConditions(text)}` : ''
  return effect === 'permit' && notes.ask
    ? `${verb} ${who} may ${what}${sayResource(json)}${conditions}.`
    : `${verb} ${who} to ${what}${sayResource(json)}${conditions}.`
}

const TYPES: Record<string, string> = { Agent: 'agents', User: 'people', Key: 'tenant-wide keys' }

function sayScope(scope: PolicyJson['principal'], all: string): string {
  if (scope.op === 'All') return all
  if (scope.op === 'is')
    return `${TYPES[scope.entity_type] ?? scope.entity_type}${scope.in && 'entity' in scope.in ? ` in ${sayEntity(scope.in.entity)}` : ''}`
  if (!('entity' in scope)) return all
  return scope.op === 'in' ? `whoever is in ${sayEntity(scope.entity)}` : sayEntity(scope.entity)
}

const sayEntity = (uid: object): string => {
  const { type, id } = ('__entity' in uid ? uid.__entity : uid) as { type: string; id: string }
  return type === 'Role' ? `the role ${id}` : id
}

function sayActions(action: PolicyJson['action']): string {
  if (action.op === 'All') return 'do anything'
  const all = ('entities' in action ? action.entities : 'entity' in action ? [action.entity] : []).map(sayEntity)
  return all.length > 4 ? `do ${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : `do ${all.join(', ')}`
}

const sayResource = ({ resource }: PolicyJson): string => (resource.op === 'All' ? '' : ` on ${sayScope(resource, 'anything')}`)

const quoteConditions = (text: string): string =>
  text
    .slice(text.search(/\b(?:when|unless)\b/))
    .replace(/\s+/g, ' ')
    .replace(/;$/, '')

/** Why it came out like this, in one sentence. */
export function sayOutcome({ reason, policy_ids, ask }: Outcome): string {
  const ids = policy_ids.join(', ')
  switch (reason) {
    case 'permitted':
      return `Permitted by ${ids}.`
    case 'asked':
      return `${ids} ${policy_ids.length === 1 ? 'permits' : 'permit'} it once ${ask?.quorum === 1 ? 'a person has' : `${ask?.quorum} people have`} agreed.`
    case 'forbidden':
      return `Forbidden by ${ids}.`
    case 'no_permit':
      return 'No policy permits it, and what no policy permits is denied.'
    case 'policy_error':
      return ids
        ? `${ids} could not be evaluated, and what cannot be judged is denied.`
        : 'It could not be judged, and what cannot be judged is denied.'
  }
}

/** The texts of `@ask` with what they name of the request (V19); what the request does not have stays a dash. */
export function fillAsk(text: string, values: Readonly<Record<string, string | undefined>>): string {
  return text.replace(/\{([a-z_A-Z0-9.]+)\}/g, (_, name: string) => values[name] ?? '–')
}
