// Which attribute values a policy reads, from its parsed form: what an outcome depends on, and so the key under which it may be kept (V20).
// Where a form is not known here, the answer is `everything`: too much costs a lookup, too little would cost a wrong outcome.
import type { Expr, PolicyJson } from './engine.ts'

export type Variable = 'principal' | 'resource' | 'context' | 'action'

/** A chain from a variable: `context.target.host`. `lineage`: what it is in, too. `presence`: no more than whether it is there. */
export type Read = { variable: Variable; path: readonly string[]; lineage: boolean; presence?: true }
export type Reads = { all: Map<string, Read>; everything: boolean }

export function readsOf(policy: PolicyJson): Reads {
  const reads: Reads = { all: new Map(), everything: false }
  for (const [variable, head] of [
    ['principal', policy.principal],
    ['resource', policy.resource],
  ] as const) {
    if (head.op === '==') add(reads, { variable, path: [], lineage: false })
    if (head.op === 'in' || (head.op === 'is' && head.in)) add(reads, { variable, path: [], lineage: true })
  }
  for (const { body } of policy.conditions) walk(body, reads)
  return reads
}

function add(reads: Reads, read: Read): void {
  reads.all.set(`${read.variable}.${read.path.join('\0')}${read.lineage ? ' in' : ''}${read.presence ? ' has' : ''}`, read)
}

type Node = Record<string, unknown>

function walk(expr: Expr, reads: Reads): void {
  const chain = chainOf(expr)
  if (chain) {
    add(reads, { ...chain, lineage: false })
    return
  }
  const [[name, body] = ['', null]] = Object.entries(expr as Node)
  switch (name) {
    case 'Value':
      break
    case 'has': {
      const { left, attr } = body as { left: Expr; attr: string | string[] }
      const of = chainOf(left)
      // What an expression chose may be an entity, and then it is its attribute that counts.
      if (of) add(reads, { ...of, path: [...of.path, ...[attr].flat()], lineage: false, presence: true })
      else reads.everything = true
      break
    }
    case 'in':
    case 'is': {
      const { left, right, in: inside } = body as { left: Expr; right?: Expr; in?: Expr }
      const of = chainOf(left)
      if (of) add(reads, { ...of, lineage: name === 'in' || inside !== undefined })
      else reads.everything = true
      for (const other of [right, inside]) if (other) walk(other, reads)
      break
    }
    case 'like':
      walk((body as { left: Expr }).left, reads)
      break
    case '.':
    case 'getTag':
    case 'hasTag':
    case 'Slot':
    case 'Unknown':
      reads.everything = true
      break
    case 'Set':
      for (const one of body as Expr[]) walk(one, reads)
      break
    case 'Record':
    case 'if-then-else':
      for (const one of Object.values(body as Record<string, Expr>)) walk(one, reads)
      break
    default:
      walkCall(body, reads)
  }
}

/** Operators with sides (`left`, `right`, `arg`), and functions of extensions with a list of arguments. */
function walkCall(body: unknown, reads: Reads): void {
  if (Array.isArray(body)) {
    for (const one of body as Expr[]) walk(one, reads)
    return
  }
  const sides = Object.entries(body as Node)
  if (sides.length === 0 || !sides.every(([name]) => ['left', 'right', 'arg'].includes(name))) reads.everything = true
  else for (const [, side] of sides) walk(side as Expr, reads)
}

function chainOf(expr: Expr): { variable: Variable; path: string[] } | null {
  const node = expr as Node
  if (typeof node.Var === 'string') return { variable: node.Var as Variable, path: [] }
  const access = node['.'] as { left: Expr; attr: string } | undefined
  const inner = access && chainOf(access.left)
  return inner ? { ...inner, path: [...inner.path, access.attr] } : null
}

/** `context.content` is text of whoever asks (P67): read by name, or with the whole of the context. */
export const readsContent = (reads: Reads): boolean =>
  reads.everything ||
  [...reads.all.values()].some(({ variable, path }) => variable === 'context' && (path.length === 0 || path[0] === 'content'))
