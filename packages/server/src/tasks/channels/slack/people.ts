// Who somebody in a workspace is here (T118): linked by an address that both sides have verified, or by having signed in once from there. Nobody is guessed from a name.
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../../../crypto/token.ts'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { foldEmail } from '../../../identity/email.ts'
import { callSlack, SlackRefused } from './client.ts'
import type { SlackHouse } from './house.ts'
import type { Installation } from './material.ts'
import { at, textAt } from './read.ts'
import {
  deleteOldLinks,
  findLink,
  findLinked,
  findSlackUser,
  findVerified,
  insertLink,
  type LinkedRow,
  linkPerson,
  unlinkPerson,
  useLinkIfFresh,
} from './sql.ts'

/** Within the three seconds that Slack gives an answer. */
const QUICK_MS = 1_500
const LINK_MS = 10 * 60_000

export type Linked = LinkedRow & { slackUserId: string }

/** Null: nobody here is known to be that person. */
export async function linkedPerson(
  house: SlackHouse,
  tenantId: string,
  installation: Installation,
  slackUserId: string,
): Promise<Linked | null> {
  const scope = systemScope('slack', tenantId)
  const { db } = house.tasks
  const teamId = installation.row.team_id
  const known = await tx(db, scope, (t) => findLinked(t, scope, teamId, slackUserId), { readOnly: true })
  if (known) return { ...known, slackUserId }
  const email = await verifiedAddress(house, tenantId, installation, slackUserId)
  if (email === null) return null
  const linked = await tx(db, scope, async (t) => {
    const user = await findVerified(t, scope, email)
    if (!user) return null
    await link(t, scope, { teamId, slackUserId, userId: user.user_id, how: 'mail' })
    return findLinked(t, scope, teamId, slackUserId)
  })
  return linked ? { ...linked, slackUserId } : null
}

/** What Slack says of a member counts only when Slack has had it confirmed; guests of other workspaces are nobody. */
async function verifiedAddress(
  house: SlackHouse,
  tenantId: string,
  { row, token }: Installation,
  user: string,
): Promise<string | null> {
  try {
    const reply = await callSlack(house, 'users.info', { user }, { tenantId, token, wholeMs: QUICK_MS })
    const isOurs = at(reply, 'user', 'team_id') === row.team_id
    const counts =
      isOurs &&
      at(reply, 'user', 'is_email_confirmed') === true &&
      at(reply, 'user', 'deleted') !== true &&
      at(reply, 'user', 'is_bot') !== true
    return counts ? foldEmail(textAt(reply, 'user', 'profile', 'email') ?? '') : null
  } catch (error) {
    // Slack does not answer just now: they are told how to sign in instead.
    if (error instanceof SlackRefused) return null
    throw error
  }
}

async function link(
  t: Tx,
  scope: Scope,
  one: { teamId: string; slackUserId: string; userId: string; how: 'mail' | 'sign_in' },
): Promise<void> {
  await linkPerson(t, scope, one)
  const data = { team_id: one.teamId, user_id: one.userId, how: one.how }
  await record(t, scope, 'slack.linked', data, { resource: { type: 'user', id: one.userId } })
}

/** Where they sign in and say that it is them: once, for ten minutes. The token stands in the fragment. */
export async function linkUrl(house: SlackHouse, tenantId: string, teamId: string, slackUserId: string): Promise<string> {
  const scope = systemScope('slack', tenantId)
  const token = randomToken()
  await tx(house.tasks.db, scope, async (t) => {
    await deleteOldLinks(t, scope, t.now)
    await insertLink(t, scope, { hash: sha256(token), teamId, slackUserId, expiresAt: new Date(t.now.getTime() + LINK_MS) })
  })
  return `${house.tasks.origin()}/slack-link#token=${token}`
}

/** The signed-in user is that person in Slack from now on. */
export const linkBySignIn = (
  house: SlackHouse,
  scope: Scope,
  token: string,
): Promise<{ team_id: string; slack_user_id: string }> =>
  tx(house.tasks.db, scope, async (t) => {
    const hash = sha256(token)
    const found = await findLink(t, scope, hash)
    if (!found) throw new Problem('link_invalid')
    if (found.used) throw new Problem('link_used')
    if (found.expired || (await useLinkIfFresh(t, scope, hash)) === 0) throw new Problem('link_expired')
    const { team_id, slack_user_id } = found
    await link(t, scope, { teamId: team_id, slackUserId: slack_user_id, userId: scope.userId as string, how: 'sign_in' })
    return { team_id, slack_user_id }
  })

export const unlink = (house: SlackHouse, scope: Scope, teamId: string, slackUserId: string): Promise<null> =>
  tx(house.tasks.db, scope, async (t) => {
    const gone = await unlinkPerson(t, scope, teamId, slackUserId)
    if (!gone) throw new Problem('not_found')
    await record(
      t,
      scope,
      'slack.unlinked',
      { team_id: teamId, user_id: gone.user_id },
      { resource: { type: 'user', id: gone.user_id } },
    )
    return null
  })

/** The member of the workspace that a user is, if they are linked. */
export const slackUserOf = (t: Tx, scope: Scope, teamId: string, userId: string): Promise<{ slack_user_id: string } | null> =>
  findSlackUser(t, scope, teamId, userId)
