// Senders of mail, what their mails say, and how they go out when the server of mail is away (T107, T108, §11.2).
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { errorsOf, remains } from '../../tasks.fixture.ts'
import { addIdentity, mailRig } from './testing/rig.ts'
import { linksIn, openSink, reviewIn, type Taken } from './testing/sink.ts'

const IDENTITIES = '/api/v1/channels/email/identities'
const noticesOf = async ({ alice }: House, id: string) => (await alice.get(`/api/v1/tasks/${id}/notices`)).body.data

test('T107 a sender’s password is sealed and never answered; the first one is the default, and another can be', async () => {
  const { house, sink } = await mailRig()
  const secret = { host: '127.0.0.1', port: sink.port, security: 'starttls', user: 'ann', password: 'canary-password-1' }
  const made = await addIdentity(house, sink, { id: 'billing', from_email: 'billing@example.com', settings: secret })
  expect(made).toMatchObject({ id: 'billing', is_default: false, has_secret: true, verified_at: null, settings: { user: 'ann' } })
  const changed = await house.alice.patch(`${IDENTITIES}/billing`, { is_default: true, from_name: 'Billing' })
  expect(changed.body).toMatchObject({ is_default: true, from_name: 'Billing', has_secret: true })
  const listed = await house.alice.get(IDENTITIES)
  expect(listed.body.data.map((one: { id: string; is_default: boolean }) => [one.id, one.is_default])).toEqual([
    ['billing', true],
    ['main', false],
  ])
  const { text } = await house.admin.one<{ text: string }>`select string_agg(i::text, ' ') as text from mail_identities i`
  for (const place of [text, JSON.stringify([made, changed.body, listed.body]), house.logs.join('\n')])
    expect(place).not.toContain('canary-password')
  expect((await house.alice.delete(`${IDENTITIES}/billing`)).status).toBe(204)
  expect((await house.alice.get(`${IDENTITIES}/billing`)).status).toBe(404)
  expect(
    (await house.admin.one<{ n: number }>`select count(secret)::int as n from mail_identities where removed_at is not null`).n,
  ).toBe(0)
  // whoever runs the tenant, and nobody else
  for (const who of [house.member, house.operator, house.agent]) expect((await who.get(IDENTITIES)).status).toBe(403)
  expect((await house.eventTypes()).filter((type) => type.startsWith('mail_identity.'))).toEqual([
    'mail_identity.created',
    'mail_identity.created',
    'mail_identity.updated',
    'mail_identity.removed',
  ])
})

test('T107 T166 settings that cannot work are refused at their place, and nothing is kept', async () => {
  const { house } = await mailRig()
  const before = (await house.alice.get(IDENTITIES)).body.data.length
  const base = { id: 'other', display_name: 'X', from_email: 'x@example.com', transport: 'smtp' }
  const at = async (more: object) => {
    const { status, body } = await house.alice.post(IDENTITIES, { ...base, ...more })
    return [status, ...errorsOf(body).map((one) => one.split(' ')[0])]
  }
  expect(await at({ settings: {} })).toEqual([422, '/settings/host'])
  expect(await at({ settings: { host: 'mail.example.com', password: 'p' } })).toEqual([422, '/settings/user'])
  expect(await at({ settings: { host: 'mail.example.com', user: 'u', password: 'p', security: 'none' } })).toEqual([
    422,
    '/settings/security',
  ])
  expect(await at({ settings: { host: '10.0.0.1' } })).toEqual([422, '/settings/host'])
  expect(await at({ settings: { host: 'mail.example.com', port: 22 } })).toEqual([422, '/settings/host'])
  expect(await at({ settings: { host: 'mail.example.com', port: 70_000, cc: 'x' } })).toEqual([
    422,
    '/settings/port',
    '/settings/cc',
  ])
  expect(await at({ from_email: 'x@example.com\r\nBcc: eve@example.com', settings: { host: 'mail.example.com' } })).toEqual([
    422,
    '/from_email',
  ])
  expect(await at({ transport: 'http', settings: { url: 'http://10.0.0.1/', template: {} } })).toEqual([422, '/settings/url'])
  expect((await house.alice.get(IDENTITIES)).body.data).toHaveLength(before)
})

