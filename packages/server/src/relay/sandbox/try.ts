// Trying it out (relay.md R3, R6): a relay grant of a day for one person, to the sandbox or to an agent of their own, made at once and without anybody's approval. It carries no right that
// they do not have, and reaches no other agent; only under such a grant may somebody decide what they asked for themselves.
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { reach } from '../../identity/matrix.ts'
import { insertAgent } from '../../identity/sql.ts'
import { newId } from '../../std/id.ts'
import { judgedGrant } from '../grants/act.ts'
import { expireIn } from '../grants/end.ts'
import { openGrant, ownCard, takeGrant } from '../grants/grant.ts'
import { type ShownGrant, showGrant } from '../grants/show.ts'
import {
  type CardRow,
  endTokens,
  findActiveBetween,
  findCard,
  findTokens,
  type GrantRow,
  updateGrantIfActive,
} from '../grants/sql.ts'
import { usualTerms } from '../grants/terms.ts'
import { mintToken } from '../grants/token.ts'
import type { RelayHouse } from '../house.ts'
import type { Side } from '../model.ts'
import { partyScope, placeOfCard } from '../party.ts'
import { outbound } from '../requests/request.ts'
import { type Commands, commandsFor } from './commands.ts'
import { SANDBOX } from './place.ts'
import { findOwnAgent, isOwnCard, lockTries } from './sql.ts'

export type TryInput = { agent?: string; from_agent_id?: string }
export type Tried = {
  relay_grant: ShownGrant
  agent: string
  relay_token: string
  expires_at: Date
  commands: Commands
  links: { card: string; threads: string; threads_page: string }
}

const DAY_SECONDS = 86_400
const MOST_LIVE = 2
const ACTION = 'connection_request.create'
const PURPOSE = 'To try it out.'
/** Whose name a person's own tries bear. */
const NAME = 'Try-out'

type Visitor = { id: string; name: string }

export async function tryAgent(house: RelayHouse, scope: Scope, { agent, from_agent_id: named }: TryInput): Promise<Tried> {
  const { userId } = scope
  if (userId === null || scope.agentId !== null)
    throw new Problem('forbidden', { action: ACTION, detail: 'People try agents out, signed in or by a key of their own.' })
  const to = agent ?? SANDBOX
  const visitor = await visitorOf(house, scope, userId, named)
  return to === SANDBOX ? trySandbox(house, scope, visitor) : tryOwn(house, scope, { to, userId, visitor })
}

/** Made once, where they name none. */
function visitorOf(house: RelayHouse, caller: Scope, userId: string, named: string | undefined): Promise<Visitor> {
  const fault = (code: string, message: string) =>
    new Problem('validation_failed', { errors: [{ path: '/from_agent_id', code, message }] })
  const scope: Scope = { ...caller, beforeCommit: undefined }
  return tx(house.db, scope, async (t) => {
    if (named === undefined) await lockTries(t, scope, userId)
    const known = await findOwnAgent(t, scope, userId, named === undefined ? { name: NAME } : { id: named })
    if (known) return known
    if (named !== undefined) throw fault('not_found', 'You have no such agent.')
    if (reach(scope, 'agent.create') === 'none') throw fault('required', 'Say which of your agents asks.')
    const id = newId('agt', t.now.getTime())
    const made = { id, userId, name: NAME, description: 'In whose name you try agents out.', environment: 'live' }
    await insertAgent(t, scope, made)
    const data = { agent_id: id, owner_id: userId, environment: made.environment }
    await record(t, scope, 'agent.created', data, { resource: { type: 'agent', id } })
    return { id, name: NAME }
  })
}

/** It lies in the tenant of the sandbox, so its stored reply, which lies at home, is kept after it. */
async function trySandbox(house: RelayHouse, caller: Scope, visitor: Visitor): Promise<Tried> {
  const scope: Scope = { ...caller, beforeCommit: undefined }
  const place = await placeOfCard(house, SANDBOX)
  const asker = { agent: { ...visitor, user_id: scope.userId, state: 'active', environment: 'live' }, tenantId: scope.tenantId }
  // What its own policies say of asking others holds here too.
  await house.countersign(
    scope,
    (t) => outbound(t, { place, slug: SANDBOX, asker, purpose: PURPOSE, wishes: {} }),
    async () => null,
  )
  const party = partyScope(scope, { ...place, party: visitor.id, label: visitor.name, asker_agent: visitor.id }, [])
  const there: Scope = { ...party, relayParty: undefined, relayScopes: undefined }
  return tx(house.db, there, async (t) => {
    const card = await findCard(t, there, { slug: SANDBOX })
    if (card?.state !== 'active') throw new Problem('not_found')
    return give(house, t, there, { card, visitor, tenantId: scope.tenantId, side: 'caller' })
  })
}

type Own = { to: string; userId: string; visitor: Visitor }

/** R6: one's own card from the other side. */
const tryOwn = (house: RelayHouse, scope: Scope, { to, userId, visitor }: Own): Promise<Tried> =>
  judgedGrant(
    house,
    scope,
    { action: 'relay_grant.create', resource: to, body: { agent: to, from_agent_id: visitor.id, sandbox: true } },
    async (t) => {
      const card = await ownCard(t, scope, to, 'relay_grant.create')
      if (!(await isOwnCard(t, scope, card.id, userId)).own) throw new Problem('not_found')
      return give(house, t, scope, { card, visitor, tenantId: scope.tenantId, side: 'owner' })
    },
  )

const LAST_MS = 3_600_000
const isPast = ({ expires_at: at }: GrantRow, now: Date): boolean => at !== null && at <= now

type Given = { card: CardRow; visitor: Visitor; tenantId: string; side: Side }

/** The live one of before, with another token, or a new one. */
async function give(house: RelayHouse, t: Tx, scope: Scope, { card, visitor, tenantId, side }: Given): Promise<Tried> {
  await lockTries(t, scope, visitor.id)
  const before = await findActiveBetween(t, scope, card.id, visitor.id)
  if (before && !before.sandbox && !isPast(before, t.now))
    throw new Problem('duplicate_request', { existing_id: before.id, state: 'approved' })
  // In its last hour another day begins.
  const isOver = before !== null && isPast(before, new Date(t.now.getTime() + LAST_MS))
  if (before && isOver) {
    if (!isPast(before, t.now)) await updateGrantIfActive(t, scope, before.id, { ...before, ends_at: t.now }, t.now)
    await expireIn(house, t, scope, before.id)
  }
  const caller = {
    request_id: null,
    asker_tenant: tenantId,
    asker_agent: visitor.id,
    label: visitor.name,
    purpose: PURPOSE,
    sandbox: true,
  }
  const grant =
    before && !isOver
      ? await takeGrant(t, scope, before.id)
      : await openGrant(t, scope, card, usualTerms({ expires_in_seconds: DAY_SECONDS }), caller)
  const live = (await findTokens(t, scope, [grant.id])).filter((one) => one.is_live)
  if (live.length >= MOST_LIVE) await endTokens(t, scope, grant.id, t.now, live[0]?.id)
  const { token, expiresAt } = await mintToken(t, scope, grant)
  const origin = house.origin()
  const its = new URLSearchParams({ side, agent: card.slug })
  return {
    relay_grant: await showGrant(t, scope, grant, side),
    agent: card.slug,
    relay_token: token,
    expires_at: expiresAt,
    commands: commandsFor(origin, card.slug, token),
    links: {
      card: `${origin}/agents/${card.slug}/card`,
      threads: `${origin}/api/v1/threads?${its}`,
      threads_page: `${origin}/threads?${its}`,
    },
  }
}
