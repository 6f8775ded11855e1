import { expect, onTestFinished, test } from 'vitest'
import { readable, type SlackMessage } from '#harness'
import { connect, type SlackRig, slackRig, typed } from './testing/rig.ts'

const YES_NO = {
  type: 'object',
  properties: { approved: { type: 'boolean' } },
  required: ['approved'],
  additionalProperties: false,
}
const QUESTION = { task: 'Refund order 1042?', payload: { amount: 240 }, response_schema: YES_NO, timeout_seconds: 3_600 }

async function started(how: { connect?: boolean } = {}): Promise<SlackRig> {
  const rig = await slackRig({}, how)
  onTestFinished(async () => {
    await rig.slack.close()
    expect(rig.slack.faults).toEqual([])
  })
  return rig
}

/** Asked of the person, told in Slack; answers the task and what arrived. */
async function asked({ house, slack, member }: SlackRig, more: object = {}) {
  const task = await house.given.task({
    ...QUESTION,
    assign_to: { email: member.email },
    notify: [`slack:${member.email}`],
    ...more,
  })
  await house.runJobs()
  return { id: task.id, message: slack.messages.at(-1) as SlackMessage }
}

const read = async ({ house }: SlackRig, id: string) => (await house.alice.get(`/api/v1/tasks/${id}`)).body
const typesOf = async ({ house }: SlackRig) =>
  (await house.admin.rows<{ type: string }>`select type from events order by ord`).map(({ type }) => type)

test('T113 T149 a workspace is connected by OAuth: the state counts with the cookie of the browser that began, for ten minutes, once; the token is sealed', async () => {
  const rig = await started({ connect: false })
  const { house, slack } = rig
  const base = '/api/v1/channels/slack'
  expect((await house.alice.post(`${base}/oauth/start`, {})).body.code).toBe('channel_not_configured')
  await house.alice.put(`${base}/app`, {
    client_id: slack.clientId,
    client_secret: slack.clientSecret,
    signing_secret: slack.signingSecret,
  })
  const begin = async () => {
    const begun = await house.alice.at(house.url).raw(`${base}/oauth/start`, { method: 'POST', body: '{}' })
    expect(begun.status).toBe(200)
    const [cookie = ''] = (begun.headers.getSetCookie()[0] ?? '').split(';')
    const url = new URL(((await begun.json()) as { url: string }).url)
    return { cookie, state: url.searchParams.get('state') ?? '', url }
  }
  const back = (state: string, cookie: string | null, code = slack.allow()) =>
    house.nobody.raw(`${base}/oauth/callback?code=${code}&state=${encodeURIComponent(state)}`, {
      headers: cookie ? { cookie } : {},
    })

  const first = await begin()
  expect(first.url.href).toContain(`${slack.url}/oauth/v2/authorize?`)
  expect(first.url.searchParams.get('scope')?.split(',')).toContain('users:read.email')
  const second = await begin()
  expect((await back(first.state, null)).status).toBe(400)
  expect((await back(first.state, second.cookie)).status).toBe(400)
  expect((await back(`${first.state.slice(0, -2)}xx`, first.cookie)).status).toBe(400)
  expect((await back(first.state, first.cookie, 'not-a-code')).status).toBe(422)
  const done = await back(first.state, first.cookie)
  expect([done.status, done.headers.get('location')]).toEqual([302, expect.stringMatching(/channels\/slack\?connected=T0TEAM$/)])
  await house.clock.advance('11m')
  expect((await back(second.state, second.cookie)).status).toBe(410)

  const listed = await house.alice.get(`${base}/installations`)
  expect(listed.body.data).toMatchObject([{ team_id: 'T0TEAM', team_name: 'Example', state: 'active', via: 'oauth' }])
  const { rows } = await house.admin.query(
    'select i::text as row from countersign.slack_installations i union all select a::text from countersign.slack_apps a',
  )
  for (const secret of [slack.botToken, slack.clientSecret, slack.signingSecret]) {
    expect(JSON.stringify([listed.body, (await house.alice.get(`${base}/app`)).body])).not.toContain(secret)
    expect(rows.map(({ row }) => row).join()).not.toContain(secret)
    expect(house.logs.join()).not.toContain(secret)
  }
  expect(await typesOf(rig)).toContain('slack.installed')
})

