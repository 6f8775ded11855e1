// A new token under the same relay grant (relay.md G1, R27), and the way back for one that expired (G3). The old one works until the overlap ends; both sides are told.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { tellGrantWide } from '../endpoints/tell.ts'
import type { RelayHouse } from '../house.ts'
import { sideOf } from '../party.ts'
import { judgedGrant } from './act.ts'
import { expireIn } from './end.ts'
import { refuseCaller, refuseEnded, takeGrant } from './grant.ts'
import { showGrant } from './show.ts'
import { endTokens, findTokens, restartGrantIf } from './sql.ts'
import { mintToken } from './token.ts'

type House = Pick<RelayHouse, 'db' | 'countersign' | 'callbacks' | 'origin'>
export type Rotation = { overlap_seconds: number; force?: boolean }

const MOST_LIVE = 2

export const rotateGrant = (house: House, scope: Scope, id: string, rotation: Rotation) =>
  judgedGrant(house, scope, { action: 'relay_grant.rotate', resource: id, body: rotation }, (t) =>
    rotateIn(house, t, scope, id, rotation),
  )

/** By a token for itself: what it holds is the right (R28). */
export const rotateByToken = (house: House, scope: Scope, id: string, rotation: Rotation) =>
  tx(house.db, scope, (t) => rotateIn(house, t, scope, id, rotation))

async function rotateIn(house: House, t: Tx, scope: Scope, id: string, { overlap_seconds: overlap, force = false }: Rotation) {
  const before = await takeGrant(t, scope, id)
  refuseEnded(before, t.now)
  const live = (await findTokens(t, scope, [id])).filter((one) => one.is_live)
  if (live.length >= MOST_LIVE) {
    const [newest] = live
    const endsAt = live.find((one) => one.ends_at !== null)?.ends_at ?? null
    if (!force) throw new Problem('rotation_open', { ends_at: endsAt?.toISOString() ?? null })
    // Of three the oldest goes at once: never more than two work.
    await endTokens(t, scope, id, t.now, newest?.id)
  }
  const oldEndsAt = new Date(t.now.getTime() + overlap * 1_000)
  await endTokens(t, scope, id, oldEndsAt)
  const row = await restartGrantIf(t, scope, id, 'active', before.ends_at)
  if (!row) throw new Problem('grant_ended', { state: before.state })
  const { token, expiresAt } = await mintToken(t, scope, row)
  await tellGrantWide(house, t, scope, 'relay_grant.rotated', row, {
    by: sideOf(scope),
    overlap_seconds: overlap,
    old_ends_at: oldEndsAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  })
  return { relay_grant: await showGrant(t, scope, row, sideOf(scope)), relay_token: token, expires_at: expiresAt }
}

/** Of an expired one, within 30 days, by its owner: a new token, and the threads that ended stay ended (G3, R31). */
export const renewGrant = (house: RelayHouse, scope: Scope, id: string) =>
  judgedGrant(house, scope, { action: 'relay_grant.rotate', resource: id, body: { renew: true } }, async (t) => {
    refuseCaller(scope)
    const before = (await expireIn(house, t, scope, id)) ?? (await takeGrant(t, scope, id))
    if (before.state !== 'expired')
      throw new Problem(before.state === 'active' ? 'state_conflict' : 'grant_ended', { state: before.state })
    if (before.sandbox)
      throw new Problem('grant_ended', { state: 'expired', detail: 'What was for trying out is over; make another.' })
    // An end that the owner once set has come: whoever renews sets another, or none.
    const row = await restartGrantIf(t, scope, id, 'expired', null)
    if (!row) throw new Problem('grant_ended', { state: 'expired', detail: 'It expired more than 30 days ago.' })
    const { token, expiresAt } = await mintToken(t, scope, row)
    await tellGrantWide(house, t, scope, 'relay_grant.rotated', row, {
      by: 'owner',
      renewed: true,
      overlap_seconds: 0,
      expires_at: expiresAt.toISOString(),
    })
    return { relay_grant: await showGrant(t, scope, row, 'owner'), relay_token: token, expires_at: expiresAt }
  })
