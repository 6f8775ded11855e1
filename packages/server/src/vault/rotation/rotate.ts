// A stored key is exchanged for a new one at its provider (V50): made, tried, put in place, and only an hour later the old one is retired. Each step is written before
// the next begins and claimed by one process at a time, so that whoever is killed in between is followed by another. At no moment is there no key that counts: the old
// one is retired only after the one in use was tried once more, and a new one that fails is ended in its place.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { randomToken } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { backoffMs } from '../../std/backoff.ts'
import { newId } from '../../std/id.ts'
import { outsideOf } from '../authorizations/flow.ts'
import { lockOrThrow } from '../connections/connection.ts'
import { findSealed, type SealedConnection } from '../connections/sql.ts'
import { tellConnection, writeMaterial } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { definitionAt } from '../providers/catalogue.ts'
import type { Material } from '../providers/definition.ts'
import { topicOf } from '../refresh/need.ts'
import { createKey, type Exchange, isSame, type NewKey, retireKey, type Said, tryKey } from './calls.ts'
import { openHeld, sealHeld } from './held.ts'
import {
  claimRotation,
  findRotation,
  insertRotation,
  moveRotationIf,
  type NextRotation,
  putOffRotation,
  type RotationRow,
} from './sql.ts'

/** Its payload is `{ rotation_id }`. */
export const ROTATE = 'connection.rotate'

const CLAIM_MS = 120_000
const OVERLAP_S = 3_600
const TRIED_FOR_MS = 86_400_000
/** A new key may take a moment to be known everywhere. */
const MOST_REFUSALS = 3
const BACKOFF = { firstMs: 30_000, maxMs: 900_000 }

export async function rotateConnection(
  house: VaultHouse,
  scope: Scope,
  connectionId: string,
): Promise<{ status: 'rotating'; job_id: string }> {
  return tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, connectionId, 'connection.update')
    const definition = await definitionAt(house, t, scope, row.provider, row.definition_version)
    const conflict = (detail: string) => new Problem('state_conflict', { status: row.status, detail })
    if (row.status !== 'connected') throw conflict('Only a key that works is exchanged for another.')
    if (!definition?.rotate || (row.method !== 'api_key' && row.method !== 'basic'))
      throw conflict('The definition of this provider declares no exchange of keys.')
    const id = newId('rot', t.now.getTime())
    const began = await insertRotation(t, scope, { id, connectionId, materialGeneration: row.generation })
    if (!began) throw conflict('A new key is on its way already.')
    await tellConnection(t, scope, 'connection.rotation_started', row, {})
    const job = { kind: ROTATE, tenantId: scope.tenantId, payload: { rotation_id: id } }
    return { status: 'rotating' as const, job_id: await enqueue(t, job) }
  })
}

type Known = {
  row: RotationRow
  connection: SealedConnection
  one: Exchange | null
  material: Material | null
  held: Material | null
  now: Date
}
type Claimed = Known & { claim: string; one: Exchange; scope: Scope; house: VaultHouse; signal?: AbortSignal }
/** Null: it is over. Otherwise after how many milliseconds the next step may come. */
type Pause = number | null

/** One step, whichever its row says. */
export async function stepRotation(house: VaultHouse, tenantId: string, id: string, signal?: AbortSignal): Promise<Pause> {
  const scope = systemScope('vault', tenantId)
  const claim = randomToken(16)
  const found = await tx(house.db, scope, (t) => claimStep(house, t, scope, id, claim))
  if (found === null || typeof found === 'number') return found
  const { one } = found
  if (one === null) return over({ ...found, claim, scope, house }, 'definition_gone')
  const step: Claimed = { ...found, one, claim, scope, house, ...(signal ? { signal } : {}) }
  if (found.row.state === 'creating') return create(step)
  if (found.row.state === 'testing') return testAndSwitch(step)
  if (found.row.state === 'overlapping') return beforeRetiring(step)
  return found.row.state === 'retiring' ? retire(step) : undo(step)
}

async function claimStep(house: VaultHouse, t: Tx, scope: Scope, id: string, claim: string): Promise<Known | Pause> {
  const row = await findRotation(t, scope, id)
  if (!row || row.state === 'over') return null
  const connection = await findSealed(t, scope, row.connection_id)
  if (!connection) return null
  const isInUse = connection.status === 'connected' || connection.status === 'needs_reauth'
  const early = row.state === 'overlapping' && isInUse ? (row.retire_at as Date).getTime() - t.now.getTime() : 0
  if (early > 0) return early
  if ((await claimRotation(t, scope, row, claim, new Date(t.now.getTime() + CLAIM_MS))) === 0)
    return Math.max(1_000, (row.claimed_until?.getTime() ?? 0) - t.now.getTime())
  const { provider, definition_version, params, method } = connection
  const definition = await definitionAt(house, t, scope, provider, definition_version)
  const one = definition?.rotate ? { definition, rotate: definition.rotate, params, method } : null
  const material = connection.material === null || !isInUse ? null : await openMaterial(house, t, scope, connection)
  const held = row.held === null ? null : await openHeld(house, t, scope, row)
  return { row, connection, one, material, held, now: t.now }
}

async function create(step: Claimed): Promise<Pause> {
  const { row, one, material } = step
  if (material === null || step.connection.generation !== row.material_generation) return over(step, 'replaced')
  const said = await createKey(outside(step), one, material, row.id)
  if (!('material' in said)) return said.result === 'silent' && isEarly(step) ? later(step, said) : over(step, codeOf(said))
  return move(step, (t) => keep(step, t, said))
}

