import { expect, onTestFinished, test } from 'vitest'
import { openSlack, setup } from '#harness'
import { addIdentity } from '../channels/email/testing/rig.ts'
import { openSink } from '../channels/email/testing/sink.ts'
import { connect } from '../channels/slack/testing/rig.ts'

const QUESTION = {
  task: 'Refund order 1042?',
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout_seconds: 86_400,
}

/** A tenant with mail and Slack, and a person who wants mail first. */
async function given() {
  const [sink, slack] = [await openSink(), await openSlack()]
  const allow = `127.0.0.1:${sink.port},127.0.0.1:${slack.port}`
  const house = await setup({ settings: { SLACK_URL: slack.url, EGRESS_HTTP: '1', EGRESS_ALLOW: allow } })
  slack.now = () => house.clock.now().getTime()
  const member = await house.member.person()
  slack.members.push({ id: 'U0DANA', name: 'dana', email: member.email })
  onTestFinished(() => slack.close())
  await connect(house, slack)
  await addIdentity(house, sink)
  const wanted = await member.put('/api/v1/me/availability', { notify: { direct: ['email', 'slack'] } })
  expect(wanted.status, JSON.stringify(wanted.body)).toBe(200)
  const notices = async (id: unknown) =>
    (await house.agent.get(`/api/v1/tasks/${id}/notices`)).body.data as Record<string, unknown>[]
  return { house, slack, member, sink, notices }
}

test('§11.2 T102 after two failures of the mail transport the person is told by their next channel, once, and Slack is not delayed by it', async () => {
  const { house, slack, sink, member, notices } = await given()
  sink.mode('failing')
  const { id } = await house.given.task({ ...QUESTION, assign_to: member.email })
  const other = await house.given.task({ ...QUESTION, notify: [`slack:${member.email}`] })
  await house.runJobs()
  expect(await notices(other.id)).toMatchObject([{ channel: 'slack', state: 'sent' }])
  expect(await notices(id)).toMatchObject([{ channel: 'email', state: 'queued', attempts: 1 }])
  await house.clock.advance('61s')
  await house.runJobs()
  const [mail, instead, ...more] = await notices(id)
  expect(more).toEqual([])
  expect(mail).toMatchObject({ channel: 'email', state: 'queued', attempts: 2 })
  expect(instead).toMatchObject({ channel: 'slack', state: 'sent', instead_of: mail?.id, user_id: member.id })
  expect(slack.messages.filter(({ channel }) => channel === 'D0DANA')).toHaveLength(2)
  await house.clock.advance('241s')
  await house.runJobs()
  expect(await notices(id)).toHaveLength(2)
})

test('T108 §11.2 an address that the provider refuses for good fails at once, and the next channel tells the person', async () => {
  const { house, sink, member, notices } = await given()
  sink.mode('never')
  const { id } = await house.given.task({ ...QUESTION, assign_to: member.email })
  await house.runJobs()
  expect(await notices(id)).toMatchObject([
    { channel: 'email', state: 'failed', attempts: 1 },
    { channel: 'slack', state: 'sent' },
  ])
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body.warnings).toEqual([])
  expect(await house.eventTypes()).toContain('task.notice_failed')
})

test('T162 each channel says whether it is set up, when it got through, and what failed last', async () => {
  const { house, sink, member } = await given()
  const channels = async (by = house.alice) => (await by.get('/api/v1/channels')).body.data
  const never = { failed: 0, last_sent_at: null, last_failed_at: null, last_reason: null }
  expect(await channels()).toEqual([
    { channel: 'email', ready: true, ...never },
    { channel: 'slack', ready: true, ...never },
    { channel: 'webhook', ready: true, ...never },
  ])
  await house.given.task({ ...QUESTION, notify: [`slack:${member.email}`] })
  sink.mode('never')
  await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  await house.runJobs()
  const at = expect.stringMatching(/Z$/)
  expect(await channels()).toEqual([
    {
      channel: 'email',
      ready: true,
      failed: 1,
      last_sent_at: null,
      last_failed_at: at,
      last_reason: expect.stringContaining('550'),
    },
    { channel: 'slack', ready: true, ...never, last_sent_at: at },
    { channel: 'webhook', ready: true, ...never },
  ])
  await house.alice.delete('/api/v1/channels/slack/installations/T0TEAM')
  expect((await channels())[1]).toMatchObject({ channel: 'slack', ready: false })
  expect((await house.operator.get('/api/v1/channels')).status).toBe(200)
  expect((await house.member.get('/api/v1/channels')).status).toBe(403)
  expect((await house.agent.get('/api/v1/channels')).status).toBe(403)
})
