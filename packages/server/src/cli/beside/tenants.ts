// The tenants of an installation, in the database that the settings name; their records say system:cli.
import { systemScope } from '../../db/scope.ts'
import { openDb } from '../../db/tx.ts'
import type { IdentityHouse } from '../../identity/house.ts'
import {
  changeTenantState,
  listAllTenants,
  type MadeTenant,
  makeTenant,
  type Plate,
  type StateChange,
} from '../../identity/tenants/tenant.ts'
import { openIdentity, withDatabase } from '../../main/boot.ts'
import { processContext, readConfig } from '../../main/config.ts'
import { openLog } from '../../std/log.ts'

const by = systemScope('cli')
/** Whoever has this shell has the database: nobody is slowed down. */
const UNLIMITED = { take: async () => undefined, clear: async () => undefined }

export type { Plate, StateChange }

export const newTenant = (name: string, owner: string): Promise<MadeTenant> =>
  inHouse((house) => makeTenant(house, by, { name, owner_email: owner }, UNLIMITED))

export const changeTenant = (id: string, to: StateChange): Promise<Plate> =>
  inHouse((house) => changeTenantState(house, by, id, to))

export const allTenants = (): Promise<Plate[]> =>
  inHouse(async (house) => {
    const rows: Plate[] = []
    for (;;) {
      const page = await listAllTenants(house, by, { from: rows.at(-1)?.id ?? null, limit: 200 })
      rows.push(...page)
      if (page.length < 200) return rows
    }
  })

/** The house of identity on the database that the settings name. */
async function inHouse<T>(work: (house: IdentityHouse) => Promise<T>): Promise<T> {
  const { env, context } = processContext()
  const config = readConfig(env, context)
  const log = openLog({ level: 'warn', pretty: true })
  return withDatabase(config, log, async ({ runtimeUrl }) => {
    const db = await openDb({ url: runtimeUrl, listen: false })
    try {
      return await work(await openIdentity(config, db, log))
    } finally {
      await db.close()
    }
  })
}
