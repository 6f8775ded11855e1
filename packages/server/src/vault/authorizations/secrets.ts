// What a flow keeps secret between two requests, in one envelope of its row; which row and which writing of it is bound in.
import { canonical } from '../../crypto/canonical.ts'
import { openText, type Place, sealText } from '../../crypto/seal.ts'
import { sha256 } from '../../crypto/token.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import type { AuthorizationRow } from './sql.ts'

export type FlowSecrets = { state?: string; verifier?: string | null; nonce?: string | null; device_code?: string }

const BLOCK = 64
const place = (scope: Scope, id: string, generation: number): Place => ({
  tenant: tenantWire(scope.tenantId),
  table: 'authorizations',
  column: 'secrets',
  row: `${id}/${generation}`,
})

export async function sealFlow(
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  id: string,
  generation: number,
  secrets: FlowSecrets,
): Promise<Buffer> {
  const text = canonical(secrets)
  return sealText(
    await tenantKey(house, t, scope),
    place(scope, id, generation),
    text.padEnd(Math.ceil(text.length / BLOCK) * BLOCK),
  )
}

export async function openFlow(
  house: Pick<VaultHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  row: AuthorizationRow,
): Promise<FlowSecrets> {
  if (row.secrets === null) throw new Error(`Authorization ${row.id} keeps no secrets.`)
  return JSON.parse(openText(await tenantKey(house, t, scope), place(scope, row.id, row.generation), row.secrets)) as FlowSecrets
}

/** Bound to cookie and fields: one of another page, another browser or another form is another nonce (V31). */
export const nonceHash = (nonce: string, cookieHash: Buffer, fields: readonly string[]): Buffer =>
  sha256(JSON.stringify([nonce, cookieHash.toString('hex'), fields.toSorted()]))
