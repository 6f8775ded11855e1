// A command signs in by a person in a browser (vault.md §7.2 `login`, after RFC 8628): it is given a code to show and a secret to come back with; the person, who has just
// proven that they are there, sees which machine asks, from where and since when, and says yes or no. What the command then gets is a personal key that ends when a browser's
// session would, stands among the person's keys, and is revoked there. The code opens nothing by itself, works once and for ten minutes, and neither it nor the secret nor
// the key is stored or written into an event.
import { Problem } from '@countersign/sdk'
import { hmacSha256, randomInt, randomToken, sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { RequestInfo } from '../../http/route.ts'
import type { IdentityHouse } from '../house.ts'
import { makePersonalKey, mayGive, type ShownKey } from '../key.ts'
import { KEY_SCOPES } from '../matrix.ts'
import { findMembership, findTenant, sessionLife } from '../sql.ts'
import {
  type AskedSignIn,
  approveSignInIfOpen,
  dropOldSignIns,
  findSignInBySecret,
  findSignInIfOpen,
  insertSignIn,
  refuseSignInIfOpen,
  takeSignInIfAnswered,
} from './sql.ts'

const LIVES_MS = 10 * 60_000
/** After a yes in the last moment the command still has the time to hear of it. */
const FETCH_MS = 60_000
export const INTERVAL_SECONDS = 3
/** Consonants and digits that nobody mistakes for one another and that form no word: 8 of 24 are more than 36 bits, and who guesses is counted. */
const LETTERS = 'BCDFGHJKMNPQRSTVWXZ23456'
const nobody = systemScope('cli')

export async function askSignIn(house: IdentityHouse, client: string, { address }: Pick<RequestInfo, 'address'>) {
  const secret = randomToken()
  return tx(house.db, nobody, async (t) => {
    const endsAt = new Date(t.now.getTime() + LIVES_MS)
    const code = await newCode(house, t, { secretHash: sha256(secret), client: client.trim(), address, endsAt })
    return {
      ...{ code, secret, expires_at: endsAt, interval: INTERVAL_SECONDS },
      verification_url: `${house.origin()}/cli`,
      verification_url_complete: `${house.origin()}/cli#${code}`,
    }
  })
}

async function newCode(house: IdentityHouse, t: Tx, one: Omit<Parameters<typeof insertSignIn>[1], 'codeHash'>): Promise<string> {
  for (;;) {
    const letters = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const code = `${letters.slice(0, 4)}-${letters.slice(4)}`
    if ((await insertSignIn(t, { ...one, codeHash: hashOf(house, code) })) === 1) return code
  }
}

/** As people type it: in any case, with and without the dash. */
const hashOf = (house: IdentityHouse, code: string): Buffer =>
  hmacSha256(house.keyring.purpose('proof'), JSON.stringify(['cli', code.toUpperCase().replace(/[^A-Z0-9]/g, '')]))

// A code that was answered, one that is over and one that was never given look alike.
const over = () =>
  new Problem('link_expired', { detail: 'This code was used, is too old, or was never given: start the command again.' })

/** What the person sees before they answer. Spends nothing. */
export const readSignIn = (house: IdentityHouse, scope: Scope, code: string, { address }: Pick<RequestInfo, 'address'>) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const asked = await findSignInIfOpen(t, hashOf(house, code))
      if (!asked) throw over()
      return {
        ...shown(asked),
        same_address: asked.address === address,
        tenant_name: (await findTenant(t, scope))?.name ?? '',
        session_ends_at: new Date(t.now.getTime() + (await lifeOf(t, scope)) * 1000),
      }
    },
    { readOnly: true },
  )

const shown = ({ client, address, asked_at, ends_at }: AskedSignIn) => ({ client, address, asked_at, expires_at: ends_at })

const lifeOf = async (t: Tx, { userId }: Scope): Promise<number> => (await sessionLife(t, userId as string)).absolute_seconds

/** All that the person may give a key: what they may do, bounded by their role at each moment. */
const scopesOf = (scope: Scope): string[] => KEY_SCOPES.filter((text) => text.endsWith(':*') && mayGive(scope, 'usr', text))

export const approveSignIn = (house: IdentityHouse, scope: Scope, code: string) =>
  tx(house.db, scope, async (t) => {
    const asked = await approveSignInIfOpen(t, hashOf(house, code), {
      ...{ tenantId: scope.tenantId as string, userId: scope.userId as string, scopes: scopesOf(scope) },
      ...{ lastsSeconds: await lifeOf(t, scope), endsAt: new Date(t.now.getTime() + FETCH_MS) },
    })
    if (!asked) throw over()
    await record(
      t,
      scope,
      'cli.approved',
      { asked_at: asked.asked_at.toISOString() },
      { resource: { type: 'user', id: scope.userId as string } },
    )
    return shown(asked)
  })

export const refuseSignIn = (house: IdentityHouse, scope: Scope, code: string) =>
  tx(house.db, scope, async (t) => {
    const asked = await refuseSignInIfOpen(t, hashOf(house, code))
    if (!asked) throw over()
    await record(
      t,
      scope,
      'cli.refused',
      { asked_at: asked.asked_at.toISOString() },
      { resource: { type: 'user', id: scope.userId as string } },
    )
    return shown(asked)
  })

export type Fetched = { state: 'waiting' | 'refused'; key: null } | { state: 'approved'; key: ShownKey }

/** The command's own question, again and again; an answer is given once. */
export async function fetchSignIn(house: IdentityHouse, secret: string): Promise<Fetched> {
  const hash = sha256(secret)
  const found = await tx(house.db, nobody, (t) => findSignInBySecret(t, hash), { readOnly: true })
  if (!found) throw over()
  if (found.answer === null) return { state: 'waiting', key: null }
  const scope = found.tenant_id === null ? nobody : systemScope('cli', found.tenant_id)
  return tx(house.db, scope, async (t): Promise<Fetched> => {
    const taken = await takeSignInIfAnswered(t, hash)
    if (!taken) throw over()
    if (taken.answer === 'refused') return { state: 'refused', key: null }
    const { user_id: userId, scopes, lasts_seconds: lastsSeconds, client } = taken as Approved
    // Whoever lost their place since they said yes signs nothing in.
    const member = await findMembership(t, scope, userId)
    if (!member || member.deactivated_at !== null) throw over()
    const by: Scope = { ...scope, principal: userId, actor: { type: 'user', id: userId }, userId }
    return {
      state: 'approved',
      key: await makePersonalKey(t, by, { name: `countersign on ${client}`.slice(0, 100), scopes, lastsSeconds }),
    }
  })
}

type Approved = { user_id: string; scopes: string[]; lasts_seconds: number; client: string }

export const sweepSignIns = (t: Tx): Promise<number> => dropOldSignIns(t)
