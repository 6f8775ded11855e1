// The skills of a card that declare facts, as its callers' own side reads them (relay.md R74): kept in memory by version, for what a version says never changes. Which version counts is
// never remembered.
import type { Db, Tx } from '../../db/tx.ts'
import type { FactDeclaration } from '../cards/facts.ts'
import type { RelayHouse } from '../house.ts'
import { type SendingRow, skillsOfVersion } from './sql.ts'

type Skill = { id: string; facts: readonly FactDeclaration[] }
const MOST = 256
const kept = new WeakMap<Db, Map<string, readonly Skill[]>>()

/** Opens nothing where the version is known. */
export async function skillsFor(
  { db }: Pick<RelayHouse, 'db'>,
  t: Tx,
  grantId: string,
  { card_id, card_version }: Pick<SendingRow, 'card_id' | 'card_version'>,
): Promise<readonly Skill[]> {
  const known = kept.get(db) ?? new Map<string, readonly Skill[]>()
  kept.set(db, known)
  const name = `${card_id} ${card_version}`
  const before = known.get(name)
  if (before) return before
  const { content } = (await skillsOfVersion(t, grantId, card_version)) ?? { content: null }
  if (!content) return []
  const skills = [...content.skills, ...(content.extended ?? [])].flatMap(({ id, facts }) =>
    facts === undefined ? [] : [{ id, facts: facts as FactDeclaration[] }],
  )
  // The oldest goes: a Map keeps the order of insertion.
  if (known.size >= MOST) known.delete(known.keys().next().value as string)
  known.set(name, skills)
  return skills
}
