// The key that signs a tenant's cards is exchanged (R15). For thirty days a card bears the signatures of both keys; a key that somebody else may know leaves the key set
// at once, and its signatures go in the same transaction. There is one rotation at a time: to ask again is to be told of it.
import { enqueue } from '@countersign/queue'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { putAgain } from './card.ts'
import type { CardsHouse } from './house.ts'
import { eachCurrentVersion, makeKey, signAnew, signingKeys, takeCurrentVersion } from './publish.ts'
import { compromiseKeys, endRetiringKeys, findKeys, listCurrentVersions, lockKeys, retireActiveKeys, versionsOf } from './sql.ts'

export const RESIGN = 'card.resign'
export const END_KEYS = 'card_key.end'
const OVERLAP_MS = 30 * 86_400_000
const EVERY_CARD = 2_147_483_647

export type Rotation = { job_id: string; kid: string; retiring: string[]; retires_at: Date | null }

export const rotateCardKey = (
  house: CardsHouse,
  scope: Scope,
  { compromised = false }: { compromised?: boolean },
): Promise<Rotation> =>
  tx(house.db, scope, async (t) => {
    await lockKeys(t, scope)
    const before = await findKeys(t, scope)
    const isOpen = before.some((row) => row.state === 'retiring')
    if (compromised || !isOpen) {
      const gone = compromised ? (await compromiseKeys(t, scope)).map((row) => row.kid) : []
      if (!compromised && before.length > 0) {
        const retiresAt = new Date(t.now.getTime() + OVERLAP_MS)
        await retireActiveKeys(t, scope, retiresAt)
        await enqueue(t, { kind: END_KEYS, tenantId: scope.tenantId, payload: {}, runAt: retiresAt })
      }
      await makeKey(house, t, scope)
      if (compromised) await withoutSignatures(house, t, scope)
      const [kid = ''] = (await findKeys(t, scope)).map((row) => row.kid)
      await record(t, scope, 'card_key.rotated', { kid, compromised, gone })
    }
    const job_id = await enqueue(t, { kind: RESIGN, tenantId: scope.tenantId, payload: {} })
    const [current, ...retiring] = await findKeys(t, scope)
    return {
      job_id,
      kid: current?.kid ?? '',
      retiring: retiring.map((row) => row.kid),
      retires_at: retiring[0]?.retires_at ?? null,
    }
  })

/** Every card under a new number, and every version before it, without what the lost key signed. */
async function withoutSignatures(house: CardsHouse, t: Tx, scope: Scope): Promise<void> {
  const keys = await signingKeys(house, t, scope)
  for (const { card_id } of await listCurrentVersions(t, scope, '', EVERY_CARD)) {
    const current = await takeCurrentVersion(t, scope, card_id)
    if (!current) continue
    for (const version of await versionsOf(t, scope, card_id)) await signAnew(house, t, scope, keys, version)
    await putAgain(house, t, scope, card_id, current.number + 1, current.content)
  }
}

/** Every current card by the keys of now: both of an open rotation, or the one that is left. Done twice it is done once. */
export async function resignCards(house: CardsHouse, scope: Scope): Promise<void> {
  await eachCurrentVersion(house, scope, ({ card_id }) =>
    tx(house.db, scope, async (t) => {
      const row = await takeCurrentVersion(t, scope, card_id)
      if (!row) return
      const keys = await signingKeys(house, t, scope)
      if (!isSignedBy(row.native, keys)) await signAnew(house, t, scope, keys, row)
    }),
  )
}

/** After the overlap: the older key is gone, and so are its signatures on what is current. */
export async function endCardKeys(house: CardsHouse, scope: Scope): Promise<void> {
  await tx(house.db, scope, async (t) => {
    await lockKeys(t, scope)
    await endRetiringKeys(t, scope)
  })
  await resignCards(house, scope)
}

/** By exactly these. */
function isSignedBy(native: Buffer, keys: readonly { kid: string }[]): boolean {
  const { signatures } = JSON.parse(native.toString('utf8')) as { signatures: { protected: string }[] }
  const kids = signatures.map((one) => (JSON.parse(Buffer.from(one.protected, 'base64url').toString()) as { kid: string }).kid)
  return kids.length === keys.length && keys.every(({ kid }) => kids.includes(kid))
}
