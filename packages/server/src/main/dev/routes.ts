// What the page /dev reads and does (T148). These routes stand in no document of the API, and only a server that `countersign dev` started has them; like every page that sets
// channels up they are an admin's. What is pressed in the pretend Slack goes through the product's own door, signed as Slack signs.
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../../http/route.ts'
import { getUser } from '../../identity/user.ts'
import type { Inside, Parties, State } from './desk.ts'
import { linkMember, membersOf } from './seed.ts'
import type { SlackParty } from './slack/party.ts'
import type { Json, SlackMessage, SlackView } from './slack/workspace.ts'

const tag = 'dev'
const own = { tag, auth: 'any', action: 'task.configure' } as const
const act = { ...own, idempotency: 'none' } as const
const id = s.text({ min: 1, max: 300 })
const seen = { 200: s.jsonObject() }
const JUMPS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_JUMP_MS = 366 * JUMPS.d

export const deskRoutes = (inside: Inside, state: State, parties: Parties): Route[] => [
  route('GET /dev', { ...own, summary: 'What the desk of development holds', answers: seen }, () => look(inside, state, parties)),
  route(
    'GET /dev/mails/:id',
    { ...own, summary: 'A captured mail as it was sent', params: { id }, answers: seen, problems: ['not_found'] },
    async ({ params }) => {
      const raw = parties.mail.took.find((mail) => mail.id === params.id)?.raw
      if (raw === undefined) throw new Problem('not_found')
      return { raw }
    },
  ),
  route(
    'POST /dev/clock',
    {
      ...act,
      summary: 'Move the clock forward',
      body: s.object({ by: s.pattern(/^[1-9]\d{0,8}[smhd]$/, 'Must be a time such as 30s, 10m, 2h or 3d.') }),
      answers: seen,
      problems: ['state_conflict'],
    },
    async ({ body }) => {
      if (!state.clock) throw new Problem('state_conflict', { detail: NOT_MOVABLE })
      const ms = Number.parseInt(body.by, 10) * JUMPS[body.by.slice(-1) as keyof typeof JUMPS]
      if (ms > LONGEST_JUMP_MS)
        throw new Problem('validation_failed', {
          errors: [{ path: '/by', code: 'too_long', message: 'At most 366 days at once.' }],
        })
      await state.clock.advance(ms)
      return clockOf(state)
    },
  ),
  route(
    'POST /dev/ask',
    { ...act, summary: 'Let the development agent ask you', body: s.object({}), answers: seen, problems: ['state_conflict'] },
    ({ scope }) => ask(inside, state, parties, scope.userId, () => getUser(inside.identity, scope, scope.userId ?? '')),
  ),
  ...slackRoutes(inside, parties),
]

const NOT_MOVABLE = 'Only the clock of a database of its own can be moved; this one is served elsewhere too.'

const clockOf = ({ clock }: State): Json => ({
  now: (clock?.now() ?? new Date()).toISOString(),
  ahead_ms: clock?.ahead() ?? 0,
  reason: clock ? null : NOT_MOVABLE,
})

async function look(inside: Inside, state: State, { mail, slack, webhooks }: Parties): Promise<Json> {
  return {
    clock: clockOf(state),
    mail: { server: `127.0.0.1:${mail.port}`, mails: mail.took.map(({ raw: _, ...shown }) => shown) },
    slack: slack && {
      team: slack.space.team,
      members: (await membersOf(inside)).map(({ id: member, name, real_name }) => ({ id: member, name, real_name })),
      channels: slack.space.channels,
      messages: slack.space.messages.map(({ metadata: _, ...message }) => message),
      ephemerals: slack.space.ephemerals,
      views: slack.space.views.map(({ trigger: _, ...view }) => view),
      faults: slack.faults,
    },
    webhooks: { url: webhooks.url, endpoint_id: state.endpoint?.id ?? null, received: webhooks.got },
  }
}

