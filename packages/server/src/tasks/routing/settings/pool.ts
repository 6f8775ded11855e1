// Pools: named groups of users from which whoever is asked is taken (T93). Being in one grants nothing (T92).
import { type FieldError, Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../../../db/errors.ts'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { newId } from '../../../std/id.ts'
import type { TasksHouse } from '../../house.ts'
import { poolKey } from '../fallback.ts'
import type { Strategy } from '../form.ts'
import { findMembers, findPool, findPools, findRouting, lockPools } from '../sql.ts'
import { deletePool, findTaskAskedOf, insertPool, putMembers, updatePool, updateRouting } from './sql.ts'

export type PoolInput = {
  name: string
  description?: string
  strategy?: Strategy
  claim_seconds?: number | null
  members: string[]
}

type Row = Awaited<ReturnType<typeof findPools>>[number]
const shown = ({ id, name, description, strategy, claim_seconds, members, created_by, created_at, updated_at }: Row) => ({
  ...{ id, name, description, strategy, claim_seconds, members, created_by, created_at, updated_at },
})

export const listPools = (house: TasksHouse, scope: Scope) =>
  tx(house.db, scope, async (t) => ({ data: (await findPools(t, scope)).map(shown), next_cursor: null }), { readOnly: true })

export const getPool = (house: TasksHouse, scope: Scope, id: string) =>
  tx(house.db, scope, (t) => poolIn(t, scope, id), { readOnly: true })

async function poolIn(t: Tx, scope: Scope, id: string) {
  const pool = (await findPools(t, scope)).find((one) => one.id === id)
  if (!pool) throw new Problem('not_found')
  return shown(pool)
}

const invalid = (path: string, code: string, message: string): Problem => {
  const errors: FieldError[] = [{ path, code, message }]
  return new Problem('validation_failed', { errors })
}

async function checkMembers(t: Tx, scope: Scope, members: readonly string[]): Promise<string[]> {
  const known = new Map((await findMembers(t, scope, members)).map(({ user_id, active }) => [user_id, active]))
  const wrong = members.findIndex((id) => known.get(id) !== true)
  if (wrong >= 0) throw invalid(`/members/${wrong}`, 'user_unknown', 'There is no such active user.')
  return [...new Set(members)]
}

const readName = (name: string): string => {
  const read = name.trim()
  if (read === '') throw invalid('/name', 'blank', 'A pool has a name.')
  if (/^pool_/i.test(read)) throw invalid('/name', 'reserved', 'A name does not look like an id.')
  return read
}

async function orTaken<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    if (isUniqueViolation(error, 'pools_name')) throw invalid('/name', 'taken', 'Another pool has this name.')
    throw error
  }
}

const rowOf = (id: string, input: PoolInput) => ({
  id,
  name: readName(input.name),
  description: input.description ?? '',
  strategy: input.strategy ?? ('least_recent' as const),
  claim_seconds: input.claim_seconds ?? null,
})

export const createPool = (house: TasksHouse, scope: Scope, input: PoolInput) =>
  tx(house.db, scope, async (t) => {
    const id = newId('pool', t.now.getTime())
    const members = await checkMembers(t, scope, input.members)
    await orTaken(insertPool(t, scope, rowOf(id, input)))
    await putMembers(t, scope, id, members)
    const data = { members: members.length }
    await record(t, scope, 'pool.created', data, { resource: { type: 'pool', id }, after: { members } })
    return poolIn(t, scope, id)
  })

/** Whole: what is left out goes back to its default. */
export const changePool = (house: TasksHouse, scope: Scope, id: string, input: PoolInput) =>
  tx(house.db, scope, async (t) => {
    const [locked] = await lockPools(t, scope, [id])
    if (!locked) throw new Problem('not_found')
    const before = await poolIn(t, scope, id)
    const members = await checkMembers(t, scope, input.members)
    const next = rowOf(id, input)
    await orTaken(updatePool(t, scope, next))
    await putMembers(t, scope, id, members)
    const fields = (['name', 'description', 'strategy', 'claim_seconds'] as const).filter((name) => next[name] !== before[name])
    await record(
      t,
      scope,
      'pool.updated',
      { fields: [...fields, ...(String(before.members) === String([...members].sort()) ? [] : ['members'])] },
      { resource: { type: 'pool', id }, before: { members: before.members }, after: { members } },
    )
    return poolIn(t, scope, id)
  })

/** Not while anybody could be asked through it. */
export const removePool = (house: TasksHouse, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    if (!(await findPool(t, scope, id))) throw new Problem('not_found')
    const { default_pool_id, fallback_pool_id } = await findRouting(t, scope)
    if (id === default_pool_id || id === fallback_pool_id)
      throw new Problem('state_conflict', {
        detail: 'It is the default or the fallback pool of the tenant: choose another first.',
      })
    if (await findTaskAskedOf(t, scope, poolKey(id)))
      throw new Problem('state_conflict', { detail: 'Open tasks are asked of it.' })
    await deletePool(t, scope, id)
    await record(t, scope, 'pool.removed', {}, { resource: { type: 'pool', id } })
    return null
  })

type RoutingSettings = { default_pool_id: string | null; fallback_pool_id: string | null }

export const readRouting = (house: TasksHouse, scope: Scope): Promise<RoutingSettings> =>
  tx(house.db, scope, async (t) => settingsIn(t, scope), { readOnly: true })

async function settingsIn(t: Tx, scope: Scope): Promise<RoutingSettings> {
  const { default_pool_id, fallback_pool_id } = await findRouting(t, scope)
  return { default_pool_id, fallback_pool_id }
}

/** Null stands for those who run the work. */
export const changeRouting = (house: TasksHouse, scope: Scope, input: RoutingSettings): Promise<RoutingSettings> =>
  tx(house.db, scope, async (t) => {
    for (const name of ['default_pool_id', 'fallback_pool_id'] as const) {
      const id = input[name]
      if (id !== null && !(await findPool(t, scope, id))) throw invalid(`/${name}`, 'pool_unknown', 'There is no such pool.')
    }
    const before = await settingsIn(t, scope)
    await updateRouting(t, scope, input)
    await record(t, scope, 'routing.changed', {}, { before, after: input })
    return settingsIn(t, scope)
  })