test('T113 by a bot token too; what Slack refuses is said beside it; the manifest holds our addresses and the scopes', async () => {
  const { house, slack } = await started({ connect: false })
  const base = '/api/v1/channels/slack'
  expect((await house.alice.post(`${base}/installations`, { bot_token: slack.botToken })).body.code).toBe(
    'channel_not_configured',
  )
  await house.alice.put(`${base}/app`, { signing_secret: slack.signingSecret })
  const wrong = await house.alice.post(`${base}/installations`, { bot_token: 'xoxb-0000000000000000' })
  expect([wrong.status, wrong.body.errors[0].path]).toEqual([422, '/bot_token'])
  expect((await house.alice.post(`${base}/installations`, { bot_token: slack.botToken })).status).toBe(201)
  const { body } = await house.alice.get(`${base}/manifest`)
  expect(body.settings.interactivity.request_url).toBe(`${house.server.publicUrl}/api/v1/channels/slack/interactions`)
  expect(body.oauth_config.scopes.bot).toEqual(
    'chat:write im:write im:history channels:read channels:history groups:read groups:history users:read users:read.email files:read files:write'.split(
      ' ',
    ),
  )
  expect((await house.member.get(`${base}/manifest`)).status).toBe(403)
})

test('T115 A24 unsigned, wrongly signed and stale requests are 401 and change nothing; a body that comes again does nothing', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const { id, message } = await asked(rig)
  const press = (how?: object) => {
    const block = message.blocks.find(({ type }) => type === 'actions')
    const [first] = block.elements
    return slack.interact(
      house.url,
      {
        type: 'block_actions',
        user: { id: dana, team_id: slack.team.id },
        container: { type: 'message', message_ts: message.ts, channel_id: message.channel },
        channel: { id: message.channel },
        trigger_id: 'same',
        actions: [{ type: 'button', action_id: first.action_id, value: first.value }],
      },
      how,
    )
  }
  const now = slack.now()
  expect((await slack.post(house.url, 'interactions', 'payload=%7B%7D', {})).status).toBe(401)
  expect((await press({ secret: 'not-the-secret' })).status).toBe(401)
  expect((await press({ at: now - 301_000 })).status).toBe(401)
  // Far enough ahead to be so however long this takes.
  expect((await press({ at: slack.now() + 390_000 })).status).toBe(401)
  expect(
    (await slack.post(house.url, 'events', '{"type":"url_verification","challenge":"x"}', slack.signed('{"type":"other"}')))
      .status,
  ).toBe(401)
  expect((await read(rig, id)).status).toBe('open')

  const challenge = '{"token":"t","challenge":"c-17","type":"url_verification"}'
  const verified = await slack.post(house.url, 'events', challenge, slack.signed(challenge))
  expect([verified.status, await verified.json()]).toEqual([200, { challenge: 'c-17' }])

  expect((await press()).status).toBe(200)
  expect(await read(rig, id)).toMatchObject({ status: 'completed', completed_via_channel: 'slack' })
  expect((await press()).status).toBe(200)
  await house.runJobs()
  expect(slack.ephemerals).toEqual([])
})

test('T116 T119 a yes or no has two buttons that ask once more; the message ends by saying who decided, how and when', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const { id, message } = await asked(rig)
  const actions = message.blocks.find(({ type }) => type === 'actions')
  expect(actions.elements.map((one: { text: { text: string } }) => one.text.text)).toEqual(['Approve', 'Deny', 'Open'])
  expect(actions.elements[0].confirm.title.text).toBe('Approve?')
  expect(readable(message)).toMatch(/Refund order 1042\?[\s\S]*Asked by \*.+\* · answer by <!date\^\d+\^/)
  expect((await slack.press(house.url, message, 'cs_deny', dana)).status).toBe(200)
  expect(await read(rig, id)).toMatchObject({ status: 'completed', response: { approved: false } })
  await house.runJobs()
  expect(readable(message)).toMatch(/Denied by .+ in Slack\.[\s\S]*/)
  expect(message.blocks.some(({ type }) => type === 'actions')).toBe(false)
  expect(message.edited).toBe(1)
})

