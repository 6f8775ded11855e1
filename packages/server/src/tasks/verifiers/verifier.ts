// Stored verifiers (T126): kept, changed, tried out, taken away. A task keeps what it was made with, so a change here concerns tasks that are asked later.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { writeJson } from '../../http/json.ts'
import { newId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { invalid } from '../settle.ts'
import { isModel, readVerifier, type Verifier } from './config.ts'
import { askModel } from './model.ts'
import { gateRules, notConfigured, withKey } from './prepare.ts'
import type { Question } from './prompt.ts'
import { keyFor, openAccess } from './provider-key.ts'
import { judgeByRules } from './rules.ts'
import {
  findProviderKeys,
  findVerifiers,
  insertVerifierIfNameIsFree,
  isNameTaken,
  listVerifiersBefore,
  removeVerifier,
  updateVerifier,
  type VerifierRow,
} from './sql.ts'

const show = ({ config, ...row }: VerifierRow) => {
  const { verifier_id: _, name: __, ...own } = config
  return { ...row, config: own }
}

export async function listVerifiers(house: TasksHouse, scope: Scope, { limit, cursor }: { limit: number; cursor?: string }) {
  const at = { tenantId: scope.tenantId, route: 'GET /verifiers', filter: {} }
  const read = async (t: Tx) => {
    const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
    const rows = await listVerifiersBefore(t, scope, before, limit + 1)
    const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
    return { ...page, data: page.data.map(show) }
  }
  return tx(house.db, scope, read, { readOnly: true })
}

export const getVerifier = (house: TasksHouse, scope: Scope, id: string) =>
  tx(house.db, scope, async (t) => show(await find(t, scope, id)), { readOnly: true })

export type VerifierInput = { name: string; config: unknown }

export async function createVerifier(house: TasksHouse, scope: Scope, input: VerifierInput) {
  const config = await checked(house, scope, input.config)
  return tx(house.db, scope, async (t) => {
    const id = newId('ver', t.now.getTime())
    if ((await insertVerifierIfNameIsFree(t, scope, id, input.name, writeJson(config))) === 0) throw taken()
    await tell(t, scope, id, config, 'added')
    return show(await find(t, scope, id))
  })
}

export async function changeVerifier(house: TasksHouse, scope: Scope, id: string, input: VerifierInput) {
  const config = await checked(house, scope, input.config)
  return tx(house.db, scope, async (t) => {
    if (await isNameTaken(t, scope, input.name, id)) throw taken()
    if ((await updateVerifier(t, scope, id, input.name, writeJson(config))) === 0) throw new Problem('not_found')
    await tell(t, scope, id, config, 'changed')
    return show(await find(t, scope, id))
  })
}

export const deleteVerifier = (house: TasksHouse, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const { config } = await find(t, scope, id)
    await removeVerifier(t, scope, id)
    await tell(t, scope, id, config, 'removed')
    return null
  })

const taken = () => invalid('/name', 'taken', 'Another verifier has this name.')

async function find(t: Tx, scope: Scope, id: string): Promise<VerifierRow> {
  const [row] = await findVerifiers(t, scope, [id])
  if (!row) throw new Problem('not_found')
  return row
}

const tell = (t: Tx, scope: Scope, id: string, config: Verifier, to: string) =>
  record(t, scope, 'settings.changed', { setting: 'verifier', id, provider: config.provider, to })

/** What would fail when an answer is there fails now: its form, its rules, its key. */
async function checked(house: TasksHouse, scope: Scope, given: unknown): Promise<Verifier> {
  const one = readVerifier(given, '/config')
  await gateRules(house, one, '/config')
  if (!isModel(one)) return one
  const keys = await tx(house.db, scope, (t) => findProviderKeys(t, scope), { readOnly: true })
  withKey(one, keys, '/config')
  return one
}

export type Trial = {
  task?: string
  description?: string | null
  payload?: Record<string, unknown> | null
  response?: Record<string, unknown> | null
  raw_text?: string | null
}

/** One answer judged now; nothing of it is stored. */
export async function tryVerifier(house: TasksHouse, scope: Scope, id: string, trial: Trial, signal: AbortSignal) {
  const read = async (t: Tx) => {
    const { config } = await find(t, scope, id)
    if (!isModel(config)) return { config, access: null }
    const keys = await findProviderKeys(t, scope)
    const bound = withKey(config, keys, '/config')
    const key = keyFor(keys, bound.provider, bound.connection)
    return { config: bound, access: key && (await openAccess(house, t, scope, key)) }
  }
  const { config, access } = await tx(house.db, scope, read, { readOnly: true })
  const { response = null, payload = null } = trial
  if (config.provider === 'rules') {
    const user = { id: scope.userId, email: null, display_name: scope.displayName }
    return told(await judgeByRules(house, config, { response, payload, action: null, user }))
  }
  if (!isModel(config)) throw invalid('/config', 'not_supported', 'An agent judges answers of its own tasks alone.')
  if (!access) return notConfigured('/config', 'Its key is gone.')
  const answered = await askModel(
    { door: house.door, tenantId: scope.tenantId, signal },
    config,
    access,
    questionOf(config, trial),
  )
  return 'verdict' in answered
    ? { ...told(answered.verdict), ...answered.spent }
    : { ...told(null), unavailable: answered.fault, ...answered.spent }
}

const questionOf = ({ instructions }: { instructions: string }, trial: Trial): Question => ({
  instructions,
  task: trial.task ?? 'A trial',
  description: trial.description ?? null,
  payload: trial.payload ?? null,
  action: null,
  response_schema: null,
  response: trial.response ?? null,
  raw_text: trial.raw_text ?? null,
  refusals: [],
})

type Told = { passed: boolean; reason: string | null; field_errors: object[]; parsed_response: object | null }
const told = (verdict: Told | null) => ({
  passed: verdict?.passed ?? null,
  reason: verdict?.reason ?? null,
  field_errors: verdict?.field_errors ?? [],
  parsed_response: verdict?.parsed_response ?? null,
  unavailable: null as string | null,
  input_tokens: 0,
  output_tokens: 0,
  cost: null as number | null,
})