test('T107 a sender is verified by the code of a test mail, not by a guess, and not any more once it leaves by another door', async () => {
  const { house, sink } = await mailRig()
  const sent = await house.alice.post(`${IDENTITIES}/main/test`, { to: 'alice@example.com' })
  expect(sent.body).toEqual({ sent: true, reason: null })
  const code = /^[A-Z2-9]{8}$/m.exec(sink.took[0]?.text ?? '')?.[0] as string
  const confirm = (given: string) => house.alice.post(`${IDENTITIES}/main/confirm`, { code: given })
  expect((await confirm('AAAAAAAA')).status).toBe(422)
  expect((await confirm(` ${code.toLowerCase()} `)).body.verified_at).toEqual(expect.any(String))
  expect((await confirm(code)).status).toBe(422)
  const moved = await house.alice.patch(`${IDENTITIES}/main`, { from_email: 'other@example.com' })
  expect(moved.body.verified_at).toBeNull()
  // five guesses, then not even the right one
  await house.alice.post(`${IDENTITIES}/main/test`, { to: 'alice@example.com' })
  const second = /^[A-Z2-9]{8}$/m.exec(sink.took[1]?.text ?? '')?.[0] as string
  for (let i = 0; i < 5; i++) expect((await confirm('AAAAAAAA')).status).toBe(422)
  expect((await confirm(second)).status).toBe(422)
  sink.mode('never')
  const failed = await house.alice.post(`${IDENTITIES}/main/test`, { to: 'alice@example.com' })
  expect(failed.body).toEqual({ sent: false, reason: 'The mail server refused the mail (550).' })
  expect((await house.alice.get(`${IDENTITIES}/main`)).body.last_error).toBe('The mail server refused the mail (550).')
})

