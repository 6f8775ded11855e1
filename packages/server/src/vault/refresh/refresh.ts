// Material that is worth something now (V46–V49): one of all processes renews it, with a claim on the row and no transaction open during the call; everybody else
// waits for the row to change. What was written by somebody else meanwhile is never overwritten, and a refusal becomes one change of state with one event.
import { Problem } from '@countersign/sdk'
import { randomToken } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { backoffMs } from '../../std/backoff.ts'
import { clientFor } from '../authorizations/client-for.ts'
import { doubtRegistration } from '../authorizations/doubt.ts'
import { outsideOf } from '../authorizations/flow.ts'
import { faultOf, ProviderFault } from '../authorizations/protocol/fault.ts'
import { clientCredentials, refreshTokens } from '../authorizations/protocol/grants.ts'
import { materialOf, type Tokens, textOf } from '../authorizations/protocol/tokens.ts'
import { serverFor } from '../authorizations/server-for.ts'
import { findConnection } from '../connections/sql.ts'
import { tellConnection, writeMaterial } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { definitionAt } from '../providers/catalogue.ts'
import type { Definition, Material } from '../providers/definition.ts'
import { leadOf, nextMoment } from './moment.ts'
import { needReauth, topicOf } from './need.ts'
import { claimRefresh, findForRefresh, putOff, type RefreshRow, resetFailures } from './sql.ts'
import { untilChanged } from './wait.ts'

/** `due`: its own time has come (V47). `lead`: it ends soon. `unauthorized`: the provider refused what stands at `generation`. `asked`: somebody wants a new one. */
export type Why = { reason: 'lead' | 'due' } | { reason: 'unauthorized' | 'asked'; generation?: number }
export type Fresh = { material: Material; generation: number; expiresAt: Date | null }

const CLAIM_MS = 45_000
const WAIT_MS = 30_000
const BACKOFF = { firstMs: 30_000, maxMs: 900_000 }
/** What refuses a refresh token for good, in the words of those who have their own. */
const DEAD = ['invalid_grant', 'bad_refresh_token', 'invalid_refresh_token', 'token_revoked', 'token_expired', 'expired_token']

/** Throws `needs_reauth`, `not_found`, or `provider_error` where there is no token that could be used. */
export async function fresh(house: VaultHouse, scope: Scope, connectionId: string, why: Why): Promise<Fresh> {
  // Whoever asks to have it renewed means what stands there when they ask.
  const known = 'generation' in why ? why.generation : undefined
  const from =
    known ?? (why.reason === 'lead' || why.reason === 'due' ? why.reason : await generationOf(house, scope, connectionId))
  const deadline = performance.now() + WAIT_MS
  for (;;) {
    const change = untilChanged(house.db, connectionId, Math.max(0, deadline - performance.now()))
    try {
      const step = await tx(house.db, scope, (t) => look(house, t, scope, connectionId, from))
      if ('fresh' in step) return step.fresh
      if ('claimed' in step) {
        const outcome = await renew(house, scope, step)
        if (outcome === 'done') continue
        return await withoutRenewal(house, scope, connectionId, outcome)
      }
      if (performance.now() >= deadline)
        return await withoutRenewal(house, scope, connectionId, new ProviderFault('outside', 'timeout'))
      await change.done
    } finally {
      change.stop()
    }
  }
}

type Claimed = { claimed: string; row: RefreshRow; material: Material; definition: Definition }
type Look = { fresh: Fresh } | Claimed | { wait: true }

async function look(house: VaultHouse, t: Tx, scope: Scope, id: string, from: number | 'lead' | 'due'): Promise<Look> {
  const row = await usable(t, scope, id)
  const definition = await definitionAt(house, t, scope, row.provider, row.definition_version)
  if (!definition) throw new Problem('not_found')
  const material = await openMaterial(house, t, scope, row)
  const isEnough = from === 'lead' ? !endsSoon(row, t.now) : from === 'due' ? !isDue(row, t.now) : row.generation > from
  if (isEnough || !canRenew(row, definition, material))
    return { fresh: { material, generation: row.generation, expiresAt: row.expires_at } }
  // Two processes were killed at it, one after the other: whatever the provider gave is lost (V46).
  if (row.refresh_lapsed && row.refresh_owner !== null && row.refresh_until !== null && row.refresh_until <= t.now) {
    await needReauth(t, scope, row.id, 'refresh_lost', 'refresh_lost', row.generation)
    return { wait: true }
  }
  const owner = randomToken(16)
  const claimed = await claimRefresh(t, scope, id, row.generation, owner, new Date(t.now.getTime() + CLAIM_MS))
  return claimed ? { claimed: owner, row: claimed, material, definition } : { wait: true }
}

async function usable(t: Tx, scope: Scope, id: string): Promise<RefreshRow> {
  const row = await findForRefresh(t, scope, id)
  if (!row || row.status === 'revoked') throw new Problem('not_found')
  if (row.status === 'needs_reauth') throw new Problem('needs_reauth', { connection_id: id, cause: row.status_cause })
  if (row.status !== 'connected') throw new Problem('state_conflict', { status: row.status })
  return row
}

