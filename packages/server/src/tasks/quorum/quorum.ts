// How many people, and which, have to agree (T38): from what was sent to what a task keeps. Form only; who the people are is the question of eligible.ts.
import { type FieldError, Problem } from '@countersign/sdk'
import { type Assignment, readAssignment } from '../assignment.ts'

export type Combine = 'last' | 'agree' | 'list'
export type OnDeny = 'first' | 'impossible'

/** As it is sent. */
export type QuorumIn =
  | number
  | 'all'
  | {
      groups: { name: string; need: number | 'all'; assign_to: unknown }[]
      on_deny?: OnDeny
      combine?: Combine
      separate?: boolean
      blind?: boolean
    }

/** As it was understood; `assignment` null: whoever the task itself asks. */
export type Wanted = {
  groups: { name: string | null; need: number | 'all'; assignment: Assignment | null }[]
  on_deny: OnDeny
  combine: Combine
  separate: boolean | null
  blind: boolean
  /** As it came, for who asks the same again (T23). */
  sent: QuorumIn
}

/** As a task keeps it. */
export type Quorum = {
  groups: Group[]
  /** Whom the task asked when it was made: who was added later helps in every group. */
  asked: string[]
  /** As it came; null: nobody asked for it. */
  sent: QuorumIn | null
  on_deny: OnDeny
  combine: Combine
  separate: boolean
  blind: boolean
}
export type Group = {
  name: string | null
  /** Never lowered by itself (T42). */
  need: number
  /** Everybody who was there when the task was made has to agree. */
  all: boolean
  /** As it was sent; null: whoever the task asks. */
  assign_to: unknown
  /** Who belongs to it, in the spelling of `asked`; null: whoever the task asks now. */
  keys: string[] | null
}

const MOST_GROUPS = 10

export function readQuorum(given: QuorumIn | null | undefined): Wanted | null {
  if (given === null || given === undefined) return null
  if (typeof given !== 'object') return { ...DEFAULTS, groups: [{ name: null, need: given, assignment: null }], sent: given }
  if (given.groups.length > MOST_GROUPS)
    throw refused('/quorum/groups', 'too_many', `A quorum has at most ${MOST_GROUPS} groups.`)
  const twice = given.groups.findIndex(({ name }, i) => given.groups.findIndex((one) => one.name === name) !== i)
  if (twice >= 0) throw refused(`/quorum/groups/${twice}/name`, 'doubled', 'Two groups have this name.')
  return {
    groups: given.groups.map(({ name, need, assign_to }, i) => {
      const path = `/quorum/groups/${i}/assign_to`
      if (assign_to === null || assign_to === undefined) throw refused(path, 'required', 'Say who belongs to this group.')
      return { name, need, assignment: readAssignment(assign_to, path) }
    }),
    on_deny: given.on_deny ?? DEFAULTS.on_deny,
    combine: given.combine ?? DEFAULTS.combine,
    separate: given.separate ?? null,
    blind: given.blind ?? false,
    sent: given,
  }
}

const DEFAULTS = { on_deny: 'first', combine: 'last', separate: null, blind: false } as const

export const refused = (path: string, code: string, message: string): Problem => {
  const errors: FieldError[] = [{ path, code, message }]
  return new Problem('validation_failed', { errors })
}

/** How many votes it takes in all. */
export const neededOf = ({ groups }: Pick<Quorum, 'groups'>): number => groups.reduce((sum, { need }) => sum + need, 0)

/** What is sent of a quorum to whoever reads the task: rules and names of groups, not the keys of the people. */
export const showQuorum = (quorum: Quorum) => ({
  groups: quorum.groups.map(({ name, need, all, assign_to }) => ({ name, need, all, assign_to })),
  on_deny: quorum.on_deny,
  combine: quorum.combine,
  separate: quorum.separate,
  blind: quorum.blind,
})
