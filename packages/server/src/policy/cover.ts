// Which questions can never be asked (V19): a permit with `@ask` of which every request is also permitted without one. Sound and not complete: it names only
// what follows from scopes and equal conditions, and is silent where it would have to guess.
import type { PolicyJson } from './engine.ts'
import type { Schema } from './schema.ts'
import type { Policy } from './set.ts'

export type Cover = { asking: Policy; by: Policy }

export function coversIn(policies: readonly Policy[], schema: Schema): Cover[] {
  const permits = policies.filter(({ effect }) => effect === 'permit')
  const plain = permits.filter(({ notes }) => notes.ask === null && notes.until === null)
  return permits
    .filter(({ notes }) => notes.ask !== null)
    .flatMap((asking) => {
      const by = plain.find((one) => covers(one.json, asking.json, schema))
      return by ? [{ asking, by }] : []
    })
}

const covers = (wide: PolicyJson, narrow: PolicyJson, schema: Schema): boolean =>
  scopeCovers(wide.principal, narrow.principal) &&
  scopeCovers(wide.resource, narrow.resource) &&
  actionsOf(narrow, schema).every((action) => actionsOf(wide, schema).includes(action)) &&
  conditionsOf(wide).every((one) => conditionsOf(narrow).includes(one))

type Scope = PolicyJson['principal'] | PolicyJson['resource']

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

function scopeCovers(wide: Scope, narrow: Scope): boolean {
  if (wide.op === 'All' || same(wide, narrow)) return true
  if (wide.op !== 'is' || wide.in !== undefined) return false
  if (narrow.op === 'is') return narrow.entity_type === wide.entity_type
  return narrow.op === '==' && 'entity' in narrow && typeOf(narrow.entity) === wide.entity_type
}

const typeOf = (uid: object): string =>
  '__entity' in uid ? (uid.__entity as { type: string }).type : (uid as { type: string }).type
const idOf = (uid: object): string => ('__entity' in uid ? (uid.__entity as { id: string }).id : (uid as { id: string }).id)

export function actionsOf({ action }: PolicyJson, schema: Schema): string[] {
  if (action.op === 'All') return [...schema.actions]
  const named = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  const ids = named.map(idOf)
  if (action.op === '==') return ids
  return schema.actions.filter((one) => ids.includes(one) || schema.groupsOf(one).some((group) => ids.includes(group)))
}

/** Every condition that must hold, each as a text: `when a && b` are two. */
function conditionsOf({ conditions }: PolicyJson): string[] {
  return conditions.flatMap(({ kind, body }) =>
    (kind === 'when' ? conjuncts(body) : [{ unless: body }]).map((one) => JSON.stringify(one)),
  )
}

function conjuncts(expr: object): object[] {
  const both = '&&' in expr ? (expr['&&'] as { left: object; right: object }) : null
  return both ? [...conjuncts(both.left), ...conjuncts(both.right)] : [expr]
}