const generationOf = (house: VaultHouse, scope: Scope, id: string): Promise<number> =>
  tx(house.db, scope, async (t) => (await usable(t, scope, id)).generation, { readOnly: true })

function endsSoon({ expires_at, obtained_at }: RefreshRow, now: Date): boolean {
  if (expires_at === null) return false
  const left = expires_at.getTime() - now.getTime()
  const life = obtained_at === null ? 0 : expires_at.getTime() - obtained_at.getTime()
  // What never lives as long as the lead is good until half of it is over.
  return left <= Math.min(leadOf(life), life / 2)
}

const isDue = ({ refresh_at }: RefreshRow, now: Date): boolean => refresh_at !== null && refresh_at <= now

export const canRenew = (row: RefreshRow, { oauth }: Definition, material: Material): boolean =>
  row.method === 'client_credentials' ? oauth?.token_url !== undefined : textOf(material, 'refresh_token') !== null

/** `done`: the row says what came of it. Otherwise why there is nothing new. */
async function renew(
  house: VaultHouse,
  scope: Scope,
  { claimed, row, material, definition }: Claimed,
): Promise<'done' | ProviderFault> {
  const by = systemScope('refresh', scope.tenantId)
  try {
    const tokens = await askProvider(house, by, row, material, definition)
    await tx(house.db, by, (t) => write(house, t, by, row, materialOf(tokens, material), tokens, definition.oauth?.idle_days))
    return 'done'
  } catch (error) {
    const fault = error instanceof ProviderFault ? error : faultOf(error)
    await tx(house.db, by, async (t) => {
      await giveBack(t, by, row, claimed, fault)
      if (fault.code === 'invalid_client') await doubtRegistration(house, t, by, row.client_id)
    })
    return fault
  }
}

async function askProvider(
  house: VaultHouse,
  scope: Scope,
  row: RefreshRow,
  material: Material,
  definition: Definition,
): Promise<Tokens> {
  const { client, issuer } = await tx(house.db, scope, (t) => clientFor(house, t, scope, row.client_id), { readOnly: true })
  const outside = outsideOf(house, scope)
  const server = await serverFor(outside, { definition, params: row.params, method: row.method, issuer })
  if (row.method === 'client_credentials')
    return clientCredentials(outside, server, client, { scopes: row.scopes, extra: definition.oauth?.extra_params ?? {} })
  return refreshTokens(outside, server, client, textOf(material, 'refresh_token') ?? '')
}

async function write(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  row: RefreshRow,
  material: Material,
  tokens: Tokens,
  idleDays: number | undefined,
): Promise<void> {
  const expiresAt = tokens.lifetime === null ? null : new Date(t.now.getTime() + tokens.lifetime * 1_000)
  await writeMaterial(house, t, scope, row.id, {
    expectedGeneration: row.generation,
    material,
    expiresAt,
    refreshAt: nextMoment(t.now, { expiresAt, renews: true, idleDays }),
    ...(tokens.scopes === null ? {} : { scopes: tokens.scopes }),
    as: 'connection.refreshed',
  })
  await resetFailures(t, scope, row.id)
  t.wake(topicOf(row.id))
}

async function giveBack(t: Tx, scope: Scope, row: RefreshRow, owner: string, fault: ProviderFault): Promise<void> {
  t.wake(topicOf(row.id))
  const isOver = row.expires_at !== null && row.expires_at <= t.now
  if (fault.kind === 'refused' && DEAD.includes(fault.code))
    return void (await needReauth(
      t,
      scope,
      row.id,
      row.refresh_lapsed ? 'refresh_lost' : 'invalid_grant',
      fault.code,
      row.generation,
    ))
  // Whatever else keeps it from being renewed: once it has ended, only a human can help.
  if (isOver && fault.kind !== 'outside')
    return void (await needReauth(t, scope, row.id, 'refresh_refused', fault.code, row.generation))
  const wait = Math.max(fault.retryAfterMs ?? 0, backoffMs(row.refresh_failures + 1, BACKOFF))
  if ((await putOff(t, scope, row.id, owner, { code: fault.code, at: new Date(t.now.getTime() + wait) })) === 0) return
  if (row.refresh_failures > 0) return
  const told = await findConnection(t, scope, row.id, { owner: null, agent: null })
  if (told) await tellConnection(t, scope, 'connection.refresh_failed', told, { code: fault.code })
}

/** The old token is used while it lives (§10.2); one that was refused already is no help. */
async function withoutRenewal(house: VaultHouse, scope: Scope, id: string, fault: ProviderFault): Promise<Fresh> {
  return tx(house.db, scope, async (t) => {
    const row = await usable(t, scope, id)
    const lives = row.expires_at === null || row.expires_at > t.now
    if (!lives) throw new Problem('provider_error', { connection_id: id, reason: fault.code, said: fault.said }, { cause: fault })
    return { material: await openMaterial(house, t, scope, row), generation: row.generation, expiresAt: row.expires_at }
  })
}
