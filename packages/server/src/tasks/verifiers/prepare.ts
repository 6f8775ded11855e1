// The verifiers of a task that is about to be made (T65, T126, T133): what is named is found, what would fail when the answer is there is refused now. The task
// keeps them as they are at this moment.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { taskSettingsIn } from '../time/defaults.ts'
import type { Dialect } from '../wire.ts'
import { fromCompatible } from './compatible.ts'
import { isModel, type ModelVerifier, type Named, readVerifiers, refuse, type Verifier } from './config.ts'
import { keyFor } from './provider-key.ts'
import { findProviderKeys, findVerifiers, type ProviderKeyRow } from './sql.ts'

export type PreparedVerifiers = { verifiers: Verifier[] | null; skipped: 'skipped_redacted' | null }
const NONE: PreparedVerifiers = { verifiers: null, skipped: null }

const PATH = '/verifier_config'

/** `redacted`: the task hides content from notices or from more. */
export async function prepareVerifiers(
  house: TasksHouse,
  scope: Scope,
  given: unknown,
  about: { redacted: boolean; dialect: Dialect },
): Promise<PreparedVerifiers> {
  if (given === null || given === undefined) return NONE
  const { named, hint } = about.dialect === 'native' ? { named: readVerifiers(given, PATH), hint: null } : compatible(given)
  const rows = await tx(house.db, scope, (t) => readAll(t, scope, named), { readOnly: true })
  const verifiers = named.map((one) => found(one, rows))
  for (const [i, one] of verifiers.entries()) await gateRules(house, one, (named[i] as Named).path)
  const bound = verifiers.map((one, i) => (isModel(one) ? withKey(one, rows.keys, (named[i] as Named).path, hint) : one))
  refuseAgentsOfNobody(bound, scope)
  const redacted = about.redacted || rows.hidesAnyway
  if (!redacted || !bound.some((one) => isModel(one) && !one.allow_redacted)) return { verifiers: bound, skipped: null }
  if (about.dialect === 'compatible') return { verifiers: null, skipped: 'skipped_redacted' }
  const message = 'A model would be sent what this task hides: drop one of both, or set allow_redacted.'
  throw new Problem('verifier_conflicts_with_redaction', { errors: [{ path: PATH, code: 'redacted', message }] })
}

function compatible(given: unknown): { named: Named[]; hint: string | null } {
  const { config, hint } = fromCompatible(given as Record<string, unknown>)
  return { named: readVerifiers(config, PATH), hint }
}

/** `hidesAnyway`: the tenant lets no task show everything. */
type Rows = { keys: ProviderKeyRow[]; stored: Map<string, Verifier>; hidesAnyway: boolean }

async function readAll(t: Tx, scope: Scope, named: readonly Named[]): Promise<Rows> {
  const ids = named.flatMap((one) => ('id' in one ? [one.id] : []))
  const stored = ids.length === 0 ? [] : await findVerifiers(t, scope, ids)
  const keys = await findProviderKeys(t, scope)
  const hidesAnyway = (await taskSettingsIn(t, scope)).redact !== 'none'
  return {
    keys,
    hidesAnyway,
    stored: new Map(stored.map((row) => [row.id, { ...row.config, verifier_id: row.id, name: row.name }])),
  }
}

function found(one: Named, { stored }: Rows): Verifier {
  if ('verifier' in one) return one.verifier
  return stored.get(one.id) ?? notConfigured(one.path, 'There is no such verifier.')
}

export const notConfigured = (path: string, message: string): never =>
  refuse([{ path, code: 'verifier_not_configured', message }], 'verifier_not_configured')

/** What the rules say is judged like any schema that is sent here (T73, T74). */
export async function gateRules(house: Pick<TasksHouse, 'forms'>, one: Verifier, path: string): Promise<void> {
  if (one.provider !== 'rules') return
  for (const [i, { schema }] of one.rules.entries())
    await house.forms.gate(schema, `${path}/rules/${i}/schema`, { mustBeObject: false })
}

/** Bound to its key by name, so that another default later changes nothing; a hint counts only if such a key is there. */
export function withKey(
  one: ModelVerifier,
  keys: readonly ProviderKeyRow[],
  path: string,
  hint: string | null = null,
): ModelVerifier {
  const row = (hint === null ? null : keyFor(keys, one.provider, hint)) ?? keyFor(keys, one.provider, one.connection)
  if (!row) {
    const which =
      one.connection === null ? `No key of ${one.provider} is set up` : `There is no key ${one.connection} of ${one.provider}`
    return notConfigured(one.connection === null ? path : `${path}/connection`, `${which} for this tenant.`)
  }
  const errors: FieldError[] = []
  if (one.base_url !== null && one.base_url.replace(/\/+$/, '') !== row.base_url)
    errors.push({ path: `${path}/base_url`, code: 'address', message: 'The key that would be used goes to another address.' })
  const model = one.model ?? row.model
  if (model === null && one.deployment === null)
    errors.push({ path: `${path}/model`, code: 'required', message: 'Name a model here, or with the key of the provider.' })
  if (errors.length > 0) refuse(errors, 'verifier_not_configured')
  return { ...one, model, connection: row.name, base_url: row.base_url }
}

function refuseAgentsOfNobody(verifiers: readonly Verifier[], scope: Scope): void {
  const at = verifiers.findIndex((one) => one.provider === 'agent')
  if (at < 0) return
  if (scope.agentId === null) notConfigured(PATH, 'Only an agent that asks can check the answers itself.')
}
