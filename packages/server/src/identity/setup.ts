// The first operator (P46): a one-time token in a link, stored as a hash so that all processes agree; who brings it becomes host and owner.
// Never works once any user exists, and never tells then whether a token was right.
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../crypto/token.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { newTenantUuid, tenantWire } from '../std/id.ts'
import type { IdentityHouse } from './house.ts'
import { type Origin, openSession, type SessionCookie } from './session.ts'
import {
  endSetupTokens,
  findPlace,
  findSetupToken,
  hasSetupToken,
  hasUsers,
  insertHost,
  insertSetupToken,
  insertTenant,
  lockSetup,
  tenantsOfUser,
} from './sql.ts'
import { addUser, takePlace } from './user.ts'

export type SetupStatus = { needs_setup: boolean; token_active?: boolean }
export type SetupInput = { token: string; email: string; password: string; display_name?: string }
export type SetupResult = { user_id: string; email: string; tenant_id: string }

const LIFE_MS = 24 * 3_600_000
export const FIRST_TENANT = 'Main'
const nobody = systemScope('setup')

export const setupStatus = (house: IdentityHouse): Promise<SetupStatus> =>
  tx(
    house.db,
    nobody,
    async (t) =>
      (await hasUsers(t)).yes ? { needs_setup: false } : { needs_setup: true, token_active: (await hasSetupToken(t)).yes },
    { readOnly: true },
  )

const linkOf = (house: IdentityHouse, token: string): string => `${house.origin()}/setup#token=${token}`

/** A new link, and the ones before it are dead: `countersign setup link`. null once somebody exists. */
export const issueSetupLink = (house: IdentityHouse): Promise<string | null> => putToken(house, randomToken(), 'always')

/** At start: null where a link is out already, so that a second process does not kill the one that the first has printed. */
export const issueSetupLinkIfNone = (house: IdentityHouse): Promise<string | null> => putToken(house, randomToken(), 'if none')

/** The token of SETUP_TOKEN_FILE. Putting the same one again changes nothing, so each start may do it. */
export const acceptSetupToken = (house: IdentityHouse, token: string): Promise<string | null> => putToken(house, token, 'always')

const putToken = (house: IdentityHouse, token: string, when: 'always' | 'if none'): Promise<string | null> =>
  tx(house.db, nobody, async (t) => {
    await lockSetup(t)
    if ((await hasUsers(t)).yes) return null
    const hash = sha256(token)
    if (await findSetupToken(t, hash)) return linkOf(house, token)
    if (when === 'if none' && (await hasSetupToken(t)).yes) return null
    await endSetupTokens(t)
    await insertSetupToken(t, hash, new Date(t.now.getTime() + LIFE_MS))
    return linkOf(house, token)
  })

/** One 201 for the whole life of an installation, however many ask at once. */
export async function setUp(
  house: IdentityHouse,
  input: SetupInput,
  from: Origin,
): Promise<{ result: SetupResult; cookie: SessionCookie }> {
  const hash = sha256(input.token)
  // Before any hashing: nobody without the token may make this process work.
  const place = await tx(house.db, nobody, (t) => guard(t, hash).then(() => findPlaceOf(t)), { readOnly: true })
  house.passwords.check(input.password, { names: [input.display_name], emails: [input.email], tenant: FIRST_TENANT })
  const password = await house.passwords.hash(input.password)
  const tenantId = place?.tenantId ?? newTenantUuid()
  const scope = systemScope('setup', tenantId)
  const newUser = { email: input.email, display_name: input.display_name, role: 'owner', password } as const
  return tx(house.db, scope, async (t) => {
    await lockSetup(t)
    await guard(t, hash)
    await endSetupTokens(t)
    if (!place) await insertTenant(t, { id: tenantId, name: FIRST_TENANT })
    const user = place ? await takePlace(t, scope, place.userId, newUser) : await addUser(t, scope, newUser)
    await insertHost(t, user.id)
    await recordHost(t, scope, user.id)
    const cookie = await openSession(t, scope, { id: user.id, methods: ['password'], address: from.address, client: from.client })
    return { result: { user_id: user.id, email: user.email, tenant_id: tenantWire(tenantId) }, cookie }
  })
}

async function findPlaceOf(t: Tx): Promise<{ userId: string; tenantId: string } | null> {
  const place = await findPlace(t)
  const [tenant] = place ? await tenantsOfUser(t, place.id) : []
  return place && tenant ? { userId: place.id, tenantId: tenant.tenant_id } : null
}

const recordHost = (t: Tx, scope: Scope, userId: string) =>
  record(
    t,
    scope,
    'user.updated',
    { user_id: userId, fields: ['is_host'] },
    { resource: { type: 'user', id: userId }, after: { is_host: true } },
  )

// The token first: whoever ends it makes a user in the same transaction, so a token found ended is always followed by a user found.
async function guard(t: Tx, hash: Buffer): Promise<void> {
  const isToken = await findSetupToken(t, hash)
  if ((await hasUsers(t)).yes) throw new Problem('setup_completed')
  if (!isToken) throw new Problem('setup_token_invalid')
}