test('T108 T85 T86 a mail has both parts, a button for each answer, cut values with their count, and nothing of the agent’s as markup', async () => {
  const { house, sink, member } = await mailRig()
  await house.given.task({
    task: 'Which\nplan <b>now</b>\u202e?',
    payload: { long: 'x'.repeat(450), html: '<script>alert(1)</script>', big: 12, nested: { a: [1, 2] } },
    response_schema: { type: 'object', properties: { plan: { enum: ['basic', 'pro'] } }, required: ['plan'] },
    assign_to: { email: member.email },
    notify: [`email:${member.email}`],
    priority: 'urgent',
  })
  await house.runJobs()
  const [mail] = sink.took as [Taken]
  expect(mail.subject).toBe('[urgent] Which plan <b>now</b>[U+202E]?')
  expect(mail.text).toContain(`long: ${'x'.repeat(300)}… (150 more characters)`)
  expect(mail.text).toContain('nested: {"a":[1,2]}')
  expect([...linksIn(mail).keys()].slice(0, 2)).toEqual(['basic', 'pro'])
  for (const raw of ['<script>', '<b>now', '\u202e']) expect(mail.html).not.toContain(raw)
  expect(mail.html).toContain('&lt;script&gt;')
  expect(mail.html).not.toMatch(/<(img|link|script|iframe)\b|url\(/)
  expect(mail.headers.find(({ key }) => key === 'auto-submitted')?.value).toBe('auto-generated')
  expect(mail.messageId).toMatch(/^<ntc_[0-9A-Z]{26}@127\.0\.0\.1>$/)
  expect(mail.raw).not.toContain(`${house.tenantId}`)
})

test('T104 T108 a reminder follows its first mail in the thread; who asks twice about one notice sends one mail', async () => {
  const { house, sink, member } = await mailRig()
  const task = await house.given.task({
    assign_to: { email: member.email },
    notify: [`email:${member.email}`],
    reminders: [{ after: 600 }],
    timeout_seconds: 7_200,
  })
  await house.runJobs()
  await house.clock.advance('11m')
  await house.runJobs()
  const [first, second, ...more] = sink.took as [Taken, Taken]
  expect(more).toEqual([])
  expect(second.inReplyTo).toBe(first.messageId)
  expect(second.subject).toBe(`Re: ${first.subject}`)
  expect(second.messageId).not.toBe(first.messageId)
  expect((await noticesOf(house, task.id)).map((one: { purpose: string }) => one.purpose).sort()).toEqual(['asked', 'reminder'])
})

test('T108 A35 with its mail server stopped a task stands, its notice is tried five times more over an hour and then says why; another channel of the house is not held up', async () => {
  const { house, sink, member } = await mailRig()
  await sink.stop()
  const task = await house.given.task({
    assign_to: { email: member.email },
    notify: [`email:${member.email}`],
    timeout_seconds: 86_400,
  })
  await house.runJobs()
  expect(await noticesOf(house, task.id)).toMatchObject([{ state: 'queued', attempts: 1 }])
  for (let minutes = 0; minutes < 75; minutes += 5) {
    await house.clock.advance('5m')
    await house.runJobs()
  }
  const notices = (await noticesOf(house, task.id)) as { channel: string; state: string; attempts: number }[]
  expect(notices.find(({ channel }) => channel === 'email')).toMatchObject({ state: 'failed', attempts: 6 })
  const reason = 'The mail server does not answer.'
  expect((await house.alice.get(`${IDENTITIES}/main`)).body.last_error).toBe(reason)
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')
  // Nobody was sent those links.
  const { live } = await house.admin.one<{
    live: number
  }>`select count(*)::int as live from task_links where revoked_at is null and purpose <> 'session'`
  expect(live).toBe(0)
  const back = await openSink({}, sink.port)
  const next = await house.given.task({ assign_to: { email: member.email }, notify: [`email:${member.email}`] })
  await house.runJobs()
  expect(back.took).toHaveLength(1)
  expect(reviewIn(back.took[0] as Taken)).toMatch(/^[\w-]{43}$/)
  expect(await noticesOf(house, next.id)).toMatchObject([{ state: 'sent' }])
})

test('P47 where a sender is set up an invitation goes out by mail; its link is sealed until then and gone afterwards', async () => {
  const { house, sink } = await mailRig()
  const made = await house.alice.post('/api/v1/invitations', { email: 'New@Example.com', role: 'member' })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  const token = new URL(made.body.link).hash.slice(1)
  const letters = () => house.admin.rows<{ text: string; body: Buffer | null }>`select l::text as text, body from letters l`
  const jobs = await house.admin.rows<{ text: string }>`select j::text as text from countersign_queue.jobs j`
  expect(JSON.stringify([(await letters()).map(({ text }) => text), jobs])).not.toContain(token)
  await house.runJobs()
  const [mail] = sink.took as [Taken]
  expect(mail.envelope.to).toEqual(['new@example.com'])
  expect(mail.subject).toBe('Alice invites you to Main')
  expect(mail.text).toContain(made.body.link)
  expect(await letters()).toMatchObject([{ body: null }])
  await house.runJobs()
  expect(sink.took).toHaveLength(1)
})

test('T100 T166 notify with a line break, an unknown identity or a garbled address is refused at its place and leaves nothing', async () => {
  const { house } = await mailRig()
  const before = await remains(house)
  const bad = [
    'email:ann@example.com\r\nBcc: eve@example.com',
    'email+nobody:ann@example.com',
    'email:',
    'email:ann',
    'sms:1',
    'email:ann@example.com,eve@example.com',
  ]
  for (const entry of bad) {
    const { status, body } = await house.agent.post('/api/v1/tasks', {
      task: 'Fine?',
      response_schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
      timeout_seconds: 600,
      notify: ['email:fine@example.com', entry],
    })
    expect([entry, status, body.code]).toEqual([entry, 422, 'notify_invalid'])
    expect(errorsOf(body)[0]).toContain('/notify/1')
  }
  expect(await remains(house)).toEqual(before)
})
