// The routes of Slack: settings for people, and the three doors that Slack itself knocks at. Schemas and one verb each.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { openCursor, pageOf } from '../../../http/cursor.ts'
import { type Route, route, s } from '../../../http/route.ts'
import type { Incoming } from '../heard.ts'
import { receiveBy } from '../receive.ts'
import type { SlackHouse } from './house.ts'
import {
  beginOauth,
  connectByToken,
  disconnect,
  finishOauth,
  listInstallations,
  STATE_COOKIE,
  STATE_PATH,
  saveApp,
  showApp,
} from './install.ts'
import type { Reaction as Reacted } from './interactions.ts'
import { slackManifest } from './manifest.ts'
import { installationOf } from './material.ts'
import { linkBySignIn, unlink } from './people.ts'
import { listNames } from './places.ts'
import { findMembers } from './sql.ts'
import { testSlack } from './trial.ts'

const tag = 'slack'
const team = { team: s.pattern(/^[A-Za-z0-9-]{1,64}$/, 'Must be the id of a workspace, such as T0123ABCD.') }
const configure = { tag, auth: 'any', action: 'task.configure' } as const

const AppBody = s.named(
  'SlackApp',
  s.object({
    configured: s.boolean(),
    app_id: s.maybe(s.text()),
    client_id: s.maybe(s.text()),
    has_client_secret: s.boolean(),
    updated_at: s.maybe(s.time()),
    redirect_url: s.text().describe('Where Slack sends the browser back to.'),
  }),
)
const InstallationBody = s.named(
  'SlackInstallation',
  s.object({
    id: s.id('slk'),
    team_id: s.text(),
    team_name: s.text(),
    bot_user_id: s.text(),
    scopes: s.array(s.text()),
    via: s.oneOf('oauth', 'token'),
    state: s.oneOf('active', 'revoked'),
    state_reason: s.maybe(s.text()),
    state_since: s.time(),
    limited_until: s.maybe(s.time()).describe('Slack asked for a pause until then.'),
    installed_by: s.text(),
    created_at: s.time(),
    updated_at: s.time(),
  }),
)
const MemberBody = s.named(
  'SlackMember',
  s.object({
    slack_user_id: s.text(),
    handle: s.text(),
    display_name: s.text(),
    user_id: s.maybe(s.id('usr')).describe('Who they are here; null while nobody is known to be them.'),
    user_name: s.maybe(s.text()),
    linked_by: s.maybe(s.oneOf('mail', 'sign_in')),
  }),
)

export const slackRoutes = (house: SlackHouse): Route[] => [
  ...settings(house),
  ...workspaces(house),
  ...people(house),
  ...doors(house),
]

