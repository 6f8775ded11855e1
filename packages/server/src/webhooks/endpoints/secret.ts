// An endpoint's secret is replaced without a gap (P81): the old one signs beside the new until the overlap ends, or is revoked at once.
import { Problem } from '@countersign/sdk'
import { hasRoomForTwo, newSigningSecret, type SentMode } from '../../crypto/signature.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import type { WebhooksHouse } from '../house.ts'
import { sealSecret } from '../material.ts'
import { type Endpoint, lockOrThrow, lockOwnOrThrow, read, readOwn, tell } from './endpoint.ts'
import { bumpVersion, endOlderSecrets, findLiveSecrets, insertSecret, lastSecret, revokeSecretIfLive } from './sql.ts'

const OVERLAP_SECONDS = 86_400

/** `force` ends a rotation that is still open: only the newest secret overlaps with the new one. */
export const rotateSecret = (
  house: WebhooksHouse,
  scope: Scope,
  id: string,
  input: Rotation,
): Promise<Endpoint & { secret: string }> =>
  tx(house.db, scope, async (t) => {
    const { n, secret, overlap } = await rotateIn(house, t, scope, await lockOwnOrThrow(t, scope, id), input)
    await tell(t, scope, 'endpoint.secret_rotated', id, { n, overlap_seconds: overlap })
    return { ...(await readOwn(t, scope, id)), secret }
  })

export type Rotation = { overlap_seconds?: number; force?: boolean }

/** The row is locked by who calls. `own`: the secret that takes over; left out, one is made. */
export async function rotateIn(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  { id, mode }: { id: string; mode: SentMode },
  input: Rotation,
  own?: string,
): Promise<{ n: number; secret: string; overlap: number }> {
  const room = hasRoomForTwo(mode)
  const overlap = input.overlap_seconds ?? (room ? OVERLAP_SECONDS : 0)
  if (!room && overlap > 0) {
    const message = `The header of mode ${mode} holds one signature, so the old secret ends at once: 0.`
    throw new Problem('validation_failed', { errors: [{ path: '/overlap_seconds', code: 'no_overlap', message }] })
  }
  const live = await findLiveSecrets(t, scope, [id])
  const ending = live.find((one) => one.ends_at !== null)
  if (ending && !input.force) throw new Problem('rotation_open', { ends_at: ending.ends_at?.toISOString() })
  for (const one of live.filter((each) => each.ends_at !== null)) await revokeSecretIfLive(t, scope, id, one.n)
  await endOlderSecrets(t, scope, id, new Date(t.now.getTime() + overlap * 1000))
  const n = ((await lastSecret(t, scope, id)).n ?? 0) + 1
  const secret = own ?? newSigningSecret()
  await insertSecret(t, scope, id, n, sealSecret(await tenantKey(house, t, scope), scope, id, n, secret))
  await bumpVersion(t, scope, id)
  return { n, secret, overlap }
}

/** At once: from the next attempt on nothing is signed with it. */
export const revokeSecret = (house: WebhooksHouse, scope: Scope, id: string, number: string): Promise<Endpoint> =>
  tx(house.db, scope, async (t) => {
    await lockOrThrow(t, scope, id)
    const live = await findLiveSecrets(t, scope, [id])
    const n = live.find((one) => String(one.n) === number)?.n
    if (n === undefined) throw new Problem('not_found')
    if (live.length === 1)
      throw new Problem('state_conflict', {
        detail: 'It is the only secret, and nothing leaves unsigned. Rotate with an overlap of 0.',
      })
    await revokeSecretIfLive(t, scope, id, n)
    await bumpVersion(t, scope, id)
    await tell(t, scope, 'endpoint.secret_revoked', id, { n })
    return read(t, scope, id)
  })
