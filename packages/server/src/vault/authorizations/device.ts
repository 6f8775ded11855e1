// The device flow (V37): a code for the human, and a job that asks until they have said yes. No process waits; the row says when the next question may be asked,
// and of several processes one asks it.
import { enqueue } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { fail, finishTokens, settle } from './finish.ts'
import { endingInFailure, type FlowAtProvider, outsideOf, readFlow, readFlowAtProvider } from './flow.ts'
import { ProviderFault } from './protocol/fault.ts'
import { type DeviceCode, pollDevice, startDevice } from './protocol/grants.ts'
import { sealFlow } from './secrets.ts'
import { serverFor } from './server-for.ts'
import {
  type AuthorizationRow,
  beginProcessing,
  findAuthorization,
  setInterval,
  showDevice,
  takePoll,
  waitForUser,
} from './sql.ts'

/** `slow_down` adds so much each time (RFC 8628 §3.5). */
const SLOWER = 5
const LONGEST_INTERVAL = 300

export async function beginDevice(house: VaultHouse, scope: Scope, id: string): Promise<void> {
  const { row } = await tx(house.db, scope, (t) => readFlow(house, t, scope, id), { readOnly: true })
  if ((await tx(house.db, scope, (t) => beginProcessing(t, scope, id, ['pending']))) === 0) return
  await endingInFailure(house, scope, row, async () => {
    const flow = await readFlowAtProvider(house, scope, id)
    const outside = outsideOf(house, scope)
    const server = await serverFor(outside, { ...ofRow(flow), issuer: flow.issuer })
    const code = await startDevice(outside, server, flow.client, flow.definition.oauth?.device_style ?? 'form', row.scopes)
    await tx(house.db, scope, (t) => showCode(house, t, scope, flow.row, code))
  })
}

export const ofRow = ({ definition, row }: Pick<FlowAtProvider, 'definition' | 'row'>) => ({
  definition,
  params: row.params,
  method: row.method,
})

async function showCode(house: VaultHouse, t: Tx, scope: Scope, row: AuthorizationRow, code: DeviceCode): Promise<void> {
  const generation = row.generation + 1
  const secrets = await sealFlow(house, t, scope, row.id, generation, { device_code: code.deviceCode })
  const kept = { from: 'processing', generation, secrets, stateHash: null, clientId: null, server: null } as const
  if ((await waitForUser(t, scope, row.id, kept)) === 0) return
  const pollAt = new Date(t.now.getTime() + code.interval * 1_000)
  const expiresAt = new Date(t.now.getTime() + code.lifetime * 1_000)
  const shown = { userCode: code.userCode, uri: code.verificationUri, complete: code.verificationUriComplete }
  await showDevice(t, scope, row.id, { ...shown, interval: code.interval, pollAt, expiresAt })
  await enqueue(t, { kind: 'authorization.poll', tenantId: scope.tenantId, payload: { authorization_id: row.id }, runAt: pollAt })
}

/** One question. Answers when to ask again; null: never. */
export async function pollAuthorization(
  house: VaultHouse,
  tenantId: string,
  id: string,
  signal: AbortSignal,
): Promise<Date | null> {
  const scope = systemScope('authorizations', tenantId)
  const taken = await tx(house.db, scope, (t) => takeTurn(t, scope, id))
  if (taken === null) return null
  if ('at' in taken) return taken.at
  const { row, interval } = taken
  const wait = (seconds: number) => tx(house.db, scope, (t) => askLater(t, scope, row, seconds))
  let flow: FlowAtProvider | null = null
  try {
    flow = await readFlowAtProvider(house, scope, id)
    const outside = outsideOf(house, scope, signal)
    const server = await serverFor(outside, { ...ofRow(flow), issuer: flow.issuer })
    const style = flow.definition.oauth?.device_style ?? 'form'
    const answer = await pollDevice(outside, server, flow.client, style, flow.secrets?.device_code ?? '')
    if (answer === 'pending') return await wait(interval)
    if (answer === 'slow_down') return await wait(interval + SLOWER)
    await finishTokens(house, outside, scope, flow.row, flow.definition, answer)
    return null
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    // Nobody answered: RFC 8628 §3.5 asks for pauses that grow.
    if (error.kind === 'outside') return wait(interval * 2)
    await fail(house, scope, row, error.code === 'expired_token' ? { code: 'expired_token', said: null } : error)
    return null
  }
}

type Turn = { row: AuthorizationRow; interval: number } | { at: Date } | null

/** The next question is put off before this one is asked: killed in between, a process has asked too seldom and never too often. */
async function takeTurn(t: Tx, scope: Scope, id: string): Promise<Turn> {
  const row = await findAuthorization(t, scope, id)
  if (row?.status !== 'waiting_for_user' || row.poll_at === null) return null
  if (row.expires_at <= t.now) {
    await settle(t, scope, row, ['waiting_for_user'], { status: 'expired' })
    return null
  }
  const interval = row.interval_seconds ?? SLOWER
  if ((await takePoll(t, scope, id, new Date(t.now.getTime() + interval * 1_000))) === 0) return { at: row.poll_at }
  return { row, interval }
}

/** The pause is counted from now, when the answer is here. */
async function askLater(t: Tx, scope: Scope, row: AuthorizationRow, seconds: number): Promise<Date | null> {
  const interval = Math.min(seconds, LONGEST_INTERVAL)
  const at = new Date(t.now.getTime() + interval * 1_000)
  if ((await setInterval(t, scope, row.id, interval, at)) === 0) return null
  return at < row.expires_at ? at : row.expires_at
}
