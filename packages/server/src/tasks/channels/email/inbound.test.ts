// Replies by mail (T112, A25): signed by the provider, vouched for, from the person who was written to; a comment, or a decision where the asker allows.
import { expect, test } from 'vitest'
import { clientOf, type House } from '#harness'
import { standardSignature } from '../../../crypto/signature.ts'
import { remains } from '../../tasks.fixture.ts'
import { isAligned } from './alignment.ts'
import { newText, wordsOf } from './reply-text.ts'
import { mailRig } from './testing/rig.ts'
import type { Taken } from './testing/sink.ts'

const VOUCHED = { dkim: [{ domain: 'example.com', result: 'pass' }], spf: null }

async function start(more: Record<string, unknown> = {}) {
  const rig = await mailRig()
  const { house, sink, member } = rig
  const made = await house.alice.patch('/api/v1/channels/email/identities/main', { inbound_domain: 'reply.example.com' })
  expect(made.status, JSON.stringify(made.body)).toBe(200)
  const { inbound_url, inbound_secret } = made.body as { inbound_url: string; inbound_secret: string }
  const task = await house.given.task({ assign_to: { email: member.email }, notify: [`email:${member.email}`], ...more })
  await house.runJobs()
  const [mail] = sink.took as [Taken]
  const address = mail.replyTo?.[0]?.address as string
  expect(address).toMatch(/^reply\+[0-9a-f]{40}@reply\.example\.com$/)
  const post = (body: object, sign: { secret?: string; at?: number; bytes?: string } = {}) =>
    postSigned(house, new URL(inbound_url).pathname, body, { secret: inbound_secret, ...sign })
  const letter = (text: string, more: Record<string, string> = {}) => rawOf({ from: member.email, to: address, text, ...more })
  return { ...rig, task, mail, post, letter, secret: inbound_secret }
}

const rawOf = ({ from, to, text, ...headers }: Record<string, string>): string =>
  Buffer.from(
    [
      `From: ${from}`,
      `To: ${to}`,
      'Subject: Re: hello',
      `Message-ID: <${crypto.randomUUID()}@example.com>`,
      'Content-Type: text/plain; charset=utf-8',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      '',
      text,
    ].join('\r\n'),
  ).toString('base64')

function postSigned(
  house: House,
  path: string,
  body: object,
  { secret, at, bytes }: { secret: string; at?: number; bytes?: string },
) {
  const text = JSON.stringify(body)
  const timestamp = Math.floor(house.clock.now().getTime() / 1_000) + (at ?? 0)
  const signature = standardSignature([secret], 'msg_1', timestamp, bytes ?? text)
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': signature }
  return clientOf(house.url).post(path, text, headers)
}

const commentsOf = async ({ alice }: House, id: string) =>
  ((await alice.get(`/api/v1/tasks/${id}/comments`)).body.data as { body: string; channel: string; author: object }[]) ?? []

test('T112 A25 a reply that DKIM vouches for is a comment without what it quotes; posted twice it is one', async () => {
  const { house, member, task, post, letter } = await start()
  const raw = letter(
    'Please ask Bob first.\n\nOn Sun, 22 Nov 2026 at 12:00, Countersign\n<countersign@example.com> wrote:\n> Approve the refund?\n',
  )
  const taken = await post({ raw, ...VOUCHED })
  expect([taken.status, taken.body]).toEqual([200, { outcome: 'comment', reason: null }])
  expect((await post({ raw, ...VOUCHED })).body.outcome).toBe('dropped')
  expect(await commentsOf(house, task.id)).toMatchObject([
    { body: 'Please ask Bob first.', channel: 'email', author: { display_name: member.displayName } },
  ])
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')
})

test('T112 A25 what neither DKIM nor SPF vouches for, comes from somebody else, or was written by a program is dropped and noted', async () => {
  const { house, task, post, letter } = await start({ answer_by_reply: true })
  const before = await remains(house)
  const dropped = [
    { raw: letter('Yes'), dkim: [{ domain: 'example.com', result: 'fail' }], spf: { domain: 'example.com', result: 'softfail' } },
    { raw: letter('Yes'), dkim: [{ domain: 'eve.example', result: 'pass' }], spf: { domain: 'eve.example', result: 'pass' } },
    { raw: letter('Yes') },
    { raw: letter('Yes', { from: 'eve@example.com' }), ...VOUCHED },
    { raw: letter('Yes', { 'Auto-Submitted': 'auto-replied' }), ...VOUCHED },
    { raw: letter('> Yes'), ...VOUCHED },
    { raw: letter('Yes', { to: `reply+${'0'.repeat(40)}@reply.example.com` }), ...VOUCHED },
    { raw: letter('Yes', { to: 'reply@reply.example.com' }), ...VOUCHED },
  ]
  for (const body of dropped) {
    const answer = await post(body)
    expect([answer.status, answer.body.outcome], JSON.stringify(answer.body)).toEqual([200, 'dropped'])
    expect(answer.body.reason).toEqual(expect.any(String))
  }
  expect(await commentsOf(house, task.id)).toEqual([])
  expect((await house.eventTypes()).filter((type) => type === 'task.reply_dropped')).toHaveLength(6)
  expect(await remains(house)).toMatchObject({ tasks: before.tasks, decisions: 0, jobs: before.jobs })
  expect((await post({ raw: letter('Yes'), dkim: [], spf: { domain: 'mail.example.com', result: 'pass' } })).body.outcome).toBe(
    'decision',
  )
})

