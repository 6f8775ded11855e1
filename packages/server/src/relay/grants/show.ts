// A relay grant as each of its sides sees it: what was given, how it stands, and of its tokens the ends that tell them apart. Never a token.
import type { Scope, Tx } from '../../db/tx.ts'
import { tenantWire } from '../../std/id.ts'
import type { Side } from '../model.ts'
import { findTokens, type GrantRow, type TokenRow } from './sql.ts'

export async function showGrants(t: Tx, scope: Scope, rows: readonly GrantRow[], side: Side) {
  const tokens =
    rows.length === 0
      ? []
      : await findTokens(
          t,
          scope,
          rows.map(({ id }) => id),
        )
  return rows.map((row) =>
    shown(
      row,
      side,
      t.now,
      tokens.filter((one) => one.relay_grant_id === row.id),
    ),
  )
}

export const showGrant = async (t: Tx, scope: Scope, row: GrantRow, side: Side) =>
  (await showGrants(t, scope, [row], side))[0] as ShownGrant
export type ShownGrant = ReturnType<typeof shown>

/** Whether it opens nothing any more, settled or not. */
export const isOver = (row: Pick<GrantRow, 'state' | 'expires_at'>, now: Date): boolean =>
  row.state !== 'active' || (row.expires_at !== null && row.expires_at <= now)

const shown = (row: GrantRow, side: Side, now: Date, tokens: readonly TokenRow[]) => ({
  id: row.id,
  side,
  agent: row.slug,
  card_id: row.card_id,
  connection_request_id: row.request_id,
  asker: {
    tenant_id: row.asker_tenant === null ? null : tenantWire(row.asker_tenant),
    agent_id: row.asker_agent,
    label: row.label,
  },
  label: row.label,
  purpose: row.purpose,
  skills: row.skills,
  scopes: row.scopes,
  limits: row.limits,
  bind: { addresses: row.addresses, dpop_jkt: row.dpop_jkt },
  encryption: row.encryption,
  environment: row.environment,
  sandbox: row.sandbox,
  only_thread: row.only_thread,
  token_lifetime_seconds: row.token_seconds,
  state: row.state,
  is_expired: row.state === 'expired' || (row.state === 'active' && isOver(row, now)),
  expires_at: row.expires_at,
  ends_at: row.ends_at,
  version: row.revision,
  // Who of the owner's people it was is theirs to say.
  created_by: side === 'owner' ? row.created_by : null,
  created_at: row.created_at,
  ended_at: row.state === 'active' ? null : row.state_since,
  ended_reason: row.ended_reason,
  tokens: tokens.map(({ relay_grant_id: _, ...token }) => token),
})
