// The key that is not in use while another is: sealed under its own row, as material is (V68). Opened for a call to its provider alone.
import { open, type Place, seal } from '../../crypto/seal.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { padded } from '../material/material.ts'
import type { Material } from '../providers/definition.ts'
import type { RotationRow } from './sql.ts'

type Keys = Pick<VaultHouse, 'db' | 'keyring'>

const place = (scope: Scope, id: string, generation: number): Place => ({
  tenant: tenantWire(scope.tenantId),
  table: 'rotations',
  column: 'held',
  row: `${id}/${generation}`,
})

/** For the write that follows: the row's generation goes up with it. */
export async function sealHeld(house: Keys, t: Tx, scope: Scope, row: RotationRow, material: Material): Promise<Buffer> {
  const plain = padded(material)
  try {
    return seal(await tenantKey(house, t, scope), place(scope, row.id, row.generation + 1), plain)
  } finally {
    plain.fill(0)
  }
}

export async function openHeld(house: Keys, t: Tx, scope: Scope, row: RotationRow): Promise<Material> {
  if (row.held === null) throw new Error(`Rotation ${row.id} holds no key.`)
  const plain = open(await tenantKey(house, t, scope), place(scope, row.id, row.generation), row.held)
  try {
    return JSON.parse(plain.toString('utf8')) as Material
  } finally {
    plain.fill(0)
  }
}
