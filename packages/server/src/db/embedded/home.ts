// Where the state folder is when nobody says so. Makes nothing.
import { existsSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sha256Hex } from '../../crypto/token.ts'
import { chooseAccount, firstClosedFolder } from './account.ts'
import { dataFolder } from './cluster.ts'

const SHARED_STATE = '/var/lib/countersign'

/** `.countersign` in the working directory; for root, when PostgreSQL's account could not reach that, a folder of this directory's own under /var/lib. */
export function defaultHome(options: { cwd: string; isRoot: boolean }): string {
  const here = join(options.cwd, '.countersign')
  if (!options.isRoot) return here
  const data = dataFolder(here)
  const account = chooseAccount({ isRoot: true, data: existsSync(data) ? data : undefined })
  if (!account || !firstClosedFolder(options.cwd, account)) return here
  const cwd = realpathSync(options.cwd)
  return join(SHARED_STATE, `${basename(cwd)}-${sha256Hex(cwd).slice(0, 12)}`)
}
