// The secrets of Slack, sealed under the tenant's key and opened where they are used: never answered, never logged.
import { openText, sealText, type WrappingKey } from '../../../crypto/seal.ts'
import { Secret } from '../../../crypto/secret.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../../std/id.ts'
import type { TasksHouse } from '../../house.ts'
import { type AppRow, findApp, findInstallation, findInstallations, type InstallationRow } from './sql.ts'

type Table = 'slack_apps' | 'slack_installations'
const place = (scope: Scope, table: Table, column: string, row: string) => ({
  tenant: tenantWire(scope.tenantId),
  table,
  column,
  row,
})

export const sealSecret = (key: WrappingKey, scope: Scope, table: Table, column: string, row: string, text: string): Buffer =>
  sealText(key, place(scope, table, column, row), text)

export type App = Pick<AppRow, 'id' | 'app_id' | 'client_id'> & { clientSecret: Secret | null; signingSecret: Secret }

export async function openApp(house: TasksHouse, t: Tx, scope: Scope): Promise<App | null> {
  const row = await findApp(t, scope)
  if (!row) return null
  const key = await tenantKey(house, t, scope)
  const open = (column: 'client_secret' | 'signing_secret', sealed: Buffer) =>
    new Secret(openText(key, place(scope, 'slack_apps', column, row.id), sealed))
  return {
    id: row.id,
    app_id: row.app_id,
    client_id: row.client_id,
    clientSecret: row.client_secret && open('client_secret', row.client_secret),
    signingSecret: open('signing_secret', row.signing_secret),
  }
}

export type Installation = { row: InstallationRow; token: Secret }

const openInstallation = async (house: TasksHouse, t: Tx, scope: Scope, row: InstallationRow): Promise<Installation> => {
  const key = await tenantKey(house, t, scope)
  return { row, token: new Secret(openText(key, place(scope, 'slack_installations', 'bot_token', row.id), row.bot_token)) }
}

/** The named workspace, or the first that works where none is named. Null: there is none. */
export async function installationOf(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  teamId: string | null,
): Promise<Installation | null> {
  const row =
    teamId === null
      ? (await findInstallations(t, scope)).find(({ state }) => state === 'active')
      : await findInstallation(t, scope, teamId)
  return row ? openInstallation(house, t, scope, row) : null
}
