// The proof at the start (P153), the same for every kind of process.
import type { Db } from '../../db/tx.ts'
import type { Log } from '../../std/log.ts'
import type { Config } from '../config.ts'
import { BootRefused } from '../refused.ts'
import { examine } from './examine.ts'
import { sayFinding } from './finding.ts'

/** P153: what fails keeps the server from listening; what only warns is said and passed over. */
export async function prove(config: Config, db: Db, log: Log): Promise<void> {
  const lines = await examine(config, db, log)
  for (const { code, what, mend } of lines.filter((line) => line.status === 'warn')) log.warn({ check: code, mend }, what)
  const failed = lines.filter((line) => line.status === 'fail')
  if (failed.length > 0) throw new BootRefused(failed.map(sayFinding))
}
