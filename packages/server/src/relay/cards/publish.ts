// From content to signed bytes (R13–R17): the key set of a tenant, both documents of a version, and what signs them anew. A private key is opened for as long as a
// signature takes and leaves this file with nobody.
import { canonical } from '../../crypto/canonical.ts'
import { type CardSigner, makeCardKey, signDocument, signedText } from '../../crypto/card-signature.ts'
import { openText, sealText } from '../../crypto/seal.ts'
import { sha256 } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { nextTenants } from '../../identity/keys-at-rest/rewrap/sql.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import { a2aDocument, extendedDocument, FACES, jwksUrl, nativeDocument, wireOf } from './document.ts'
import type { CardsHouse } from './house.ts'
import type { CardContent } from './input.ts'
import {
  findCurrentVersion,
  findKeys,
  insertKeyIfNone,
  insertVersion,
  listCurrentVersions,
  lockAnyCard,
  resignVersion,
  type SignedBytes,
  type VersionRow,
} from './sql.ts'

type Signs = Pick<CardsHouse, 'db' | 'keyring' | 'origin' | 'cardAlgorithm'>
/** A key, opened, without the address of its key set: that is the card's. */
export type OpenKey = Omit<CardSigner, 'jku'>

const place = (scope: Scope, kid: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'card_keys',
  column: 'private_key',
  row: kid,
})

/** The keys that sign now, the current one first; the first is made at the first publication. */
export async function signingKeys(house: Signs, t: Tx, scope: Scope): Promise<OpenKey[]> {
  let rows = await findKeys(t, scope)
  if (!rows.some((row) => row.state === 'active')) {
    await makeKey(house, t, scope)
    rows = await findKeys(t, scope)
  }
  const wrapping = await tenantKey(house, t, scope)
  return rows.map(({ kid, alg, private_key }) => ({ kid, alg, privateJwk: openText(wrapping, place(scope, kid), private_key) }))
}

/** Does nothing where the tenant has one. */
export async function makeKey(house: Signs, t: Tx, scope: Scope): Promise<void> {
  const wrapping = await tenantKey(house, t, scope)
  const { kid, alg, publicJwk, privateJwk } = makeCardKey(house.cardAlgorithm)
  const private_key = sealText(wrapping, place(scope, kid), privateJwk)
  await insertKeyIfNone(t, scope, { kid, alg, public_jwk: publicJwk, private_key })
}

export const contentHash = (content: CardContent): Buffer => sha256(canonical(content))

/** Both documents of a version, signed by each of the keys. */
export function signedBytes(house: Signs, keys: readonly OpenKey[], content: CardContent, number: number): SignedBytes {
  const origin = house.origin()
  const signers = keys.map((key) => ({ ...key, jku: jwksUrl(origin, content.slug) }))
  const [native, a2a] = [nativeDocument, a2aDocument].map((document) => {
    const made = document(content, { number, origin, faces: FACES })
    return wireOf(made, signDocument(made, signers))
  }) as [Buffer, Buffer]
  return { native, a2a, origin }
}

/** For one reader and kept nowhere; `granted`: what the relay grant of that reader gives. */
export function signedExtended(
  house: Signs,
  keys: readonly OpenKey[],
  { content, number }: { content: CardContent; number: number },
  granted: Record<string, unknown>,
): Buffer {
  const origin = house.origin()
  const made = extendedDocument(content, { number, origin, faces: FACES }, granted)
  return wireOf(
    made,
    signDocument(
      made,
      keys.map((key) => ({ ...key, jku: jwksUrl(origin, content.slug) })),
    ),
  )
}

export async function publish(
  house: Signs,
  t: Tx,
  scope: Scope,
  version: { card_id: string; number: number; content: CardContent },
): Promise<void> {
  const keys = await signingKeys(house, t, scope)
  const bytes = signedBytes(house, keys, version.content, version.number)
  const content_hash = contentHash(version.content)
  await insertVersion(t, scope, { ...version, ...bytes, content_hash, author: scope.actor.id })
}

/** The same version with the signatures, the origin and the faces of now. */
export const signAnew = (house: Signs, t: Tx, scope: Scope, keys: readonly OpenKey[], row: VersionRow): Promise<number> =>
  resignVersion(t, scope, row.card_id, row.number, signedBytes(house, keys, row.content, row.number))

const TENANTS = 200
const CARDS = 50

/** Before this process says that it is ready: every card whose documents say another address, or other faces, than what is served (R17). Answers how many. */
export async function republishAll(house: Signs): Promise<number> {
  let [done, after] = [0, null as string | null]
  for (;;) {
    const tenants = await tx(house.db, systemScope('relay'), (t) => nextTenants(t, after, TENANTS), { readOnly: true })
    for (const { tenant_id } of tenants) {
      done += await republishTenant(house, systemScope('relay', tenant_id))
      after = tenant_id
    }
    if (tenants.length < TENANTS) return done
  }
}

async function republishTenant(house: Signs, scope: Scope): Promise<number> {
  let done = 0
  await eachCurrentVersion(house, scope, async (row) => {
    if (saysWhatIs(house, row)) return
    await tx(house.db, scope, async (t) => {
      const now = await takeCurrentVersion(t, scope, row.card_id)
      // Another process of this start may have been here.
      if (!now || saysWhatIs(house, now)) return
      await signAnew(house, t, scope, await signingKeys(house, t, scope), now)
      done += 1
    })
  })
  return done
}

/** Locked, and as whoever had it before left it. */
export const takeCurrentVersion = async (t: Tx, scope: Scope, cardId: string): Promise<VersionRow | null> =>
  (await lockAnyCard(t, scope, cardId)) && findCurrentVersion(t, scope, cardId)

/** Of every card of a tenant that is in use, a page at a time and without a lock. */
export async function eachCurrentVersion(
  { db }: Pick<Signs, 'db'>,
  scope: Scope,
  visit: (row: VersionRow) => Promise<void>,
): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await tx(db, scope, (t) => listCurrentVersions(t, scope, after, CARDS), { readOnly: true })
    for (const row of rows) await visit(row)
    if (rows.length < CARDS) return
    after = rows.at(-1)?.card_id ?? ''
  }
}

/** Both documents as they would be published now, signatures apart. */
function saysWhatIs(house: Signs, { native, a2a, content, number }: VersionRow): boolean {
  const published = { number, origin: house.origin(), faces: FACES }
  const says = (bytes: Buffer, document: Record<string, unknown>) =>
    signedText(JSON.parse(bytes.toString('utf8')) as Record<string, unknown>) === canonical(document)
  return says(native, nativeDocument(content, published)) && says(a2a, a2aDocument(content, published))
}