/** The sample of the README, told by mail and in Slack, whose end is posted to the receiver. */
async function ask(
  { knock, origin }: Inside,
  { agentKey }: State,
  { slack, webhooks }: Parties,
  userId: string | null,
  me: () => Promise<{ email: string }>,
): Promise<Json> {
  if (agentKey === null || userId === null)
    throw new Problem('state_conflict', { detail: 'Only somebody who is signed in can be asked.' })
  const { email } = await me()
  const answer = await knock(
    new Request(`${origin()}/api/v1/tasks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${agentKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        task: 'Refund order 1042?',
        payload: { order: 1042, amount: 240, currency: 'EUR', reason: 'parcel lost' },
        response_schema: {
          type: 'object',
          properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 500 } },
          required: ['approved'],
        },
        timeout_seconds: 7_200,
        assign_to: email,
        notify: [`email:${email}`, ...(slack ? [`slack:${email}`] : [])],
        callback_url: `${webhooks.url}/callback`,
      }),
    }),
  )
  const task = (await answer.json()) as Json
  if (answer.status !== 201) throw new Problem('state_conflict', { detail: `The question was refused: ${String(task.title)}.` })
  return { id: task.id, url: task.url }
}

const values = s.jsonObject()

const slackRoutes = (inside: Inside, { slack }: Parties): Route[] =>
  slack === null
    ? []
    : [
        route(
          'POST /dev/slack/press',
          {
            ...act,
            summary: 'Press a button of a message, as a member',
            body: s.object({ channel: id, ts: id, action_id: id, user: id }),
            answers: seen,
            problems: ['not_found'],
          },
          async ({ body }) => {
            await linkMember(inside, slack.space.team.id, await memberOf(inside, body.user))
            return post(inside, slack, slack.space.pressed(messageAt(slack, body), body.action_id, body.user))
          },
        ),
        route(
          'POST /dev/slack/submit',
          {
            ...act,
            summary: 'Send a form, as the member who opened it',
            body: s.object({ view_id: id, values }),
            answers: seen,
            problems: ['not_found'],
          },
          async ({ body }) => {
            const view = viewOf(slack, body.view_id)
            const reaction = await post(inside, slack, slack.space.submitted(view, body.values as Json))
            react(slack, view, reaction)
            return reaction
          },
        ),
        route(
          'POST /dev/slack/options',
          {
            ...act,
            summary: 'Search a long list of a form',
            body: s.object({ view_id: id, block_id: id, action_id: id, typed: s.text({ max: 200 }) }),
            answers: seen,
            problems: ['not_found'],
          },
          ({ body }) => {
            const view = viewOf(slack, body.view_id)
            return post(inside, slack, slack.space.suggested(view, body.block_id, body.action_id, body.typed))
          },
        ),
        route(
          'POST /dev/slack/close',
          { ...act, summary: 'Close a form', body: s.object({ view_id: id }), answers: seen, problems: ['not_found'] },
          async ({ body }) => {
            drop(slack, viewOf(slack, body.view_id))
            return {}
          },
        ),
      ]

async function memberOf(inside: Inside, user: string) {
  const member = (await membersOf(inside)).find((one) => one.id === user)
  if (!member) throw new Problem('not_found')
  return member
}

function messageAt({ space }: SlackParty, at: { channel: string; ts: string }): SlackMessage {
  const message = space.messages.find(({ channel, ts }) => channel === at.channel && ts === at.ts)
  if (!message) throw new Problem('not_found')
  return message
}

function viewOf({ space }: SlackParty, viewId: string): SlackView {
  const view = space.views.find((one) => one.id === viewId)
  if (!view) throw new Problem('not_found')
  return view
}

/** Through the same door, with the same signature, as from Slack. */
async function post({ knock, origin }: Inside, slack: SlackParty, payload: Json): Promise<Json> {
  const { path, headers, body } = slack.request(payload)
  const answer = await knock(new Request(`${origin()}${path}`, { method: 'POST', headers, body }))
  const text = await answer.text()
  const said = text === '' ? {} : (JSON.parse(text) as Json)
  if (!answer.ok)
    throw new Problem('state_conflict', { detail: `Slack would have been answered ${answer.status} (${String(said.code)}).` })
  return said
}

/** What Slack does with the answer to a form: it shows errors, puts another view in its place, or closes it. */
function react(slack: SlackParty, view: SlackView, { response_action: action, view: next }: Json): void {
  if (action === 'errors') return
  if (action !== 'update') {
    drop(slack, view)
    return
  }
  const { id: known, hash, trigger, user } = view
  const after = { callback_id: '', private_metadata: '', ...(next as Json), id: known, hash, trigger, user } as SlackView
  slack.space.views.splice(slack.space.views.indexOf(view), 1, after)
}

const drop = ({ space }: SlackParty, view: SlackView): void => void space.views.splice(space.views.indexOf(view), 1)
