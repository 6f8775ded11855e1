// What anybody reads of a public card (R11, R13): the bytes that were signed, as they were stored, and the keys by which they are checked. What is not public, not there
// or not a version is the same 404. Serialises nothing and writes nothing.
import { Problem } from '@countersign/sdk'
import { sha256 } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { type Db, type Tx, tx } from '../../db/tx.ts'
import { Document, type ReplyControl, type RequestInfo } from '../../http/route.ts'
import { together } from '../../http/together.ts'
import { placeOfCard } from '../party.ts'
import type { CardsHouse } from './house.ts'
import { findKeys, findServed } from './sql.ts'

const CACHED = 'public, max-age=300'

type Served = Awaited<ReturnType<typeof findServed>>
type Serving = (asked: { slug: string; version: number | null }) => Promise<Served>
const serving = new WeakMap<Db, Serving>()

// Everybody is answered the same bytes, so whoever asks for them while others wait shares their read; nothing is kept after it.
/** Null: it is not there, or not public. */
function servingOf(house: CardsHouse): Serving {
  const known = serving.get(house.db)
  if (known) return known
  const made: Serving = together<{ slug: string; version: number | null }, Served>({
    groupOf: ({ slug, version }) => `${slug} ${version}`,
    atOnce: 1,
    async run(all) {
      const [{ slug, version }] = all as [{ slug: string; version: number | null }]
      const found = await ofPublicCard(house, slug, (t, scope, cardId) => findServed(t, scope, cardId, version)).catch(absent)
      return all.map(() => found)
    },
  })
  serving.set(house.db, made)
  return made
}

const absent = (error: unknown): null => {
  if (error instanceof Problem && error.code === 'not_found') return null
  throw error
}

type Reading = { request: RequestInfo; reply: ReplyControl }

/** `as`: which of the two documents. Undefined: the reader has it already (304). */
export async function readCard(
  house: CardsHouse,
  slug: string,
  { request, reply, version = null, as }: Reading & { version?: number | null; as: 'native' | 'a2a' },
): Promise<Document | undefined> {
  const found = await servingOf(house)({ slug, version })
  if (!found) throw new Problem('not_found')
  const bytes = found[as]
  const etag = `"${sha256(bytes).toString('base64url')}"`
  reply.header('ETag', etag)
  reply.header('Last-Modified', found.signed_at.toUTCString())
  reply.header('Cache-Control', CACHED)
  reply.header('Vary', 'Accept')
  reply.header('Countersign-Card-Version', String(found.number))
  if (as === 'native' && found.is_compatible) reply.header('X-ForAgent-Card-Version', String(found.number))
  if (isKnown(request, etag, found.signed_at)) {
    reply.status(304)
    return undefined
  }
  return new Document('application/json', bytes.toString('utf8'))
}

/** What a public card says, for whoever reads no bytes. */
export async function readPublicCard(house: CardsHouse, slug: string) {
  const found = await ofPublicCard(house, slug, (t, scope, cardId) => findServed(t, scope, cardId, null))
  if (!found) throw new Problem('not_found')
  return { version: found.number, document: JSON.parse(found.native.toString('utf8')) as Record<string, unknown> }
}

/** Both documents of a public card as anybody is answered them now, and the keys beside them. */
export const readServed = (house: CardsHouse, slug: string) =>
  ofPublicCard(house, slug, async (t, scope, cardId) => ({
    served: await findServed(t, scope, cardId, null),
    keys: (await findKeys(t, scope)).map((row) => row.public_jwk),
  }))

/** The public card keys of the tenant whose card this is (R14). */
export async function readKeySet(house: CardsHouse, slug: string, reply: ReplyControl) {
  const rows = await ofPublicCard(house, slug, findKeys)
  reply.header('Cache-Control', CACHED)
  return { keys: rows.map((row) => row.public_jwk) }
}

export async function ofPublicCard<T>(
  house: CardsHouse,
  slug: string,
  read: (t: Tx, scope: ReturnType<typeof systemScope>, cardId: string) => Promise<T>,
): Promise<T> {
  const place = await placeOfCard(house, slug)
  if (place.visibility !== 'public') throw new Problem('not_found')
  const scope = systemScope('relay', place.tenant_id)
  return tx(house.db, scope, (t) => read(t, scope, place.card_id), { readOnly: true })
}

/** RFC 9110 §13.2.2: a tag says more than a time, and where one was sent the time is not looked at. */
function isKnown(request: RequestInfo, etag: string, signedAt: Date): boolean {
  const tags = request.header('if-none-match')
  if (tags !== undefined) return tags.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
  const since = Date.parse(request.header('if-modified-since') ?? '')
  return !Number.isNaN(since) && Math.floor(signedAt.getTime() / 1_000) * 1_000 <= since
}
