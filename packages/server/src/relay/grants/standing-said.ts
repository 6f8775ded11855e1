// What a standing permission says (relay.md R79), read from the permit itself: for which acts and which skill, what a number may be at most, and what has to be as it was when people
// were asked. Reads the shape in which such a permit is drafted; of one that somebody has rewritten it names what it still finds, and the text says the rest.
import type { Expr, PolicyJson } from '../../policy/engine.ts'

type Fact = string | number | boolean
export type Said = {
  actions: string[]
  /** Null: messages without one. */
  skill: string | null
  ceilings: Record<string, number>
  /** Those that are to be as they were. */
  facts: Record<string, Fact>
}

type Node = Record<string, unknown>
type Sides = { left: Expr; right: Expr }

export function saidOf({ action, conditions }: PolicyJson): Said {
  const said: Said = { actions: actionsOf(action), skill: null, ceilings: {}, facts: {} }
  for (const { kind, body } of conditions) if (kind === 'when') for (const one of conjuncts(body)) read(one, said)
  return said
}

function read(expr: Expr, said: Said): void {
  const [[operator, body] = ['', null]] = Object.entries(expr as Node)
  if (operator !== '==' && operator !== '<=') return
  const { left, right } = body as Sides
  const [first, second, third] = pathOf(left) ?? []
  const value = literal(right)
  if (first !== 'context' || value === undefined) return
  if (second === 'skill' && third === undefined && operator === '==')
    said.skill = typeof value === 'string' && value !== '' ? value : null
  if (second !== 'facts' || third === undefined) return
  if (operator === '<=' && typeof value === 'number') said.ceilings[third] = value
  if (operator === '==') said.facts[third] = value
}

function conjuncts(expr: Expr): Expr[] {
  const both = (expr as { '&&'?: Sides })['&&']
  return both ? [...conjuncts(both.left), ...conjuncts(both.right)] : [expr]
}

/** `context.facts.amount` as its names; null for anything else. */
function pathOf(expr: Expr): string[] | null {
  const { Var: name, '.': member } = expr as { Var?: string; '.'?: { left: Expr; attr: string } }
  if (name !== undefined) return [name]
  const of = member && pathOf(member.left)
  return of ? [...of, member.attr] : null
}

function literal(expr: Expr): Fact | undefined {
  const { Value: value, neg } = expr as { Value?: unknown; neg?: { arg: Expr } }
  if (neg) {
    const of = literal(neg.arg)
    return typeof of === 'number' ? -of : undefined
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

function actionsOf(action: PolicyJson['action']): string[] {
  const named: object[] = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : []
  return named.map((uid) => ('__entity' in uid ? (uid.__entity as { id: string }).id : (uid as { id: string }).id))
}