const settings = (house: SlackHouse): Route[] => [
  route(
    'GET /channels/slack/manifest',
    { ...configure, summary: 'The manifest of the app, to paste at Slack', answers: { 200: s.jsonObject() } },
    async () => slackManifest(house.tasks.origin()),
  ),
  route('GET /channels/slack/app', { ...configure, summary: 'How the app is set up', answers: { 200: AppBody } }, ({ scope }) =>
    showApp(house, scope),
  ),
  route(
    'PUT /channels/slack/app',
    {
      ...configure,
      summary: 'Save what identifies the app at Slack',
      description:
        'The signing secret proves that requests come from Slack; client id and secret are needed to install by OAuth. Neither secret is answered again.',
      stepUp: true,
      body: s.object({
        app_id: s.nullish(s.pattern(/^A[A-Z0-9]{2,31}$/, 'Must be the id of an app, such as A0123ABCD.')),
        client_id: s.nullish(s.pattern(/^[0-9.]{3,100}$/, 'Must be a client id, such as 123.456.')),
        client_secret: s.nullish(s.pattern(/^[A-Za-z0-9]{16,200}$/, 'Must be the client secret of the app.')),
        signing_secret: s.pattern(/^[A-Za-z0-9]{16,200}$/, 'Must be the signing secret of the app.'),
      }),
      answers: { 200: AppBody },
      idempotency: 'none',
    },
    ({ scope, body }) => saveApp(house, scope, body),
  ),
  route(
    'POST /channels/slack/oauth/start',
    {
      tag,
      summary: 'Begin to install the app in a workspace',
      description: 'Answers the address at Slack to open in this browser, within ten minutes.',
      auth: 'session',
      action: 'task.configure',
      stepUp: true,
      body: s.object({}),
      answers: { 200: s.object({ url: s.text() }) },
      problems: ['channel_not_configured'],
      idempotency: 'none',
    },
    async ({ scope, reply }) => {
      const { url, cookie } = await beginOauth(house, scope)
      reply.cookie(STATE_COOKIE, cookie, { path: STATE_PATH, maxAge: 600, sameSite: 'Lax' })
      return { url }
    },
  ),
  route(
    'GET /channels/slack/oauth/callback',
    {
      tag,
      summary: 'Where Slack sends the browser back to',
      auth: 'none',
      query: {
        code: s.optional(s.text({ min: 1, max: 500 })),
        state: s.optional(s.text({ min: 1, max: 2_000 })),
        error: s.optional(s.text({ max: 200 })),
      },
      answers: { 302: 'page' },
      problems: ['link_invalid', 'link_expired', 'channel_not_configured', 'state_conflict'],
    },
    async ({ query, request, reply }) => {
      const { code, state, error } = query
      reply.cookie(STATE_COOKIE, '', { path: STATE_PATH, maxAge: 0 })
      const back = (outcome: string) => reply.location(`${house.tasks.origin()}/channels/slack?${outcome}`)
      if (error !== undefined) return void back('declined=1')
      if (code === undefined || state === undefined) throw new Problem('link_invalid')
      const { team_id } = await finishOauth(house, { code, state }, request.cookie(STATE_COOKIE))
      back(`connected=${encodeURIComponent(team_id)}`)
      return undefined
    },
  ),
]

