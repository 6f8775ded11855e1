// Proofs that a domain is of whoever owns a card (relay.md R23): a token that only this card of this tenant was given, found at the domain itself — in the DNS, or in a file under its
// https address. Found again each week; 90 days after it was last found it counts no more. Follows no redirect, and says of a failure only that nothing was found.
import { Problem } from '@countersign/sdk'
import { randomToken } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import { seeCard, takeCard } from '../cards/card.ts'
import type { RelayHouse } from '../house.ts'
import {
  type DomainMethod,
  type DomainRow,
  deleteDomain,
  findDomain,
  findDomainById,
  insertDomainIfNone,
  listDomains,
  missDomain,
  setMethod,
  verifyIfSame,
} from './sql.ts'

const LIVES_MS = 90 * 86_400_000
const MOST_DOMAINS = 32
const FILE_BYTES = 16_384

export type ShownDomain = ReturnType<typeof showDomain>

/** Asked for again it is the same challenge; `again` is told so. */
export const challengeDomain = (
  house: RelayHouse,
  scope: Scope,
  cardId: string,
  wish: { domain: string; method: DomainMethod },
  again: () => void,
): Promise<ShownDomain> =>
  tx(house.db, scope, async (t) => {
    const card = await takeCard(t, scope, cardId)
    const domain = wish.domain.toLowerCase()
    const all = await listDomains(t, scope, card.id)
    const present = all.find((one) => one.domain === domain)
    if (present) {
      again()
      return showDomain(present.method === wish.method ? present : await setMethod(t, scope, card.id, domain, wish.method))
    }
    if (all.length >= MOST_DOMAINS)
      throw new Problem('state_conflict', { state: 'full', detail: `A card has at most ${MOST_DOMAINS} domains.` })
    const one = { id: newId('dom', t.now.getTime()), card_id: card.id, domain, method: wish.method, token: randomToken() }
    const made = await insertDomainIfNone(t, scope, { ...one, created_by: scope.principal })
    if (!made) throw new Problem('busy', { retry_after: 1 })
    await tell(t, scope, 'domain.challenged', made)
    return showDomain(made)
  })

export const listCardDomains = (house: RelayHouse, scope: Scope, cardId: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const card = await seeCard(t, scope, cardId, 'card.read')
      return { data: (await listDomains(t, scope, card.id)).map(showDomain), next_cursor: null }
    },
    { readOnly: true },
  )

export async function verifyDomain(house: RelayHouse, scope: Scope, cardId: string, id: string): Promise<ShownDomain> {
  const see = async (t: Tx) => {
    const row = await findDomain(t, scope, (await seeCard(t, scope, cardId, 'card.publish')).id, id)
    if (!row) throw new Problem('not_found')
    return row
  }
  const seen = await tx(house.db, scope, see, { readOnly: true })
  if (!(await isPublished(house, scope.tenantId, seen))) {
    // The refusal is the answer; what is noted of it carries no stored reply.
    await tx(house.db, { ...scope, beforeCommit: undefined }, (t) => miss(t, scope, seen.id))
    throw new Problem('verification_failed', { domain: seen.domain, method: seen.method })
  }
  return tx(house.db, scope, async (t) => {
    await takeCard(t, scope, cardId)
    const verified = await found(t, scope, seen)
    if (!verified) throw new Problem('busy', { retry_after: 1 })
    return showDomain(verified)
  })
}

/** Nobody is told by it what was proved before; the challenge goes too. */
export const removeDomain = (house: RelayHouse, scope: Scope, cardId: string, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const row = await findDomain(t, scope, (await takeCard(t, scope, cardId)).id, id)
    if (!row) throw new Problem('not_found')
    await deleteDomain(t, scope, row.id)
    await tell(t, scope, 'domain.removed', row)
    return null
  })

/** Of a job: once a week, and when its time is over. */
export async function recheckDomain(house: RelayHouse, tenantId: string, id: string): Promise<void> {
  const scope = systemScope('relay', tenantId)
  const seen = await tx(house.db, scope, (t) => findDomainById(t, scope, id), { readOnly: true })
  if (seen?.state !== 'verified') return
  const isThere = await isPublished(house, tenantId, seen)
  await tx(house.db, scope, async (t) => void (await (isThere ? found(t, scope, seen) : miss(t, scope, id))))
}

async function found(t: Tx, scope: Scope, seen: DomainRow): Promise<DomainRow | null> {
  const row = await verifyIfSame(t, scope, seen, new Date(t.now.getTime() + LIVES_MS))
  if (row) await tell(t, scope, 'domain.verified', row)
  return row
}

async function miss(t: Tx, scope: Scope, id: string): Promise<void> {
  const row = await missDomain(t, scope, id)
  if (row) await tell(t, scope, row.state === 'expired' ? 'domain.expired' : 'domain.failed', row)
}

async function isPublished({ door, log }: RelayHouse, tenantId: string, { domain, method, token }: DomainRow): Promise<boolean> {
  const wanted = lineOf(token)
  if (method === 'dns') {
    const texts = await door.guard.textsAt(nameOf(domain))
    if (texts === null) log.warn({ domain }, 'no name server answered about the proof of a domain')
    return texts?.some((text) => text.trim() === wanted) ?? false
  }
  const answer = await door.fetch({
    ...{ tenantId, url: fileOf(domain), headers: { accept: 'text/plain' }, onLarge: 'cut' },
    caps: { bodyBytes: FILE_BYTES, wholeMs: 10_000 },
  })
  if ('failed' in answer) {
    log.info({ domain, failed: answer.failed }, 'the proof of a domain could not be read')
    return false
  }
  const lines = answer.body.toString('utf8').split(/\r?\n/)
  return answer.status === 200 && lines.some((line) => line.trim() === wanted)
}

const lineOf = (token: string): string => `countersign-card=${token}`
const nameOf = (domain: string): string => `_countersign.${domain}`
const fileOf = (domain: string): string => `https://${domain}/.well-known/countersign.txt`

const showDomain = (row: DomainRow) => ({
  ...{ id: row.id, card_id: row.card_id, domain: row.domain, method: row.method, state: row.state },
  challenge: {
    dns: { name: nameOf(row.domain), type: 'TXT' as const, value: lineOf(row.token) },
    https: { url: fileOf(row.domain), line: lineOf(row.token) },
  },
  verified_at: row.verified_at,
  expires_at: row.expires_at,
  checked_at: row.checked_at,
  failed_at: row.failed_at,
  created_at: row.created_at,
})

function tell(
  t: Tx,
  scope: Scope,
  type: `domain.${'challenged' | 'verified' | 'failed' | 'expired' | 'removed'}`,
  row: DomainRow,
) {
  const { id, card_id, domain, method } = row
  return record(t, scope, type, { domain_id: id, card_id, domain, method }, { resource: { type: 'card', id: card_id } })
}
