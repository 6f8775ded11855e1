// What each step of a flow reads before it calls a provider: the row, its definition, its client. Read in one transaction, used after it.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { definitionAt } from '../providers/catalogue.ts'
import type { Definition } from '../providers/definition.ts'
import { clientFor, type Registered } from './client-for.ts'
import { fail } from './finish.ts'
import { ProviderFault } from './protocol/fault.ts'
import type { Outside } from './protocol/server.ts'
import { type FlowSecrets, openFlow } from './secrets.ts'
import { type AuthorizationRow, findAuthorization } from './sql.ts'

export type Flow = { row: AuthorizationRow; definition: Definition }

export async function readFlow(house: VaultHouse, t: Tx, scope: Scope, id: string): Promise<Flow> {
  const row = await findAuthorization(t, scope, id)
  const definition = row && (await definitionAt(house, t, scope, row.provider, row.definition_version))
  if (!row || !definition) throw new Problem('not_found')
  return { row, definition }
}

export type FlowAtProvider = Flow & Registered & { secrets: FlowSecrets | null }

export const readFlowAtProvider = (house: VaultHouse, scope: Scope, id: string): Promise<FlowAtProvider> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const flow = await readFlow(house, t, scope, id)
      const secrets = flow.row.secrets === null ? null : await openFlow(house, t, scope, flow.row)
      return { ...flow, ...(await clientFor(house, t, scope, flow.row.client_id)), secrets }
    },
    { readOnly: true },
  )

export const outsideOf = (house: Pick<VaultHouse, 'door'>, scope: Scope, signal?: AbortSignal): Outside => ({
  door: house.door,
  tenantId: scope.tenantId,
  ...(signal ? { signal } : {}),
})

/** What the provider did wrong ends the authorization; anything else is thrown on, and its job or its expiry ends it. */
export async function endingInFailure(
  house: VaultHouse,
  scope: Scope,
  row: AuthorizationRow,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    house.log.info(
      { authorization: row.id, provider: row.provider, code: error.code, status: error.status },
      'a provider gave no credential',
    )
    await fail(house, scope, row, error)
  }
}

/** For whoever waits at a page or a call. */
export const problemOf = (fault: ProviderFault): Problem =>
  new Problem(
    'provider_error',
    { reason: fault.code, said: fault.said, ...(fault.status === null ? {} : { upstream_status: fault.status }) },
    { cause: fault },
  )