const workspaces = (house: SlackHouse): Route[] => [
  route(
    'GET /channels/slack/installations',
    { ...configure, summary: 'List the connected workspaces', answers: { 200: s.list(InstallationBody) } },
    ({ scope }) => listInstallations(house, scope),
  ),
  route(
    'POST /channels/slack/installations',
    {
      ...configure,
      summary: 'Connect a workspace by a bot token',
      stepUp: true,
      body: s.object({ bot_token: s.pattern(/^xoxb-[A-Za-z0-9-]{10,250}$/, 'Must be a bot token: it begins with xoxb-.') }),
      answers: { 201: InstallationBody },
      problems: ['channel_not_configured', 'state_conflict'],
    },
    ({ scope, body }) => connectByToken(house, scope, body.bot_token),
  ),
  route(
    'DELETE /channels/slack/installations/:team',
    {
      ...configure,
      summary: 'Disconnect a workspace',
      stepUp: true,
      params: team,
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => disconnect(house, scope, params.team),
  ),
  route(
    'GET /channels/slack/installations/:team/members',
    {
      ...configure,
      summary: 'List the members of a workspace, and who they are here',
      params: team,
      query: s.page(),
      answers: { 200: s.list(MemberBody) },
      problems: ['not_found', 'cursor_invalid', 'state_conflict'],
    },
    ({ scope, params, query }) => membersOf(house, scope, params.team, query),
  ),
  route(
    'POST /channels/slack/test',
    {
      ...configure,
      summary: 'Send a test message',
      stepUp: true,
      body: s.object({
        team_id: s.nullish(s.pattern(/^[A-Za-z0-9]{1,32}$/, 'Must be the id of a workspace, such as T0123ABCD.')),
        target: s.line({ max: 320 }).describe('#channel, @handle, an id, or a mail address.'),
      }),
      answers: { 200: s.object({ team_id: s.text(), channel: s.text(), ts: s.text() }) },
      problems: ['channel_not_configured', 'state_conflict'],
      idempotency: 'none',
    },
    ({ scope, body }) => testSlack(house, scope, body),
  ),
]

async function membersOf(house: SlackHouse, scope: Scope, teamId: string, { limit, cursor }: { limit: number; cursor?: string }) {
  const { db, keyring } = house.tasks
  const place = { tenantId: scope.tenantId, route: 'GET /channels/slack/installations/:team/members', filter: { teamId } }
  const [after, found] = await tx(
    db,
    scope,
    async (t) => {
      const opened = cursor === undefined ? null : openCursor<string>(keyring, place, cursor, t.now)
      return [opened, await installationOf(house.tasks, t, scope, teamId)] as const
    },
    { readOnly: true },
  )
  if (!found) throw new Problem('not_found')
  const { row } = found
  const stale = row.members_at === null || db.now().getTime() - row.members_at.getTime() > 600_000
  if (stale && row.state === 'active') await listNames(house, scope.tenantId, found, 'member')
  return tx(
    db,
    scope,
    async (t) => {
      const rows = await findMembers(t, scope, teamId, { after, limit: limit + 1 })
      const page = pageOf(keyring, place, rows, { limit, now: t.now, position: (one) => one.slack_id })
      const data = page.data.map(({ slack_id, how, ...one }) => ({ slack_user_id: slack_id, ...one, linked_by: how }))
      return { ...page, data }
    },
    { readOnly: true },
  )
}

const people = (house: SlackHouse): Route[] => [
  route(
    'POST /channels/slack/link',
    {
      tag,
      summary: 'Say that you are the person in Slack who got this link',
      auth: 'session',
      self: true,
      body: s.object({ token: s.pattern(/^[A-Za-z0-9_-]{43}$/, 'Must be the token of the link.') }),
      answers: { 200: s.object({ team_id: s.text(), slack_user_id: s.text() }) },
      problems: ['link_invalid', 'link_used', 'link_expired'],
      idempotency: 'none',
    },
    ({ scope, body }) => linkBySignIn(house, scope, body.token),
  ),
  route(
    'DELETE /channels/slack/installations/:team/members/:member',
    {
      ...configure,
      summary: 'Forget who a member is here',
      stepUp: true,
      params: { ...team, member: s.pattern(/^[A-Za-z0-9-]{1,64}$/, 'Must be the id of a member, such as U0123ABCD.') },
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => unlink(house, scope, params.team, params.member),
  ),
]

/** Signed by Slack, read raw. What is answered is what Slack does with the view, or nothing. */
const door = { tag, auth: 'none', bucket: 'callback', bytes: true, selfAuthenticated: true, idempotency: 'none' } as const
const Reaction = s.jsonObject()
const empty = { body: {} }

const receiveAt = (
  house: SlackHouse,
  door: 'press' | 'event' | 'option',
  { bytes, request, limits }: Pick<Incoming & { door: 'press' }, 'bytes' | 'request' | 'limits'>,
) => receiveBy(house.tasks, 'slack', { door, bytes, request, limits }) as Promise<Reacted>

const doors = (house: SlackHouse): Route[] => [
  route(
    'POST /channels/slack/interactions',
    {
      ...door,
      summary: 'What people press and send in Slack',
      answers: { 200: Reaction },
      problems: ['signature_invalid', 'signature_expired'],
      render: (result) => (result === null ? empty : { body: result }),
    },
    (asked) => receiveAt(house, 'press', asked),
  ),
  route(
    'POST /channels/slack/events',
    {
      ...door,
      summary: 'What Slack tells by itself',
      answers: { 200: Reaction },
      problems: ['signature_invalid', 'signature_expired'],
      render: (result) => (result === null ? empty : { body: result }),
    },
    (asked) => receiveAt(house, 'event', asked),
  ),
  route(
    'POST /channels/slack/options',
    {
      ...door,
      summary: 'The options of a long list',
      answers: { 200: Reaction },
      problems: ['signature_invalid', 'signature_expired'],
    },
    (asked) => receiveAt(house, 'option', asked),
  ),
]
