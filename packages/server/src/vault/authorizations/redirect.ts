// Out to the provider and back (V35): what the browser carries is a state that only this authorization knows; what comes back counts for its cookie alone, once.
import { Problem } from '@countersign/sdk'
import { sameBytes, sha256 } from '../../crypto/token.ts'
import { type Scope, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { clientFor } from './client-for.ts'
import { ofRow } from './device.ts'
import { fail, finishTokens } from './finish.ts'
import { endingInFailure, type Flow, outsideOf, problemOf, readFlow, readFlowAtProvider } from './flow.ts'
import { authorizationUrl, type CodeSecrets, exchangeCode, newCodeSecrets, type Returned } from './protocol/code.ts'
import { ProviderFault } from './protocol/fault.ts'
import type { ProviderClient, ProviderServer } from './protocol/server.ts'
import { clientAt } from './registered.ts'
import { sealFlow } from './secrets.ts'
import { serverFor } from './server-for.ts'
import { issuersOf, redirectUrl } from './show.ts'
import { type AuthorizationRow, beginProcessing, waitForUser } from './sql.ts'

/** The address to which the browser goes. Asked again, an older one is worth nothing. */
export async function leaveForProvider(house: VaultHouse, scope: Scope, id: string, issuer: string | undefined): Promise<string> {
  const flow = await tx(house.db, scope, (t) => readFlow(house, t, scope, id), { readOnly: true })
  try {
    const { server, client, clientId } = await partnersOf(house, scope, flow, issuer)
    const secrets = newCodeSecrets(server, flow.row.scopes)
    const extra = flow.definition.oauth?.extra_params ?? {}
    const url = await authorizationUrl(server, client, secrets, {
      redirectUri: redirectUrl(house),
      scopes: flow.row.scopes,
      extra,
    })
    await remember(house, scope, flow.row, secrets, clientId)
    return url
  } catch (error) {
    throw error instanceof ProviderFault ? problemOf(error) : error
  }
}

type Partners = { server: ProviderServer; client: ProviderClient; clientId: string }

async function partnersOf(house: VaultHouse, scope: Scope, flow: Flow, wanted: string | undefined): Promise<Partners> {
  const outside = outsideOf(house, scope)
  if (flow.row.method !== 'register') {
    const { id, client } = await tx(house.db, scope, (t) => clientFor(house, t, scope, flow.row.client_id), { readOnly: true })
    return { server: await serverFor(outside, { ...ofRow(flow), issuer: null }), client, clientId: id }
  }
  const issuer = chosen(issuersOf(flow.row), wanted)
  const { id, client } = await clientAt(house, scope, flow, issuer)
  return { server: await serverFor(outside, { ...ofRow(flow), issuer }), client, clientId: id }
}

function chosen(issuers: readonly string[], wanted: string | undefined): string {
  const issuer = wanted ?? (issuers.length === 1 ? issuers[0] : undefined)
  if (issuer !== undefined && issuers.includes(issuer)) return issuer
  throw new Problem('validation_failed', {
    errors: [{ path: '/issuer', code: 'one_of', message: 'Choose one of the servers that the provider names.' }],
  })
}

const remember = (
  house: VaultHouse,
  scope: Scope,
  row: AuthorizationRow,
  secrets: CodeSecrets,
  clientId: string,
): Promise<void> =>
  tx(house.db, scope, async (t) => {
    const generation = row.generation + 1
    const kept = {
      from: row.status,
      generation,
      secrets: await sealFlow(house, t, scope, row.id, generation, secrets),
      stateHash: sha256(secrets.state),
      clientId,
      server: null,
    }
    if ((await waitForUser(t, scope, row.id, kept)) === 0) throw new Problem('authorization_expired')
  })

/** What the provider sent back, with the cookie that belongs to it. True: it was taken, whatever came of it. */
export async function takeReturn(house: VaultHouse, scope: Scope, row: AuthorizationRow, returned: Returned): Promise<boolean> {
  // Before anything else is looked at: the same address in a second tab finds it taken.
  if ((await tx(house.db, scope, (t) => beginProcessing(t, scope, row.id, ['waiting_for_user']))) === 0) return false
  const fits = row.state_hash !== null && returned.state !== undefined && sameBytes(sha256(returned.state), row.state_hash)
  if (!fits) {
    await fail(house, scope, row, { code: 'state_invalid', said: null })
    return true
  }
  await endingInFailure(house, scope, row, async () => {
    const flow = await readFlowAtProvider(house, scope, row.id)
    const outside = outsideOf(house, scope)
    const server = await serverFor(outside, { ...ofRow(flow), issuer: flow.issuer })
    const { state = '', verifier = null, nonce = null } = flow.secrets ?? {}
    const tokens = await exchangeCode(outside, server, flow.client, { state, verifier, nonce }, returned, redirectUrl(house))
    await finishTokens(house, outside, scope, flow.row, flow.definition, tokens)
  })
  return true
}
