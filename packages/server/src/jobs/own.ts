// Whose a job is. What is enqueued over the API carries its agent and its owner as tags that nobody can set by hand; a role that reaches only
// its own sees and acts on jobs with its tag and on no other. Jobs of the server's own rooms are nobody's.
import type { Scope } from '../db/scope.ts'
import { isKeyScope, reach } from '../identity/matrix.ts'

const RESERVED = 'countersign:'
const AGENT = `${RESERVED}agent:`
const OWNER = `${RESERVED}owner:`

export const isReserved = (tag: string): boolean => tag.startsWith(RESERVED)

/** What a job that this scope enqueues is marked with. */
export const marksOf = ({ agentId, userId }: Scope): string[] => [
  ...(agentId === null ? [] : [`${AGENT}${agentId}`]),
  ...(userId === null ? [] : [`${OWNER}${userId}`]),
]

/** The tag that every job in reach of this action carries; null: all of the tenant are. */
export function markWithin(scope: Scope, action: string): string | null {
  if (reach(scope, action) === 'any') return null
  if (isKeyScope(scope) && scope.keyKind === 'agt') return `${AGENT}${scope.agentId}`
  return `${OWNER}${scope.userId}`
}

export const isWithin = (job: { tags: readonly string[] }, mark: string | null): boolean =>
  mark === null || job.tags.includes(mark)

export const agentOf = (tags: readonly string[]): string | null => named(tags, AGENT)
export const ownerOf = (tags: readonly string[]): string | null => named(tags, OWNER)
export const withoutMarks = (tags: readonly string[]): string[] => tags.filter((tag) => !isReserved(tag))

const named = (tags: readonly string[], prefix: string): string | null =>
  tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length) ?? null

/** Whether this scope reads what a job is about: who runs the work, and whose it is; not who only audits or watches. */
export function seesContent(scope: Scope): boolean {
  return reach(scope, 'job.read') === 'own' || runsTheWork(scope)
}

/** Whether what is the whole tenant's and not one job's is theirs to read. */
export function runsTheWork(scope: Scope): boolean {
  const role = isKeyScope(scope) ? scope.makerRole : scope.role
  return scope.actor.type === 'system' || role === 'owner' || role === 'admin' || role === 'operator'
}
