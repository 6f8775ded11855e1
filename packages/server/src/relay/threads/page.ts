// What a stream reads next: however many subscribers of a thread stand at the same number, one read answers them all (relay.md R98). Nothing is kept after it. Only those whose rights
// are the same share it.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { together } from '../../http/together.ts'
import type { RelayHouse } from '../house.ts'

/** `at`: all that tells one page of a thread from another. */
type Asked = { scope: Scope; threadId: string; at: string; read: (t: Tx) => Promise<unknown> }

const houses = new WeakMap<RelayHouse['db'], (asked: Asked) => Promise<unknown>>()

/** `read` must answer the same for everybody who asks for this page with the same rights, and nobody may change what it answered. */
export function readTogether<T>(
  house: Pick<RelayHouse, 'db'>,
  scope: Scope,
  threadId: string,
  at: string,
  read: (t: Tx) => Promise<T>,
): Promise<T> {
  // What break-glass sees is recorded for each by itself.
  if (scope.breakGlass) return tx(house.db, scope, read, { readOnly: true })
  const known = houses.get(house.db) ?? openTogether(house.db)
  houses.set(house.db, known)
  return known({ scope, threadId, at, read }) as Promise<T>
}

const openTogether = (db: RelayHouse['db']) =>
  together<Asked, unknown>({
    groupOf: ({ scope: { tenantId, principal, actor, relayParty, relaySide, relayFrom, agentId, userId }, threadId, at }) =>
      JSON.stringify([tenantId, principal, actor.id, relayParty, relaySide, relayFrom, agentId, userId, threadId, at]),
    atOnce: 1,
    async run(all) {
      const [{ scope, read }] = all as [Asked]
      const page = await tx(db, scope, read, { readOnly: true })
      return all.map(() => page)
    },
  })
