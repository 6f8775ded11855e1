// Every statement over verifiers, the keys of their providers, and the states in which an answer is with one. A transition is one conditional update (T12):
// it names the answer and the verifier that it settles, so whoever comes late matches nothing.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { OPEN, type TaskRow } from '../sql.ts'
import type { ModelProvider, Verifier } from './config.ts'

export type ProviderKeyRow = {
  name: string
  provider: ModelProvider
  material: Buffer | null
  base_url: string | null
  is_default: boolean
  model: string | null
  input_price: number | null
  output_price: number | null
  created_by: string
  created_at: Date
  updated_at: Date
}

const KEY = sql`name, provider, material, base_url, is_default, model, input_price, output_price, created_by, created_at, updated_at`

export const findProviderKeys = (t: Tx, scope: Scope) => t.rows<ProviderKeyRow>`
  select ${KEY} from provider_keys where tenant_id = ${scope.tenantId}::uuid order by name`

export const findProviderKey = (t: Tx, scope: Scope, name: string) => t.maybe<ProviderKeyRow>`
  select ${KEY} from provider_keys where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text`

export type NewProviderKey = Omit<ProviderKeyRow, 'created_by' | 'created_at' | 'updated_at'>

// Serialises the changes of one tenant's keys, so that a provider has one default and the bound on their number holds.
export const lockProviderKeys = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(x'70726b00'::integer, hashtext(${scope.tenantId}::text))`

export const clearDefault = (t: Tx, scope: Scope, provider: string, except: string) => t.run`
  update provider_keys set is_default = false
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and is_default and name <> ${except}::text`

export const upsertProviderKey = (t: Tx, scope: Scope, one: NewProviderKey) => t.run`
  insert into provider_keys (name, tenant_id, provider, material, base_url, is_default, model, input_price, output_price, created_by, created_at, updated_at)
  values (${one.name}::text, ${scope.tenantId}::uuid, ${one.provider}::text, ${one.material}::bytea, ${one.base_url}::text, ${one.is_default}::boolean,
    ${one.model}::text, ${one.input_price}::double precision, ${one.output_price}::double precision, ${scope.principal}::text,
    ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (tenant_id, name) do update set provider = excluded.provider, material = excluded.material, base_url = excluded.base_url,
    is_default = excluded.is_default, model = excluded.model, input_price = excluded.input_price, output_price = excluded.output_price,
    updated_at = excluded.updated_at`

export const deleteProviderKeyRow = (t: Tx, scope: Scope, name: string) => t.run`
  delete from provider_keys where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text`

export type VerifierRow = {
  id: string
  name: string
  version: number
  config: Verifier
  created_by: string
  created_at: Date
  updated_at: Date
}

const VERIFIER = sql`id, name, version, config, created_by, created_at, updated_at`

export const listVerifiersBefore = (t: Tx, scope: Scope, before: string | null, limit: number) => t.rows<VerifierRow>`
  select ${VERIFIER} from verifiers where tenant_id = ${scope.tenantId}::uuid and deleted_at is null
    ${before === null ? sql`` : sql`and id < ${before}::text`}
  order by id desc limit ${limit}::integer`

export const findVerifiers = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<VerifierRow>`
  select ${VERIFIER} from verifiers where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and deleted_at is null`

export const insertVerifierIfNameIsFree = (t: Tx, scope: Scope, id: string, name: string, config: string) => t.run`
  insert into verifiers (id, tenant_id, name, config, created_by, created_at, updated_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${name}::text, ${config}::json, ${scope.principal}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (tenant_id, lower(name)) where deleted_at is null do nothing`

export const isNameTaken = (t: Tx, scope: Scope, name: string, by: string) => t.maybe<{ id: string }>`
  select id from verifiers where tenant_id = ${scope.tenantId}::uuid and deleted_at is null and lower(name) = lower(${name}::text) and id <> ${by}::text`

export const updateVerifier = (t: Tx, scope: Scope, id: string, name: string, config: string) => t.run`
  update verifiers set name = ${name}::text, config = ${config}::json, version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and deleted_at is null`

export const removeVerifier = (t: Tx, scope: Scope, id: string) => t.run`
  update verifiers set deleted_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and deleted_at is null`

/** An answer that is about to be handed to a verifier, or was refused by a rule on the spot. */
export type Held = {
  taskId: string
  decisionId: string
  revision: number
  outcome: string
  unlessHeldByAnother: string | null
}

const stillOpen = (t: Tx, scope: Scope, one: Held): Sql => sql`
  tenant_id = ${scope.tenantId}::uuid and id = ${one.taskId}::text and status = any(${OPEN}::text[]) and revision = ${one.revision}::integer
    and deadline_at > ${t.now}::timestamptz
    and (${one.unlessHeldByAnother}::text is null or assigned_to_user_id is null or assigned_to_user_id = ${one.unlessHeldByAnother}::text)`

/** open, returned → verifying. */
export const verifyIfOpen = (t: Tx, scope: Scope, one: Held, position: number) => t.maybe<TaskRow>`
  update tasks set status = 'verifying', verifying_at = ${t.now}::timestamptz, verifying_decision_id = ${one.decisionId}::text,
    verifying_position = ${position}::smallint, verifying_outcome = ${one.outcome}::text, version = version + 1, updated_at = ${t.now}::timestamptz
  where ${stillOpen(t, scope, one)}
  returning *`

export type By = { user_id: string | null; email: string | null; display_name: string; channel: string }

function refused(t: Tx, { uses, most, result, by }: Refusal): Sql {
  const ends = sql`(${uses}::integer > 0 and verification_attempt + ${uses}::integer >= ${most}::integer)`
  return sql`
    status = case when ${ends} then 'verification_exhausted' else 'returned' end, verification_attempt = verification_attempt + ${uses}::integer,
    returned_at = case when ${ends} then returned_at else ${t.now}::timestamptz end,
    verification_exhausted_at = case when ${ends} then ${t.now}::timestamptz end,
    completed_by_user_id = case when ${ends} then ${by.user_id}::text end, completed_by_email = case when ${ends} then ${by.email}::text end,
    completed_by_display_name = case when ${ends} then ${by.display_name}::text end,
    completed_via_channel = case when ${ends} then ${by.channel}::text end,
    verifier_result = ${result}::bytea, verifying_decision_id = null, verifying_position = null, verifying_outcome = null,
    version = version + 1, updated_at = ${t.now}::timestamptz`
}

export type Refusal = { uses: 0 | 1; most: number; result: Buffer | null; by: By }

/** open, returned → returned, verification_exhausted: a rule refused the answer in the transaction that brought it. */
export const refuseIfOpen = (t: Tx, scope: Scope, one: Held, refusal: Refusal) => t.maybe<TaskRow>`
  update tasks set ${refused(t, refusal)} where ${stillOpen(t, scope, one)} returning *`

/** Which answer at which verifier. */
export type At = { taskId: string; decisionId: string; position: number }

const isThere = (scope: Scope, { taskId, decisionId, position }: At): Sql => sql`
  tenant_id = ${scope.tenantId}::uuid and id = ${taskId}::text and status = 'verifying' and verifying_decision_id = ${decisionId}::text
    and verifying_position = ${position}::smallint`

/** verifying → returned, verification_exhausted. The deadline rested meanwhile, an hour at most (T14). */
export const refuseIfVerifying = (t: Tx, scope: Scope, at: At, refusal: Refusal) => t.maybe<TaskRow>`
  update tasks set ${refused(t, refusal)},
    deadline_at = deadline_at + least(${t.now}::timestamptz - verifying_at, interval '1 hour')
  where ${isThere(scope, at)} returning *`

/** verifying → completed. */
export const completeIfVerifying = (
  t: Tx,
  scope: Scope,
  at: At,
  end: { response: Buffer | null; result: Buffer | null; by: By },
) => t.maybe<TaskRow>`
  update tasks set status = 'completed', outcome = verifying_outcome, response = ${end.response}::bytea, verifier_result = ${end.result}::bytea,
    completed_by_user_id = ${end.by.user_id}::text, completed_by_email = ${end.by.email}::text,
    completed_by_display_name = ${end.by.display_name}::text, completed_via_channel = ${end.by.channel}::text,
    completed_at = ${t.now}::timestamptz, verifying_decision_id = null, verifying_position = null, verifying_outcome = null,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where ${isThere(scope, at)} returning *`

/** One vote of several was refused (T16): the task stays with the others, unless its attempts are used up. Its row is locked by the caller. */
export const refuseVote = (t: Tx, scope: Scope, taskId: string, { uses, most, result, by }: Refusal) => {
  const ends = sql`(${uses}::integer > 0 and verification_attempt + ${uses}::integer >= ${most}::integer)`
  return t.maybe<TaskRow>`
    update tasks set status = case when ${ends} then 'verification_exhausted' else status end,
      verification_exhausted_at = case when ${ends} then ${t.now}::timestamptz end, verification_attempt = verification_attempt + ${uses}::integer,
      completed_by_user_id = case when ${ends} then ${by.user_id}::text end, completed_by_email = case when ${ends} then ${by.email}::text end,
      completed_by_display_name = case when ${ends} then ${by.display_name}::text end,
      completed_via_channel = case when ${ends} then ${by.channel}::text end, verifier_result = ${result}::bytea, version = version + 1,
      updated_at = ${t.now}::timestamptz
    where tenant_id = ${scope.tenantId}::uuid and id = ${taskId}::text and status = any(${OPEN}::text[])
    returning *`
}

/** The page of a task shows that an answer is looked at. */
export const touch = (t: Tx, scope: Scope, taskId: string) => t.maybe<TaskRow>`
  update tasks set version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${taskId}::text and status = any(${OPEN}::text[])
  returning *`

/** On to another verifier of the list. */
export const advanceIfVerifying = (t: Tx, scope: Scope, at: At, position: number) => t.maybe<TaskRow>`
  update tasks set verifying_position = ${position}::smallint, version = version + 1, updated_at = ${t.now}::timestamptz
  where ${isThere(scope, at)} returning *`

export const setDecisionState = (t: Tx, scope: Scope, id: string, state: 'counted' | 'returned') => t.run`
  update decisions set state = ${state}::text where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'pending'`

export type RunState = 'waiting' | 'passed' | 'refused' | 'accepted' | 'returned' | 'overridden' | 'ended'
export type RunRow = {
  id: string
  task_id: string
  decision_id: string
  position: number
  provider: string
  model: string | null
  verifier_id: string | null
  state: RunState
  tries: number
  fault: string | null
  input_tokens: number
  output_tokens: number
  cost: number | null
  verdict: Buffer | null
  started_at: Date
  ended_at: Date | null
}

const RUN = sql`id, task_id, decision_id, position, provider, model, verifier_id, state, tries, fault, input_tokens::float8 as input_tokens,
  output_tokens::float8 as output_tokens, cost, verdict, started_at, ended_at`

export type NewRun = Pick<
  RunRow,
  'id' | 'task_id' | 'decision_id' | 'position' | 'provider' | 'model' | 'verifier_id' | 'state' | 'verdict'
>

export const insertRun = (t: Tx, scope: Scope, one: NewRun) => t.run`
  insert into verifier_runs (id, tenant_id, task_id, decision_id, position, provider, model, verifier_id, state, verdict, started_at, ended_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.task_id}::text, ${one.decision_id}::text, ${one.position}::smallint, ${one.provider}::text,
    ${one.model}::text, ${one.verifier_id}::text, ${one.state}::text, ${one.verdict}::bytea, ${t.now}::timestamptz,
    ${one.state === 'waiting' ? null : t.now}::timestamptz)`

export const findRuns = (t: Tx, scope: Scope, taskId: string) => t.rows<RunRow>`
  select ${RUN} from verifier_runs where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text order by id`

export type Spent = { input_tokens: number; output_tokens: number; cost: number | null }

/** One more try, and what it cost; a verdict was not among it. Answers how many there were. */
export const countTry = (t: Tx, scope: Scope, at: At, fault: string, spent: Spent) => t.maybe<{
  tries: number
  started_at: Date
}>`
  update verifier_runs set tries = tries + 1, fault = ${fault}::text, input_tokens = input_tokens + ${spent.input_tokens}::bigint,
    output_tokens = output_tokens + ${spent.output_tokens}::bigint,
    cost = case when ${spent.cost}::double precision is null then cost else coalesce(cost, 0) + ${spent.cost}::double precision end
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${at.taskId}::text and decision_id = ${at.decisionId}::text
    and position = ${at.position}::smallint and state = 'waiting'
  returning tries, started_at`

export const endRun = (t: Tx, scope: Scope, at: At, state: RunState, verdict: Buffer | null, spent: Spent | null) => t.run`
  update verifier_runs set state = ${state}::text, verdict = ${verdict}::bytea, ended_at = ${t.now}::timestamptz,
    tries = tries + ${spent === null ? 0 : 1}::integer, fault = ${state === 'accepted' || state === 'returned' ? sql`fault` : sql`null`},
    input_tokens = input_tokens + ${spent?.input_tokens ?? 0}::bigint, output_tokens = output_tokens + ${spent?.output_tokens ?? 0}::bigint,
    cost = case when ${spent?.cost ?? null}::double precision is null then cost else coalesce(cost, 0) + ${spent?.cost ?? null}::double precision end
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${at.taskId}::text and decision_id = ${at.decisionId}::text
    and position = ${at.position}::smallint and state = 'waiting'`

/** The answer is with no verifier any more, for another reason than its verdict. */
export const endRunsOf = (t: Tx, scope: Scope, taskId: string, decisionId: string) => t.run`
  update verifier_runs set state = 'ended', ended_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and decision_id = ${decisionId}::text and state = 'waiting'`