test('T105 T119 what is settled elsewhere is edited here too, and no button of it works any more; a message that was deleted is no error', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const first = await asked(rig)
  const before = structuredClone(first.message)
  await house.agent.post(`/api/v1/tasks/${first.id}/cancel`, {})
  await house.runJobs()
  expect(readable(first.message)).toContain('It was withdrawn.')
  await slack.press(house.url, before, 'cs_approve', dana)
  await house.runJobs()
  expect(slack.ephemerals).toMatchObject([{ user: dana, text: expect.stringContaining('settled already') }])

  const second = await asked(rig)
  slack.forget(second.message)
  await house.agent.post(`/api/v1/tasks/${second.id}/cancel`, {})
  const ran = await house.runJobs()
  expect(ran.filter(({ outcome }: { outcome?: unknown }) => outcome === 'failed')).toEqual([])
  expect((await house.alice.get(`/api/v1/tasks/${second.id}/notices`)).body.data[0].state).toBe('rewritten')
})

test('T118 somebody nobody knows is told privately how to sign in, once; then the same press counts, as theirs', async () => {
  const rig = await started()
  const { house, slack } = rig
  const carol = await house.given.user({ role: 'member', displayName: 'Carol' })
  slack.members.push({ id: 'U0CAROL', name: 'carol', email: 'someone@elsewhere.example' })
  const { id, message } = await asked(rig, { assign_to: { emails: [carol.email, house.bob.email] } })
  await slack.press(house.url, message, 'cs_approve', 'U0CAROL')
  await house.runJobs()
  const [said] = slack.ephemerals
  expect(said).toMatchObject({ user: 'U0CAROL', text: expect.stringContaining('Sign in once') })
  expect((await read(rig, id)).status).toBe('open')
  const [, token] = /#token=([A-Za-z0-9_-]{43})/.exec(said?.text ?? '') ?? []
  const { rows } = await house.admin.query(`select coalesce(string_agg(j::text, ''), '') as all from countersign_queue.jobs j`)
  expect(rows[0].all).not.toContain(token)
  expect((await house.nobody.post('/api/v1/channels/slack/link', { token })).status).toBe(401)
  expect((await carol.post('/api/v1/channels/slack/link', { token })).body).toEqual({
    team_id: 'T0TEAM',
    slack_user_id: 'U0CAROL',
  })
  expect((await carol.post('/api/v1/channels/slack/link', { token })).body.code).toBe('link_used')

  await slack.press(house.url, message, 'cs_approve', 'U0CAROL')
  expect(await read(rig, id)).toMatchObject({ status: 'completed', completed_by_user_id: carol.id })
  const members = await house.alice.get('/api/v1/channels/slack/installations/T0TEAM/members')
  expect(members.body.data).toMatchObject([
    { slack_user_id: 'U0CAROL', user_id: carol.id, linked_by: 'sign_in' },
    { slack_user_id: 'U0DANA', user_id: null },
  ])
  await house.alice.delete('/api/v1/channels/slack/installations/T0TEAM/members/U0CAROL')
  const next = await asked(rig, { assign_to: { emails: [carol.email, house.bob.email] } })
  await slack.press(house.url, next.message, 'cs_approve', 'U0CAROL')
  expect((await read(rig, next.id)).status).toBe('open')
})

test('T118 an address counts only when both sides have verified it, and of a member of this workspace', async () => {
  const rig = await started()
  const { house, slack, member } = rig
  const { id, message } = await asked(rig)
  const [dana] = slack.members as [(typeof slack.members)[number]]
  const refused = async () => {
    await slack.press(house.url, message, 'cs_approve', dana.id)
    expect((await read(rig, id)).status).toBe('open')
  }
  dana.confirmed = false
  await refused()
  Object.assign(dana, { confirmed: true, deleted: true })
  await refused()
  dana.deleted = false
  await house.admin.run`update user_emails set verified_at = null where user_id = ${member.id}::text`
  await refused()
  await house.admin.run`update user_emails set verified_at = countersign.now() where user_id = ${member.id}::text`
  await slack.press(house.url, message, 'cs_approve', dana.id)
  expect((await read(rig, id)).status).toBe('completed')
  expect(await typesOf(rig)).toContain('slack.linked')
})

test('T118 A24 who is not asked gets a private word and nothing changes, and is shown no form', async () => {
  const rig = await started()
  const { house, slack } = rig
  const { id, message } = await asked(rig, {
    response_schema: { ...YES_NO, properties: { ...YES_NO.properties, note: { type: 'string' } } },
  })
  await house.admin.run`update user_emails set verified_at = countersign.now() where user_id = ${house.bob.id}::text`
  slack.members.push({ id: 'U0BOB', name: 'bob', email: house.bob.email })
  for (const button of ['cs_approve', 'cs_review']) await slack.press(house.url, message, button, 'U0BOB')
  await house.runJobs()
  expect(slack.ephemerals.map(({ user, text }) => [user, text])).toEqual([
    ['U0BOB', 'Somebody else holds this. Nothing has changed.'],
    ['U0BOB', 'Somebody else holds this. Nothing has changed.'],
  ])
  expect(slack.views).toEqual([])
  expect(await read(rig, id)).toMatchObject({ status: 'open', decisions: [] })
})

