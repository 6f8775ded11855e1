// Free text from where people are (T131): a reply to a mail, a message in Slack's thread. A model makes an answer of it, and its writer confirms it there.
import { expect, test } from 'vitest'
import { clientOf, type ModelProvider, openModelProvider } from '#harness'
import { standardSignature } from '../../crypto/signature.ts'
import { byModel, putKey } from '../verifiers/verifier.fixture.ts'
import { mailRig } from './email/testing/rig.ts'
import type { Taken } from './email/testing/sink.ts'
import { slackRig, typed } from './slack/testing/rig.ts'

const UNDERSTOOD = { approved: true, note: 'For Ann.' }
const WORDS = 'Go on, it is for Ann.'
const settingsOf = ({ port }: ModelProvider) => ({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${port}` } })
const understand = (provider: ModelProvider) => provider.says.push({ passed: true, parsed_response: JSON.stringify(UNDERSTOOD) })
const QUESTION = {
  task: 'Refund order 1042?',
  response_schema: {
    type: 'object',
    properties: { approved: { type: 'boolean' }, note: { type: 'string' } },
    required: ['approved'],
  },
  timeout_seconds: 3_600,
  answer_by_reply: true,
}

test('T131 T112 a reply by mail that is no button’s word is read by the model; the next mail shows what was understood, and its link confirms it', async () => {
  const provider = await openModelProvider()
  const { house, sink, member } = await mailRig(settingsOf(provider))
  await putKey({ house, provider })
  const main = await house.alice.patch('/api/v1/channels/email/identities/main', { inbound_domain: 'reply.example.com' })
  const { inbound_url, inbound_secret } = main.body as { inbound_url: string; inbound_secret: string }
  const reply = (to: string) => {
    const raw = Buffer.from(`From: ${member.email}\r\nTo: ${to}\r\nMessage-ID: <1@example.com>\r\n\r\n${WORDS}`).toString(
      'base64',
    )
    const body = JSON.stringify({ raw, dkim: [{ domain: 'example.com', result: 'pass' }], spf: null })
    const at = Math.floor(house.clock.now().getTime() / 1_000)
    const signature = standardSignature([inbound_secret], 'msg_1', at, body)
    const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(at), 'webhook-signature': signature }
    return clientOf(house.url).post(new URL(inbound_url).pathname, body, headers)
  }
  const { id } = await house.given.task({
    ...QUESTION,
    verifier_config: byModel(),
    assign_to: { email: member.email },
    notify: [`email:${member.email}`],
  })
  await house.runJobs()
  understand(provider)
  const [mail] = sink.took as [Taken]
  const taken = await reply(mail.replyTo?.[0]?.address as string)
  expect([taken.status, taken.body]).toEqual([200, { outcome: 'decision', reason: null }])
  await house.runJobs()
  expect(provider.heard[0]?.user).toContain(WORDS)
  const back = (await member.get(`/api/v1/tasks/${id}`)).body
  expect(back).toMatchObject({
    ...{ status: 'returned', response: null, verifier_result: { passed: true, parsed_response: UNDERSTOOD } },
    decisions: [{ state: 'returned', raw_text: WORDS, channel: 'email', user_id: member.id }],
  })
  expect(sink.took).toHaveLength(2)
  expect(sink.took[1]?.text).toContain('note: For Ann.')
  const done = await member.post(`/api/v1/tasks/${id}/decide`, { type: 'respond', response: UNDERSTOOD, seen_revision: 1 })
  expect(done.body).toMatchObject({ status: 'completed', response: UNDERSTOOD })
  expect(provider.heard).toHaveLength(1)
})

test('T131 T119 a message in the thread is read by the model; the form then holds what was understood, and sending it is the answer', async () => {
  const provider = await openModelProvider()
  const { house, slack, member, dana } = await slackRig(settingsOf(provider))
  await putKey({ house, provider })
  const { id } = await house.given.task({
    ...QUESTION,
    verifier_config: byModel(),
    assign_to: { email: member.email },
    notify: [`slack:${member.email}`],
  })
  await house.runJobs()
  const [message] = slack.messages
  if (!message) throw new Error('nothing was posted')
  understand(provider)
  const said = { type: 'message', channel: message.channel, user: dana, text: WORDS, ts: '1800000000.1', thread_ts: message.ts }
  expect((await slack.tell(house.url, said, { id: 'Ev1' })).status).toBe(200)
  await house.runJobs()
  expect((await member.get(`/api/v1/tasks/${id}`)).body).toMatchObject({
    status: 'returned',
    decisions: [{ state: 'returned', raw_text: WORDS, channel: 'slack' }],
  })
  await slack.press(house.url, message, 'cs_review', dana)
  const [view] = slack.views
  if (!view) throw new Error('no view was opened')
  expect(view.blocks.find(({ block_id }) => block_id === 'f-note').element.initial_value).toBe('For Ann.')
  const sent = await slack.submit(house.url, view, typed(view, UNDERSTOOD))
  expect(await sent.json()).toEqual({})
  expect((await member.get(`/api/v1/tasks/${id}`)).body).toMatchObject({
    ...{ status: 'completed', response: UNDERSTOOD, completed_via_channel: 'slack', completed_by_user_id: member.id },
  })
  expect(provider.heard).toHaveLength(1)
})