test('T112 A25 with answer_by_reply a first line that is a button’s label decides; anything else is a comment, and its writer is told so', async () => {
  const { house, member, task, post, letter, sink } = await start({ answer_by_reply: true })
  expect((await post({ raw: letter('Yes, but only half of it'), ...VOUCHED })).body.outcome).toBe('comment')
  await house.runJobs()
  const told = sink.took[1] as Taken
  expect(told.text).toContain('Your reply was kept as a comment. It did not answer the question')
  expect(told.inReplyTo).toBe(sink.took[0]?.messageId)
  expect((await post({ raw: letter(' “no”. \n\nBest, M\n-- \nMember'), ...VOUCHED })).body.outcome).toBe('decision')
  const settled = (await house.alice.get(`/api/v1/tasks/${task.id}`)).body
  expect(settled).toMatchObject({
    status: 'completed',
    response: { approve: false },
    completed_via_channel: 'email',
    completed_by_user_id: member.id,
    decisions: [{ assurance: 'link', channel: 'email' }],
  })
  const late = await post({ raw: letter('Yes'), ...VOUCHED })
  expect(late.body.outcome).toBe('comment')
  await house.runJobs()
  expect((sink.took.at(-1) as Taken).text).toContain('The question was settled before it came.')
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({ approve: false })
})

test('T150 T166 a post that is unsigned, old, altered, or signed by another is refused and leaves nothing', async () => {
  const { house, post, letter } = await start()
  const body = { raw: letter('Yes'), ...VOUCHED }
  const before = await remains(house)
  const bad = [{ secret: `whsec_${Buffer.alloc(32).toString('base64')}` }, { at: -301 }, { at: 900 }, { bytes: '{}' }]
  for (const sign of bad) expect((await post(body, sign)).body.code).toBe('signature_invalid')
  const bare = await clientOf(house.url).post('/api/v1/channels/email/inbound/mid_01JD8Z6V3QK8W2N4T6Y8B0C2E4', body)
  expect([bare.status, bare.body.code]).toEqual([401, 'signature_invalid'])
  expect((await post({ raw: 'not base64!', dkim: 'x' })).status).toBe(422)
  expect(await remains(house)).toEqual(before)
})

test('T108 a mail that came back fails its notice after all, once, and the task says why', async () => {
  const { house, task, mail, post } = await start()
  const noticesOf = async () => (await house.alice.get(`/api/v1/tasks/${task.id}/notices`)).body.data
  expect(await noticesOf()).toMatchObject([{ state: 'sent' }])
  expect((await post({ bounce: { message_id: '<other@example.com>' } })).body.outcome).toBe('dropped')
  expect((await post({ bounce: { message_id: mail.messageId, reason: 'no such mailbox' } })).body).toEqual({
    outcome: 'bounced',
    reason: null,
  })
  const [notice] = await noticesOf()
  expect(notice).toMatchObject({ channel: 'email', state: 'failed' })
  expect(JSON.stringify(notice.reasons)).toContain('The mail came back: no such mailbox')
  expect((await post({ bounce: { message_id: mail.messageId } })).body.outcome).toBe('dropped')
  expect((await house.eventTypes()).filter((type) => type === 'task.notice_failed')).toHaveLength(1)
  expect((await post({})).status).toBe(422)
})

test('T112 quoted text is left out in the ways in which mail programs write it', () => {
  const cases: [string, string][] = [
    ['Yes', 'Yes'],
    ['Yes\r\n\r\nOn Mon, Jan 1, 2026 at 1:00 PM X <x@y.z> wrote:\r\n> hello', 'Yes'],
    ['Ja\n\nAm Montag, 1. Januar 2026 schrieb X <x@y.z>:\n> hallo', 'Ja'],
    ['Oui\n\nLe lun. 1 janv. 2026 à 13:00, X <x@y.z> a écrit :\n> salut', 'Oui'],
    ['Fine.\n\n-----Original Message-----\nFrom: X', 'Fine.'],
    ['Fine.\n________________________________\nFrom: X <x@y.z>', 'Fine.'],
    ['Two lines\nof mine\n\nSent from my phone', 'Two lines\nof mine'],
    ['On the other hand, I wrote nothing', 'On the other hand, I wrote nothing'],
    ['> only quoted', ''],
  ]
  for (const [text, mine] of cases) expect(newText(text), text).toBe(mine)
  expect(wordsOf('<style>p{}</style><p>Yes &amp; no</p><br><blockquote>old</blockquote>').trim()).toBe('Yes & no')
})

test('T112 a domain vouches for itself and for what is above or below it, never for its neighbours', () => {
  const by = (domain: string) => ({ dkim: [{ domain, result: 'pass' }], spf: null })
  for (const [address, domain, is] of [
    ['a@example.com', 'example.com', true],
    ['a@mail.example.com', 'example.com', true],
    ['a@example.com', 'mail.example.com', true],
    ['a@example.com', 'com', false],
    ['a@a.co.uk', 'b.co.uk', false],
    ['a@example.com', 'notexample.com', false],
    ['a@example.com', 'example.com.eve.net', false],
  ] as const)
    expect(isAligned(address, by(domain)), `${address} ${domain}`).toBe(is)
  expect(isAligned('a@example.com', { dkim: [{ domain: 'example.com', result: 'neutral' }], spf: null })).toBe(false)
})