const keep = async ({ house, scope, row }: Claimed, t: Tx, { material, ends }: NewKey): Promise<NextRotation> => ({
  state: 'testing',
  held: await sealHeld(house, t, scope, row, material),
  keyEnds: ends,
})

async function testAndSwitch(step: Claimed): Promise<Pause> {
  const { house, scope, row, connection, one, material: old } = step
  const key = step.held as Material
  const said = await tryKey(outside(step), one, key)
  if (said.result === 'silent' && isEarly(step)) return later(step, said)
  if (said.result === 'refused' && row.failures < MOST_REFUSALS) return later(step, said)
  if (said.result !== 'done') return goUndo(step, codeOf(said))
  if (old === null) return goUndo(step, 'replaced')
  return move(step, async (t) => {
    const written = await writeMaterial(house, t, scope, connection.id, {
      expectedGeneration: row.material_generation,
      material: key,
      expiresAt: row.key_ends,
      refreshAt: connection.refresh_at,
      as: 'connection.rotated',
    })
    // Somebody stored another meanwhile: that one stays.
    if (!written) return { state: 'undoing', held: await sealHeld(house, t, scope, row, key), cause: 'replaced' }
    t.wake(topicOf(connection.id))
    return {
      state: 'overlapping',
      held: await sealHeld(house, t, scope, row, old),
      keyEnds: connection.expires_at,
      materialGeneration: written.generation,
      retireAt: new Date(t.now.getTime() + (one.rotate.overlap_seconds ?? OVERLAP_S) * 1_000),
    }
  })
}

/** The overlap is over: what is in use is tried once more. Where it fails, the old key is put back in its place. */
async function beforeRetiring(step: Claimed): Promise<Pause> {
  const { house, scope, row, connection, one, material, held } = step
  const old = held as Material
  // The connection is over, and the old key with it.
  if (material === null) return move(step, async (t) => ({ state: 'retiring', held: await sealHeld(house, t, scope, row, old) }))
  if (isSame(one.definition, material, old)) return over(step, 'put_back')
  const said = await tryKey(outside(step), one, material)
  if (said.result === 'silent' && isEarly(step)) return later(step, said)
  if (said.result === 'refused' && row.failures < MOST_REFUSALS) return later(step, said)
  if (said.result === 'done')
    return move(step, async (t) => ({ state: 'retiring', held: await sealHeld(house, t, scope, row, old) }))
  if (said.result === 'silent' || connection.generation !== row.material_generation) return over(step, codeOf(said))
  return move(step, async (t) => {
    await writeMaterial(house, t, scope, connection.id, {
      expectedGeneration: row.material_generation,
      material: old,
      expiresAt: row.key_ends,
      refreshAt: connection.refresh_at,
      as: 'connection.rotated',
    })
    t.wake(topicOf(connection.id))
    await tellEnd(step, t, 'new_key_refused')
    return { state: 'over', held: null, cause: 'new_key_refused' }
  })
}

async function retire(step: Claimed): Promise<Pause> {
  const { scope, row, connection, one, material, held } = step
  const said = await retireKey(outside(step), one, held as Material, material)
  if (said.result === 'silent' && isEarly(step)) return later(step, said)
  if (said.result !== 'done') return over(step, `retire_${codeOf(said)}`)
  return move(step, async (t) => {
    await tellConnection(t, scope, 'connection.key_retired', connection, { rotation_id: row.id })
    return { state: 'over', held: null }
  })
}

const goUndo = (step: Claimed, cause: string): Promise<Pause> =>
  move(step, async (t) => ({
    state: 'undoing',
    held: await sealHeld(step.house, t, step.scope, step.row, step.held as Material),
    cause,
  }))

/** The new key is ended, by the one that stayed. */
async function undo(step: Claimed): Promise<Pause> {
  const said = await retireKey(outside(step), step.one, step.held as Material, step.material)
  if (said.result === 'silent' && isEarly(step)) return later(step, said)
  return over(step, step.row.cause ?? 'undone')
}

type Held = Pick<Claimed, 'row' | 'claim' | 'scope' | 'house' | 'connection'>

const over = (step: Held, cause: string): Promise<Pause> =>
  move(step, async (t) => {
    await tellEnd(step, t, cause)
    return { state: 'over', held: null, cause }
  })

const tellEnd = ({ scope, row, connection }: Held, t: Tx, cause: string): Promise<string> =>
  tellConnection(t, scope, 'connection.rotation_failed', connection, { rotation_id: row.id, step: row.state, cause })

/** Guarded by the claim: what a process that was thought dead still brings is dropped with its transaction. */
async function move({ house, scope, row, claim }: Held, to: (t: Tx) => Promise<NextRotation>): Promise<Pause> {
  return tx(house.db, scope, async (t) => {
    const next = await to(t)
    if ((await moveRotationIf(t, scope, row, claim, next)) === 0) throw new Error(`The claim of rotation ${row.id} has lapsed.`)
    if (next.state === 'over') return null
    return next.retireAt ? next.retireAt.getTime() - t.now.getTime() : 0
  })
}

async function later({ house, scope, row, claim }: Held, said: Said): Promise<Pause> {
  await tx(house.db, scope, (t) => putOffRotation(t, scope, row, claim))
  const asked = said.result === 'done' ? null : said.pauseMs
  return Math.max(asked ?? 0, backoffMs(row.failures + 1, BACKOFF))
}

const isEarly = ({ row, now }: Claimed): boolean => now.getTime() - row.state_since.getTime() < TRIED_FOR_MS
const codeOf = (said: Said): string => (said.result === 'done' ? 'done' : said.code)
const outside = ({ house, scope, signal }: Claimed) => outsideOf(house, scope, signal)