test('T117 T166 a view of a settled task, of an unknown block and of nobody’s button end in a private explanation, not in an error', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const more = { response_schema: { ...YES_NO, properties: { ...YES_NO.properties, note: { type: 'string', maxLength: 5 } } } }
  const { id, message } = await asked(rig, more)
  await slack.press(house.url, message, 'cs_review', dana)
  const [view] = slack.views
  if (!view) throw new Error('no view was opened')
  expect(view.blocks.filter(({ type }) => type === 'input').map(({ block_id }) => block_id)).toEqual(['f-approved', 'f-note'])
  const errors = await (await slack.submit(house.url, view, typed(view, { approved: true, note: 'too long' }))).json()
  expect(errors).toMatchObject({ response_action: 'errors', errors: { 'f-note': expect.stringContaining('5') } })
  const strange = await (
    await slack.submit(house.url, view, { 'f-other': { value: { type: 'plain_text_input', value: 'x' } } })
  ).json()
  expect(strange).toMatchObject({ response_action: 'update' })
  const unknown = await (await slack.submit(house.url, { ...view, private_metadata: '{}' }, {})).json()
  expect(unknown).toMatchObject({ response_action: 'update' })
  expect((await read(rig, id)).status).toBe('open')
  await house.agent.post(`/api/v1/tasks/${id}/cancel`, {})
  const late = await (await slack.submit(house.url, view, typed(view, { approved: true }))).json()
  expect(JSON.stringify(late)).toContain('settled already')
  await slack.interact(house.url, {
    type: 'block_actions',
    user: { id: dana, team_id: slack.team.id },
    channel: { id: 'D0DANA' },
    actions: [{ type: 'button', action_id: 'cs_nothing', value: '{}' }],
  })
  await house.runJobs()
  expect(slack.ephemerals.at(-1)?.text).toContain('This button does nothing any more')
})

test('T116 T117 every kind that a modal takes is asked for within its limits, and comes back as the schema wants it', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const { id, message } = await asked(rig, {
    response_schema: {
      type: 'object',
      properties: {
        approved: { type: 'boolean', title: 'x'.repeat(300), description: 'y'.repeat(3_000) },
        text: { type: 'string', maxLength: 9_000 },
        mail: { type: 'string', format: 'email' },
        amount: { type: 'number' },
        speed: { enum: ['slow', 'fast'] },
        size: { enum: Array.from({ length: 40 }, (_, i) => `size ${i} ${'z'.repeat(100)}`) },
        tags: { type: 'array', items: { enum: ['a', 'b', 'c'] } },
        due: { type: 'string', format: 'date' },
        at: { type: 'string', format: 'time' },
      },
      required: ['approved', 'amount', 'speed'],
    },
  })
  await slack.press(house.url, message, 'cs_review', dana)
  const [view] = slack.views
  if (!view) throw new Error('no view was opened')
  const suggested = await slack.interact(house.url, {
    type: 'block_suggestion',
    user: { id: dana, team_id: slack.team.id },
    ...{ action_id: 'value', block_id: 'f-size', value: 'SIZE 3' },
    view: { ...view, state: { values: {} } },
  })
  const { options } = (await suggested.json()) as { options: { text: { text: string }; value: string }[] }
  expect(options.map(({ text }) => text.text.slice(0, 7).trim())).toEqual([
    'size 3',
    ...Array.from({ length: 10 }, (_, i) => `size 3${i}`),
  ])
  const answer = {
    approved: true,
    text: 'hello',
    mail: 'a@example.com',
    amount: '12.5',
    speed: 'fast',
    tags: ['c', 'a'],
    due: '2026-12-24',
    at: '08:30',
  }
  const sent = await slack.submit(house.url, view, typed(view, { ...answer, size: '7' }))
  expect(await sent.json()).toEqual({})
  expect((await read(rig, id)).response).toMatchObject({
    approved: true,
    text: 'hello',
    amount: 12.5,
    speed: 'fast',
    tags: ['a', 'c'],
    due: '2026-12-24',
    size: `size 7 ${'z'.repeat(100)}`,
  })
})

