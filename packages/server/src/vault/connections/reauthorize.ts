// Where an owner signs in again (V49): their own page of the connection. Whoever opens it is signed in, so that it holds no token and may be told to an agent, which
// has nothing to do there.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { findConnection } from './sql.ts'

type Origin = Pick<VaultHouse, 'origin'>

/** For whoever has read the row. */
export const reauthorizePage = ({ origin }: Origin, connectionId: string): string => `${origin()}/connections/${connectionId}`

/** Null: it needs nobody. */
export async function reauthorizeUrlIn(house: Origin, t: Tx, scope: Scope, connectionId: string): Promise<string | null> {
  const row = await findConnection(t, scope, connectionId, { owner: null, agent: null })
  if (!row) throw new Problem('not_found')
  return row.status === 'needs_reauth' ? reauthorizePage(house, connectionId) : null
}

export const reauthorizeUrl = (
  house: Pick<VaultHouse, 'db' | 'origin'>,
  scope: Scope,
  connectionId: string,
): Promise<string | null> => tx(house.db, scope, (t) => reauthorizeUrlIn(house, t, scope, connectionId), { readOnly: true })
