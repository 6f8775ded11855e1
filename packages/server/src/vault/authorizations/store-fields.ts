// Keys and passwords (V41): checked, tried where the definition says how, and stored. A failed test sends the human back to an empty form, unless they want it
// stored all the same; then the connection says so.
import { type Scope, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { readParams } from '../providers/params.ts'
import { fieldsOf, readFields } from './fields.ts'
import { fail, finish } from './finish.ts'
import { outsideOf, readFlow } from './flow.ts'
import { askAgain, beginProcessing } from './sql.ts'
import { tryMaterial } from './test-call.ts'

export const TEST_FAILED = 'test_failed'

type Given = {
  fields: Readonly<Record<string, string>>
  anyway: boolean
  /** Nobody is there to be asked again. */
  last: boolean
}

/** False: somebody else is at it, or it is over. */
export async function storeFields(
  house: VaultHouse,
  scope: Scope,
  id: string,
  { fields: given, anyway, last }: Given,
): Promise<boolean> {
  const { row, definition } = await tx(house.db, scope, (t) => readFlow(house, t, scope, id), { readOnly: true })
  const material = readFields(fieldsOf(definition, row.method), given)
  // What was derived when it began is derived again, now from the fields.
  const own = Object.fromEntries(Object.entries(row.params).filter(([name]) => !definition.params?.[name]?.derive))
  const params = readParams(definition, own, material)
  if ((await tx(house.db, scope, (t) => beginProcessing(t, scope, id, ['pending']))) === 0) return false
  const tried = await tryMaterial(outsideOf(house, scope), definition, params, material)
  const failed = tried !== null && !tried.ok
  if (failed && !anyway) {
    const said = tried.status === null ? tried.code : `The provider answered ${tried.status}.`
    if (last) await fail(house, scope, row, { code: TEST_FAILED, said })
    else await tx(house.db, scope, (t) => askAgain(t, scope, id, TEST_FAILED, said))
    return true
  }
  await finish(house, scope, row, {
    material,
    params,
    scopes: [],
    lifetime: null,
    account: { id: null, label: null },
    clientId: null,
    doubt: failed ? TEST_FAILED : null,
  })
  return true
}