test('T94 T101 in a channel whoever is there may claim it; the others learn who holds it', async () => {
  const rig = await started()
  const { house, slack, dana, member } = rig
  slack.channels.push({ id: 'C0ONE', name: 'one' }, { id: 'C0TWO', name: 'two' }, { id: 'C0FIN', name: 'finance' })
  await house.admin.run`update user_emails set verified_at = countersign.now() where user_id = ${house.bob.id}::text`
  slack.members.push({ id: 'U0BOB', name: 'bob', email: house.bob.email })
  const task = await house.given.task({ ...QUESTION, notify: ['slack:#Finance'] })
  await house.runJobs()
  const [message] = slack.messages as [SlackMessage]
  expect(message.channel).toBe('C0FIN')
  const before = structuredClone(message)
  await slack.press(house.url, message, 'cs_claim', dana)
  expect(await read(rig, task.id)).toMatchObject({ assigned_to_user_id: member.id })
  await house.runJobs()
  expect(readable(message)).toContain(`Held by ${member.displayName}.`)
  await slack.press(house.url, before, 'cs_approve', 'U0BOB')
  await house.runJobs()
  expect(slack.ephemerals.at(-1)).toMatchObject({ user: 'U0BOB', text: expect.stringContaining('Somebody else holds this') })
  await slack.press(house.url, before, 'cs_approve', dana)
  expect((await read(rig, task.id)).status).toBe('completed')
})

test('T100 a handle is found over all pages of the list, which is read at most every ten minutes; who is not there is said', async () => {
  const rig = await started()
  const { house, slack } = rig
  for (let i = 0; i < 6; i++) slack.members.push({ id: `U0M${i}`, name: `m${i}`, email: `m${i}@example.com` })
  const send = async (target: string) => {
    const task = await house.given.task({ ...QUESTION, notify: [`slack:${target}`] })
    await house.runJobs()
    return (await house.alice.get(`/api/v1/tasks/${task.id}/notices`)).body.data[0]
  }
  const lists = () => slack.calls.filter(({ method }) => method === 'users.list').length
  expect((await send('@M5')).state).toBe('sent')
  expect(slack.messages.at(-1)?.channel).toBe('D0M5')
  const pages = lists()
  expect(pages).toBe(4)
  expect((await send('@m4')).state).toBe('sent')
  expect(lists()).toBe(pages)
  expect(await send('@nobody')).toMatchObject({ state: 'failed' })
  await house.clock.advance('11m')
  await send('@m3')
  expect(lists()).toBe(2 * pages)
})

test('T119 a reply below the message is a comment, once; what programs write is none', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const { id, message } = await asked(rig)
  const reply = {
    type: 'message',
    channel: message.channel,
    user: dana,
    text: 'Is <https://shop.example|the shop> right &amp; open?',
    ts: '1800000000.1',
    thread_ts: message.ts,
  }
  expect((await slack.tell(house.url, reply, { id: 'Ev1' })).status).toBe(200)
  expect((await slack.tell(house.url, reply, { id: 'Ev1' })).status).toBe(200)
  await slack.tell(house.url, { ...reply, ts: '1800000000.2', bot_id: 'B1' })
  await slack.tell(house.url, { ...reply, ts: '1800000000.3', subtype: 'message_changed' })
  await slack.tell(house.url, { ...reply, ts: '1800000000.4', thread_ts: '1.1' })
  const { body } = await house.alice.get(`/api/v1/tasks/${id}/comments`)
  expect(body.data.map((one: { body: string }) => one.body)).toEqual(['Is the shop right & open?'])
})

test('§11.2 T104 a message whose answer was lost is found again and not sent twice', async () => {
  const rig = await started()
  const { house, slack } = rig
  slack.loseNext('chat.postMessage')
  const { id } = await asked(rig)
  expect(slack.messages).toHaveLength(1)
  await house.clock.advance('2m')
  await house.runJobs()
  expect(slack.messages).toHaveLength(1)
  expect((await house.alice.get(`/api/v1/tasks/${id}/notices`)).body.data).toMatchObject([{ state: 'sent' }])
})

