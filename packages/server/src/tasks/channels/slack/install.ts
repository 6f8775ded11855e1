// Connecting workspaces (T113): the tenant's own app of Slack, and its installations by OAuth or by a bot token. Tokens are sealed and never answered. A state lives ten
// minutes, counts only together with the cookie of the browser that began, and names the tenant that asked.
import { Problem } from '@countersign/sdk'
import { Secret } from '../../../crypto/secret.ts'
import { hmacSha256, randomToken, sameBytes, sha256 } from '../../../crypto/token.ts'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { newId } from '../../../std/id.ts'
import { invalid } from '../../settle.ts'
import { callSlack, type Reply, SlackRefused } from './client.ts'
import type { SlackHouse } from './house.ts'
import { SCOPES } from './manifest.ts'
import { openApp, sealSecret } from './material.ts'
import { readRecord, textAt } from './read.ts'
import { findApp, findInstallations, type InstallationRow, putApp, putInstallation, revokeIfActive } from './sql.ts'

export type AppInput = {
  app_id?: string | null
  client_id?: string | null
  client_secret?: string | null
  signing_secret: string
}

export const showApp = (house: SlackHouse, scope: Scope) =>
  tx(
    house.tasks.db,
    scope,
    async (t) => {
      const app = await findApp(t, scope)
      const { origin } = house.tasks
      const redirect_url = callbackUrl(origin())
      if (!app)
        return { configured: false, app_id: null, client_id: null, has_client_secret: false, updated_at: null, redirect_url }
      const { app_id, client_id, client_secret, updated_at } = app
      return { configured: true, app_id, client_id, has_client_secret: client_secret !== null, updated_at, redirect_url }
    },
    { readOnly: true },
  )

export async function saveApp(house: SlackHouse, scope: Scope, input: AppInput) {
  const { client_id = null, client_secret = null, signing_secret, app_id = null } = input
  if ((client_id === null) !== (client_secret === null))
    throw invalid(
      '/client_secret',
      'incomplete',
      'A client id and its secret go together; leave both out to connect by a bot token.',
    )
  await tx(house.tasks.db, scope, async (t) => {
    const key = await tenantKey(house.tasks, t, scope)
    const id = (await findApp(t, scope))?.id ?? newId('slk', t.now.getTime())
    const seal = (column: string, text: string) => sealSecret(key, scope, 'slack_apps', column, id, text)
    await putApp(t, scope, {
      ...{ id, app_id, client_id },
      client_secret: client_secret === null ? null : seal('client_secret', client_secret),
      signing_secret: seal('signing_secret', signing_secret),
    })
    await record(t, scope, 'settings.changed', { setting: 'slack_app', app_id, oauth: client_id !== null })
  })
  return showApp(house, scope)
}

export type Installed = Omit<InstallationRow, 'bot_token' | 'members_at' | 'channels_at'>
const shown = ({ bot_token: _, members_at: __, channels_at: ___, ...row }: InstallationRow): Installed => row

export async function listInstallations(house: SlackHouse, scope: Scope) {
  const rows = await tx(house.tasks.db, scope, (t) => findInstallations(t, scope), { readOnly: true })
  return { data: rows.map(shown), next_cursor: null }
}

/** By a bot token that somebody copied: Slack itself says whose it is. */
export async function connectByToken(house: SlackHouse, scope: Scope, given: string): Promise<Installed> {
  await needApp(house, scope)
  const token = new Secret(given)
  const said = await asked(house, 'auth.test', {}, scope.tenantId, token, '/bot_token')
  const team_id = textAt(said, 'team_id')
  const bot_user_id = textAt(said, 'user_id')
  if (team_id === null || bot_user_id === null || textAt(said, 'bot_id') === null)
    throw invalid('/bot_token', 'no_bot', 'This is no token of a bot: it begins with xoxb-.')
  return install(
    house,
    scope,
    { team_id, team_name: textAt(said, 'team') ?? team_id, bot_user_id, scopes: [...SCOPES], via: 'token' },
    token,
  )
}

async function needApp(house: SlackHouse, scope: Scope): Promise<void> {
  if (!(await tx(house.tasks.db, scope, (t) => findApp(t, scope), { readOnly: true })))
    throw new Problem('channel_not_configured', { channel: 'slack', detail: 'Save the signing secret of the app first.' })
}

/** What Slack refuses is said beside what was given; what it does not answer may be tried again. */
async function asked(
  house: SlackHouse,
  method: string,
  args: Record<string, unknown>,
  tenantId: string,
  token: Secret | null,
  path: string,
): Promise<Reply> {
  try {
    return await callSlack(house, method, args, { tenantId, token })
  } catch (error) {
    if (!(error instanceof SlackRefused)) throw error
    if (error.isPassing)
      throw new Problem('state_conflict', { detail: 'Slack does not answer right now; try again in a moment.' }, { cause: error })
    throw invalid(path, 'slack_refused', `Slack answered ${error.code}.`)
  }
}

type Found = Pick<InstallationRow, 'team_id' | 'team_name' | 'bot_user_id' | 'scopes' | 'via'>

