// What votes amount to (T38–T40, T42): pure, over the votes that count and the people who could still vote. Settles nothing by itself.
import type { Quorum } from './quorum.ts'

export type Vote = {
  id: string
  /** Whose: one human, one vote. */
  person: string
  /** The group in which it counts. */
  group: number
  /** `other`: an answer that is neither a yes nor a no; it counts with its equals. */
  says: 'yes' | 'no' | 'other'
  /** Votes that are alike count together. */
  like: string
}

/** open: more votes are needed and can come. unreachable: they cannot, and nobody said no. */
export type Standing = { state: 'agreed' | 'denied'; by: Vote } | { state: 'open' | 'unreachable' }

/** `left`: of each group, who may still vote there. Votes stand in the order in which they came. */
export function standingOf(quorum: Quorum, votes: readonly Vote[], left: readonly ReadonlySet<string>[]): Standing {
  const denials = votes.filter(({ says }) => says === 'no')
  if (quorum.on_deny === 'first' && denials[0]) return { state: 'denied', by: denials[0] }
  const others = votes.filter(({ says }) => says !== 'no')
  const kinds = [...new Set(others.map(({ like }) => like))]
  const agreed = kinds.find((like) => missing(quorum, others, like).every((count) => count === 0))
  if (agreed !== undefined) return { state: 'agreed', by: others.findLast(({ like }) => like === agreed) as Vote }
  // Nobody has voted for it yet, and all who are left might.
  const possible = [...kinds, null].some((like) => canFill(missing(quorum, others, like), left))
  if (possible) return { state: 'open' }
  const last = denials.at(-1)
  return last ? { state: 'denied', by: last } : { state: 'unreachable' }
}

/** Of each group, how many votes like these it still needs. */
const missing = ({ groups }: Quorum, votes: readonly Vote[], like: string | null): number[] =>
  groups.map(({ need }, i) => Math.max(0, need - votes.filter((vote) => vote.group === i && vote.like === like).length))

/** The first group of theirs that still needs such a vote; a vote more than needed stands in their first (T39). */
export function groupFor(quorum: Quorum, votes: readonly Vote[], theirs: readonly number[], like: string): number {
  const short = missing(quorum, votes, like)
  return theirs.find((i) => (short[i] ?? 0) > 0) ?? (theirs[0] as number)
}

/** Whether everybody can be given at most one seat so that every group has the people it needs: a matching, found by exchange. */
export function canFill(needs: readonly number[], people: readonly ReadonlySet<string>[]): boolean {
  const seats = needs.flatMap((need, group) => Array.from({ length: need }, () => group))
  const seatOf = new Map<string, number>()
  const seat = (index: number, asked: Set<string>): boolean => {
    for (const person of people[seats[index] as number] ?? []) {
      if (asked.has(person)) continue
      asked.add(person)
      const held = seatOf.get(person)
      if (held === undefined || seat(held, asked)) {
        seatOf.set(person, index)
        return true
      }
    }
    return false
  }
  return seats.every((_, index) => seat(index, new Set()))
}
