// The audit log's wiring: what opens its side envelopes, the witness behind the guarded door, and the loop that seals where this process does maintenance.
import { join } from 'node:path'
import type { Keyring } from '../crypto/keyring.ts'
import type { Db } from '../db/tx.ts'
import type { Door } from '../egress/fetch.ts'
import { postOrProblem } from '../egress/post.ts'
import { openHeadMemory } from '../events/audit/heads.ts'
import type { AuditHouse } from '../events/audit/house.ts'
import { openSealer, type Sealer, shorterLogs } from '../events/audit/sealing.ts'
import type { Witness } from '../events/audit/witness.ts'
import { openOrigins } from '../identity/origin.ts'
import type { Log } from '../std/log.ts'
import { type Finding, ok, warn } from './checks/finding.ts'
import type { Config } from './config.ts'

type Ground = { config: Config; db: Db; keyring: Keyring; log: Log; origin(): string }

export const auditHouse = ({ db, keyring, log, origin }: Ground): AuditHouse => ({
  db,
  keyring,
  log,
  origin,
  openOrigins: (t, scope, hashes) => openOrigins({ db, keyring }, t, scope, hashes),
})

/** Undefined: no witness is named. */
export function witnessOf({ config }: Pick<Ground, 'config'>, door: Door): Witness | undefined {
  if (!config.auditWitnessUrl) return undefined
  return {
    url: config.auditWitnessUrl.href,
    async post({ url, body, signal, tenantId }) {
      const headers = { 'content-type': 'text/plain; charset=utf-8' }
      const { status, excerpt } = await postOrProblem(door, { tenantId, url, body, headers, signal })
      return { status, text: excerpt }
    },
  }
}

const headMemory = (config: Config, log: Log) => openHeadMemory(join(config.home, 'audit-heads.json'), log)

/** For the doctor: whether every log is at least as long as it was when it was last signed from here. A start goes on, for the start is what tells it in the record. */
export async function checkHeads(config: Config, db: Db, log: Log): Promise<Finding> {
  const shorter = await shorterLogs({ db }, headMemory(config, log))
  if (shorter.length === 0) return ok('audit.head', 'no log is shorter than it was')
  return warn(
    'audit.head',
    `The record of ${shorter.slice(0, 3).join(', ')}${shorter.length > 3 ? ` and ${shorter.length - 3} more` : ''} is shorter than it was: the database was set back.`,
    'If nobody restored it on purpose, compare an export with a note that you kept: countersign audit verify --against.',
  )
}

/** Once the server listens: the log's name is made of where it is reached. */
export function startSealing({ config }: Pick<Ground, 'config'>, house: AuditHouse): Sealer | null {
  if (!config.roles.includes('maintenance')) return null
  return openSealer(house, { memory: headMemory(config, house.log) })
}