const install = (house: SlackHouse, scope: Scope, found: Found, token: Secret): Promise<Installed> =>
  tx(house.tasks.db, scope, async (t) => {
    const key = await tenantKey(house.tasks, t, scope)
    const known = (await findInstallations(t, scope)).find(({ team_id }) => team_id === found.team_id)
    const id = known?.id ?? newId('slk', t.now.getTime())
    const bot_token = sealSecret(key, scope, 'slack_installations', 'bot_token', id, token.reveal())
    const row = await putInstallation(t, scope, { ...found, team_name: found.team_name.slice(0, 200), id, bot_token })
    await record(t, scope, 'slack.installed', { team_id: row.team_id, installation_id: row.id, via: row.via })
    return shown(row)
  })

export const disconnect = (house: SlackHouse, scope: Scope, teamId: string): Promise<null> =>
  tx(house.tasks.db, scope, async (t) => {
    const row = (await findInstallations(t, scope)).find(({ team_id }) => team_id === teamId)
    if (!row) throw new Problem('not_found')
    const revoked = await revokeIfActive(t, scope, teamId, 'disconnected here')
    if (revoked) await record(t, scope, 'slack.revoked', { team_id: teamId, installation_id: row.id, reason: 'disconnected' })
    return null
  })

/* OAuth */

const STATE_MS = 10 * 60_000
export const STATE_COOKIE = 'countersign_slack'
export const STATE_PATH = '/api/v1/channels/slack/oauth'
const callbackUrl = (origin: string): string => `${origin}${STATE_PATH}/callback`

type State = { tenant: string; user: string; browser: string; until: number }

/** Where the browser goes, and what it keeps until it comes back. */
export async function beginOauth(house: SlackHouse, scope: Scope): Promise<{ url: string; cookie: string }> {
  const app = await tx(house.tasks.db, scope, (t) => openApp(house.tasks, t, scope), { readOnly: true })
  if (!app?.client_id)
    throw new Problem('channel_not_configured', { channel: 'slack', detail: 'Save the client id and secret of the app first.' })
  const cookie = randomToken()
  const until = house.tasks.db.now().getTime() + STATE_MS
  const state = signState(house, {
    tenant: scope.tenantId,
    user: scope.principal,
    browser: sha256(cookie).toString('base64url'),
    until,
  })
  const query = new URLSearchParams({
    client_id: app.client_id,
    scope: SCOPES.join(','),
    redirect_uri: callbackUrl(house.tasks.origin()),
    state,
  })
  return { url: `${house.slackUrl}/oauth/v2/authorize?${query}`, cookie }
}

const stateMac = ({ tasks }: SlackHouse, payload: string): string =>
  hmacSha256(tasks.keyring.purpose('form'), `slack-oauth ${payload}`).toString('base64url')

function signState(house: SlackHouse, state: State): string {
  const payload = Buffer.from(JSON.stringify(state)).toString('base64url')
  return `${payload}.${stateMac(house, payload)}`
}

function readState(house: SlackHouse, given: string, cookie: string | undefined): State {
  const [payload = '', mac = ''] = given.split('.')
  if (!sameBytes(stateMac(house, payload), mac) || cookie === undefined) throw new Problem('link_invalid')
  const state = readRecord(Buffer.from(payload, 'base64url').toString()) as State | null
  if (!state || !sameBytes(sha256(cookie).toString('base64url'), state.browser)) throw new Problem('link_invalid')
  if (state.until < house.tasks.db.now().getTime()) throw new Problem('link_expired')
  return state
}

/** The browser is back with Slack's code, which is good for one exchange. */
export async function finishOauth(
  house: SlackHouse,
  given: { code: string; state: string },
  cookie: string | undefined,
): Promise<Installed> {
  const { tenant, user } = readState(house, given.state, cookie)
  // Who began it with a fresh proof of presence is who did it.
  const scope: Scope = { ...systemScope('slack', tenant), principal: user, actor: { type: 'user', id: user }, userId: user }
  const app = await tx(house.tasks.db, scope, (t) => openApp(house.tasks, t, scope), { readOnly: true })
  if (!app?.client_id || !app.clientSecret) throw new Problem('channel_not_configured', { channel: 'slack' })
  const args = {
    ...{ code: given.code, redirect_uri: callbackUrl(house.tasks.origin()) },
    ...{ client_id: app.client_id, client_secret: app.clientSecret.reveal() },
  }
  const said = await asked(house, 'oauth.v2.access', args, tenant, null, '/code')
  const [token, team_id, bot_user_id] = [textAt(said, 'access_token'), textAt(said, 'team', 'id'), textAt(said, 'bot_user_id')]
  if (token === null || team_id === null || bot_user_id === null || said.token_type !== 'bot')
    throw invalid('/code', 'no_bot', 'Slack gave no bot of a workspace; an installation for a whole organisation is not taken.')
  const scopes = (textAt(said, 'scope') ?? '').split(',').filter(Boolean)
  const found = { team_id, team_name: textAt(said, 'team', 'name') ?? team_id, bot_user_id, scopes, via: 'oauth' as const }
  return install(house, scope, found, new Secret(token))
}
