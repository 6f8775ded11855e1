// The statements over rotations of keys. A step is claimed by compare-and-swap on its state; whoever holds no claim writes nothing.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

/** `over`: settled; why stands in `cause`, and null there means that the old key is retired. */
type RotationState = 'creating' | 'testing' | 'overlapping' | 'retiring' | 'undoing' | 'over'

export type RotationRow = {
  id: string
  connection_id: string
  state: RotationState
  state_since: Date
  /** Of the connection's material: from which it began, and after the switch the one that it wrote. */
  material_generation: number
  /** The key that is not in use: the new one until the switch, the old one after it. */
  held: Buffer | null
  generation: number
  key_ends: Date | null
  retire_at: Date | null
  claimed_until: Date | null
  /** Calls of this state that were not answered. */
  failures: number
  cause: string | null
  started_at: Date
}

const COLUMNS: Sql = sql`id, connection_id, state, state_since, material_generation::float8 as material_generation, held,
  generation::float8 as generation, key_ends, retire_at, claimed_until, failures, cause, started_at`

/** Null: one is under way. */
export const insertRotation = (
  t: Tx,
  scope: Scope,
  one: { id: string; connectionId: string; materialGeneration: number },
) => t.maybe<{ id: string }>`
  insert into rotations (id, tenant_id, connection_id, state, state_since, material_generation, started_by, started_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.connectionId}::text, 'creating', ${t.now}::timestamptz,
    ${one.materialGeneration}::bigint, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, connection_id) where state <> 'over' do nothing
  returning id`

export const findRotation = (t: Tx, scope: Scope, id: string) => t.maybe<RotationRow>`
  select ${COLUMNS} from rotations where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** Free, or left behind by a process that was killed. Guarded by what was read. */
export const claimRotation = (t: Tx, scope: Scope, row: RotationRow, claim: string, until: Date) => t.run`
  update rotations set claim = ${claim}::text, claimed_until = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${row.id}::text and state = ${row.state}::text
    and generation = ${row.generation}::bigint and (claimed_until is null or claimed_until <= ${t.now}::timestamptz)`

export type NextRotation = {
  state: RotationState
  held: Buffer | null
  materialGeneration?: number
  /** Of the key that is held; unless named as it was. */
  keyEnds?: Date | null
  retireAt?: Date | null
  cause?: string | null
}

/** Zero rows: the claim lapsed, and another has it. */
export const moveRotationIf = (t: Tx, scope: Scope, row: RotationRow, claim: string, to: NextRotation) => t.run`
  update rotations set state = ${to.state}::text, state_since = ${t.now}::timestamptz, held = ${to.held}::bytea, generation = generation + 1,
    material_generation = coalesce(${to.materialGeneration ?? null}::bigint, material_generation),
    key_ends = case when ${to.keyEnds === undefined}::boolean then key_ends else ${to.keyEnds ?? null}::timestamptz end,
    retire_at = coalesce(${to.retireAt ?? null}::timestamptz, retire_at),
    cause = coalesce(${to.cause ?? null}::text, cause), failures = 0, claim = null, claimed_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${row.id}::text and claim = ${claim}::text`

export const putOffRotation = (t: Tx, scope: Scope, row: RotationRow, claim: string) => t.run`
  update rotations set failures = failures + 1, claim = null, claimed_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${row.id}::text and claim = ${claim}::text`

export type ShownRotation = Pick<RotationRow, 'connection_id' | 'state' | 'retire_at' | 'cause' | 'started_at'>

/** The newest of each. */
export const rotationsOf = (t: Tx, scope: Scope, connectionIds: readonly string[]) => t.rows<ShownRotation>`
  select distinct on (connection_id) connection_id, state, retire_at, cause, started_at from rotations
  where tenant_id = ${scope.tenantId}::uuid and connection_id = any (${connectionIds}::text[])
  order by connection_id, id desc`
