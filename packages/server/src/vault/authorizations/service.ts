// The token of the service itself (V42): no human, no page. The client's secret is all that it takes.
import { type Scope, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { ofRow } from './device.ts'
import { finishTokens } from './finish.ts'
import { endingInFailure, outsideOf, readFlow, readFlowAtProvider } from './flow.ts'
import { clientCredentials } from './protocol/grants.ts'
import { serverFor } from './server-for.ts'
import { beginProcessing } from './sql.ts'

export async function connectService(house: VaultHouse, scope: Scope, id: string): Promise<void> {
  const { row } = await tx(house.db, scope, (t) => readFlow(house, t, scope, id), { readOnly: true })
  if ((await tx(house.db, scope, (t) => beginProcessing(t, scope, id, ['pending']))) === 0) return
  await endingInFailure(house, scope, row, async () => {
    const flow = await readFlowAtProvider(house, scope, id)
    const outside = outsideOf(house, scope)
    const server = await serverFor(outside, { ...ofRow(flow), issuer: flow.issuer })
    const wanted = { scopes: row.scopes, extra: flow.definition.oauth?.extra_params ?? {} }
    await finishTokens(
      house,
      outside,
      scope,
      flow.row,
      flow.definition,
      await clientCredentials(outside, server, flow.client, wanted),
    )
  })
}
