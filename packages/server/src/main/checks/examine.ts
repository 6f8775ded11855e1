// Every check of the start and of `countersign doctor` (P153), in the order in which a person would mend: settings, machine, database, rows, keys. Looks only.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '@countersign/sdk'
import { checkReach, checkSchema } from '../../db/check.ts'
import { systemScope } from '../../db/scope.ts'
import type { Db } from '../../db/tx.ts'
import { sealStatus } from '../../events/audit/status.ts'
import { findForbidden } from '../../identity/egress/allow.ts'
import { hasSealedRows } from '../../identity/keys-at-rest/tenant-key.ts'
import { checkActivePolicies } from '../../identity/policies/doctor.ts'
import type { Log } from '../../std/log.ts'
import { checkHeads } from '../audit.ts'
import { type Config, processContext } from '../config.ts'
import { checkPaths, checkProcess } from '../node/guards.ts'
import { checkDefinitions } from './definitions.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { checkSettings } from './settings.ts'
import { checkSurroundings } from './surroundings.ts'

/** All that the login of a proxy calls (V79). */
const PROXY_FUNCTIONS = ['revision', 'routes', 'policies', 'reserve', 'spend', 'settle', 'record', 'beat'].map(
  (name) => `proxy_${name}`,
)

export async function examine(config: Config, db: Db, log: Log): Promise<Finding[]> {
  const production = config.environment === 'production'
  const isProxy = config.roles.every((role) => role === 'proxy')
  const [place, schema] = await Promise.all([
    checkSurroundings(config),
    isProxy ? checkReach(db, PROXY_FUNCTIONS) : checkSchema(db, { production }),
  ])
  const own = [...checkProcess(config, processContext().env), ...(config.roles.includes('proxy') ? checkPaths(config) : [])]
  const found = [...checkSettings(config, db.clock.now()), ...own, ...place, ...checkDefinitions(), ...schema]
  // Rows are looked at where their tables are as they should be.
  const fits = !found.some(({ code, status }) => code === 'db.schema' && status === 'fail')
  return fits ? [...found, ...(await checkRows(config, db, log))] : found
}

/** For the doctor, who also has something to say when there is nothing to look at. */
export async function examineOrSay(config: Config, db: Db, log: Log): Promise<Finding[]> {
  try {
    return await examine(config, db, log)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    return [
      ...checkSettings(config, db.clock.now()),
      fail(
        'db.reach',
        `The database does not answer${cause}.`,
        'Check that PostgreSQL runs, and address, login and password in COUNTERSIGN_DATABASE_URL.',
      ),
    ]
  }
}

// A login that only takes callbacks or only keeps the house reads no such rows, and its process uses none (P18).
const readsRows = ({ roles }: Config): boolean => roles.includes('web') || roles.includes('worker') || roles.includes('relay')

const checkRows = async (config: Config, db: Db, log: Log): Promise<Finding[]> => [
  ...(readsRows(config) ? [...(await checkExceptions(db)), await checkActivePolicies(db)] : []),
  ...(config.roles.includes('maintenance') ? [await checkSeal(db, log), await checkHeads(config, db, log)] : []),
]

async function checkExceptions(db: Db): Promise<Finding[]> {
  return (await findForbidden(db)).map(({ tenant, target }) =>
    fail(
      'egress.allow',
      `The exception ${target} of ${tenant} may never be given.`,
      'Replace the list of that tenant: PUT /api/v1/egress/allow.',
    ),
  )
}

const LATE_SECONDS = 60

/** A warning and no refusal: the maintenance that would not start is the one that seals what waits. */
async function checkSeal(db: Db, log: Log): Promise<Finding> {
  const { lag_seconds } = await sealStatus({ db }, systemScope('check'))
  if (lag_seconds === null || lag_seconds <= LATE_SECONDS) return ok('audit.seal', 'no event waits long for its seal')
  log.debug({ lag_seconds }, 'events wait for their seal')
  return warn(
    'audit.seal',
    `The oldest event without a seal is ${Math.round(lag_seconds)} s old.`,
    'It is sealed as soon as maintenance runs; look again in a minute.',
  )
}

/** For the doctor: whether the root key opens what is sealed. The start finds that out by opening it. Makes no key. */
export async function checkRootKey(config: Config, db: Db, open: () => Promise<string>): Promise<Finding> {
  const isFresh = config.rootKey === null && !existsSync(join(config.home, 'keys', 'root.key')) && !(await hasSealedRows(db))
  if (isFresh) return ok('key.root', 'none yet; it is made at the first start')
  try {
    return ok('key.root', `opens what is sealed (${await open()})`)
  } catch (error) {
    return fail('key.root', error instanceof Error ? error.message.replace(/^key\.root: /, '') : String(error), null)
  }
}
