// The root key and what hangs on it, in the database and the key source that the settings name, with or without a server beside it.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { openDb, tx } from '../../db/tx.ts'
import { workRewraps } from '../../identity/keys-at-rest/rewrap/run.ts'
import {
  destroyRetiredTenantKeys,
  getRewrap,
  type RewrapView,
  startRewrap,
  view,
} from '../../identity/keys-at-rest/rewrap/start.ts'
import {
  addRootKey,
  destroyRootKey,
  type KeyringHouse,
  keepRootKey,
  promoteRootKey,
  retireRootKey,
} from '../../identity/keys-at-rest/root/root-key.ts'
import { type KeyringStatus, keyringStatus } from '../../identity/keys-at-rest/root/status.ts'
import { homeTenant } from '../../identity/sql.ts'
import { openKeyring, withDatabase } from '../../main/boot.ts'
import { type Config, processContext, readConfig } from '../../main/config.ts'
import { openLog } from '../../std/log.ts'

export type { KeyringStatus, RewrapView }

export const status = () => withRing(keyringStatus)
export const add = () => withRing(addRootKey)
export const promote = (version: number) => withRing((house, scope) => promoteRootKey(house, scope, version))
export const retire = (version: number) => withRing((house, scope) => retireRootKey(house, scope, version))
export const keep = (version: number) => withRing((house, scope) => keepRootKey(house, scope, version))
export const destroy = (version: number) => withRing((house, scope) => destroyRootKey(house, scope, version))
export const destroyRetired = () => withRing(destroyRetiredTenantKeys)

/** As an operator of the machine; the record is that of the installation's first tenant. */
async function withRing<T>(work: (house: KeyringHouse, scope: Scope) => Promise<T>): Promise<T> {
  const { env, context } = processContext()
  const config: Config = readConfig(env, context)
  const log = openLog({ level: 'warn', pretty: true })
  return withDatabase(config, log, async ({ runtimeUrl }) => {
    const db = await openDb({ url: runtimeUrl, log })
    try {
      const ring = await openKeyring(config, db, log, null)
      try {
        const { id } = await tx(db, systemScope('command'), homeTenant, { readOnly: true })
        if (id === null) throw new Problem('not_ready', { detail: 'Set the installation up first: countersign setup link.' })
        return await work({ db, keyring: ring.keyring, ring, log }, systemScope('command', id))
      } finally {
        await ring.close()
      }
    } finally {
      await db.close()
    }
  })
}

const LOOK_MS = 500

/** Works on it here; where a server is at it already, only looks on until it is done. */
export function rewrap(
  input: { tenant_id?: string; renew?: boolean; reseal?: boolean },
  say: (run: RewrapView) => void,
): Promise<RewrapView> {
  return withRing(async (house, scope) => {
    const { id } = await startRewrap(house, scope, input)
    const work = () => workRewraps(house, { told: (row) => say(view(row)) })
    await work()
    let run = await getRewrap(house, id)
    for (; run.state !== 'finished'; run = await getRewrap(house, id)) {
      say(run)
      await new Promise<void>((resume) => void setTimeout(resume, LOOK_MS))
      await work()
    }
    return run
  })
}