test('§11.2 T119 a pause that Slack asks for is kept by every message; a press meanwhile counts and is answered later', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const { id, message } = await asked(rig)
  const before = structuredClone(message)
  slack.mode('limited')
  const second = await asked(rig)
  const calls = slack.calls.length
  slack.mode('well')
  await slack.press(house.url, before, 'cs_approve', dana)
  expect((await read(rig, id)).status).toBe('completed')
  await slack.press(house.url, before, 'cs_deny', dana)
  await house.clock.advance('10m')
  await house.runJobs()
  expect(slack.calls.length).toBeGreaterThan(calls)
  expect(slack.ephemerals.at(-1)?.text).toContain('settled already')
  expect((await house.alice.get(`/api/v1/tasks/${second.id}/notices`)).body.data[0].state).toBe('sent')
})

test('§11.2 T167 a token that was revoked marks the installation, once, and is said to who looks; connecting again mends it', async () => {
  const rig = await started()
  const { house, slack } = rig
  slack.mode('revoked')
  for (let i = 0; i < 3; i++) await house.given.task({ ...QUESTION, notify: [`slack:${rig.member.email}`] })
  await house.runJobs()
  expect((await house.alice.get('/api/v1/channels/slack/installations')).body.data).toMatchObject([
    { state: 'revoked', state_reason: 'token_revoked' },
  ])
  expect((await typesOf(rig)).filter((type) => type === 'slack.revoked')).toHaveLength(1)
  slack.mode('well')
  await connect(house, slack)
  await house.given.task({ ...QUESTION, notify: [`slack:${rig.member.email}`] })
  await house.runJobs()
  expect(slack.messages).toHaveLength(1)
  await slack.tell(house.url, { type: 'app_uninstalled' })
  expect((await house.alice.get('/api/v1/channels/slack/installations')).body.data).toMatchObject([
    { state: 'revoked', state_reason: 'app_uninstalled' },
  ])
})

test('T17 T115 another tenant is not reached: its secret signs for its own tasks alone', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const { id, message } = await asked(rig)
  const other = await house.stranger.person()
  await other.put('/api/v1/channels/slack/app', { app_id: slack.appId, signing_secret: 'f'.repeat(32) })
  await other.post('/api/v1/channels/slack/installations', { bot_token: slack.botToken })
  const forged = await slack.interact(
    house.url,
    {
      type: 'block_actions',
      user: { id: dana, team_id: slack.team.id },
      channel: { id: message.channel },
      actions: [
        {
          type: 'button',
          action_id: 'cs_approve',
          value: message.blocks.find(({ type }) => type === 'actions').elements[0].value,
        },
      ],
    },
    { secret: 'f'.repeat(32) },
  )
  expect(forged.status).toBe(200)
  expect((await read(rig, id)).status).toBe('open')
})

test('T106 T117 A24 what a verifier refuses at once stands on its block; the message opens the form again with what was typed and why', async () => {
  const rig = await started()
  const { house, slack, dana } = rig
  const rules = {
    provider: 'rules',
    rules: [{ schema: { properties: { response: { required: ['note'] } } }, message: 'Say why.', field: 'note' }],
  }
  const { id, message } = await asked(rig, {
    response_schema: { ...YES_NO, properties: { ...YES_NO.properties, note: { type: 'string' }, other: { type: 'string' } } },
    verifier_config: rules,
  })
  await slack.press(house.url, message, 'cs_review', dana)
  const [view] = slack.views
  if (!view) throw new Error('no view was opened')
  const said = await slack.submit(house.url, view, typed(view, { approved: true, other: 'kept words' }))
  expect(await said.json()).toEqual({ response_action: 'errors', errors: { 'f-note': 'Say why.' } })
  expect((await read(rig, id)).status).toBe('returned')
  await house.runJobs()

  await slack.press(house.url, message, 'cs_review', dana)
  const again = slack.views.at(-1)
  if (!again || again === view) throw new Error('the form did not open again')
  expect(readable({ text: '', blocks: again.blocks })).toContain('Your answer was not accepted: Say why.')
  // A view that opens can carry no errors of Slack's own: the word stands above the field that it is about.
  const place = again.blocks.findIndex(({ block_id }) => block_id === 'f-note')
  expect(again.blocks[place - 1]).toMatchObject({ type: 'section', text: { text: '⚠ Say why.' } })
  const input = again.blocks.find(({ block_id }) => block_id === 'f-other')
  expect(input.element.initial_value).toBe('kept words')
  const done = await slack.submit(house.url, again, typed(again, { approved: true, other: 'kept words', note: 'lost' }))
  expect(await done.json()).toEqual({})
  expect(await read(rig, id)).toMatchObject({
    status: 'completed',
    response: { approved: true, note: 'lost', other: 'kept words' },
  })
})
