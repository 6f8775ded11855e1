// Thirty people answer at the same moment, each where they are (A6).
import { expect, test } from 'vitest'
import type { House, Person } from '#harness'
import { linksTo, pageOf, readerOf, YES } from '../links/links.fixture.ts'
import { slackRig } from './slack/testing/rig.ts'

const EACH = 10
const SCHEMA = { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] }

const members = (house: House) => Promise.all(Array.from({ length: 3 * EACH }, () => house.given.user({ role: 'member' })))

test('T12 A6 of thirty people who answer at once by REST, in Slack and by mail one wins, the others learn who, and there is one terminal event', {
  timeout: 120_000,
}, async () => {
  const { house, slack } = await slackRig()
  const people = await members(house)
  await house.admin.run`update user_emails set verified_at = countersign.now() where verified_at is null`
  const [byRest, inSlack, byMail] = [0, 1, 2].map((n) => people.slice(n * EACH, (n + 1) * EACH)) as [Person[], Person[], Person[]]
  for (const [i, { email }] of inSlack.entries()) slack.members.push({ id: `U0M${i}`, name: `m${i}`, email })
  const { id } = await house.given.task({
    task: 'Refund order 1042?',
    payload: { amount: 240 },
    response_schema: SCHEMA,
    timeout_seconds: 3_600,
    assign_to: { emails: people.map(({ email }) => email) },
    notify: inSlack.map((_, i) => `slack:U0M${i}`),
  })
  await house.runJobs()
  const messages = slack.messages.filter(({ blocks }) => JSON.stringify(blocks).includes('cs_approve'))
  expect(messages).toHaveLength(EACH)
  const pages = await Promise.all(
    byMail.map(async (person) => {
      const [link] = await linksTo(house, id, readerOf(person), [YES])
      const page = pageOf(house, (link as { token: string }).token)
      return { page, nonce: (await page.look()).body.nonce as string }
    }),
  )

  const rest = byRest.map((person) =>
    person.post(`/api/v1/tasks/${id}/decide`, { type: 'respond', response: { approve: true }, seen_revision: 1 }),
  )
  const mail = pages.map(({ page, nonce }) => page.send(nonce))
  const chat = messages.map((message, i) => slack.press(house.url, message, 'cs_approve', `U0M${i}`))
  const [answers, pressed] = [await Promise.all([...rest, ...mail]), await Promise.all(chat)]
  expect(pressed.map(({ status }) => status)).toEqual(pressed.map(() => 200))
  await house.runJobs()

  const task = (await house.alice.get(`/api/v1/tasks/${id}`)).body
  expect(task).toMatchObject({ status: 'completed', response: { approve: true }, decisions: [{ state: 'counted' }] })
  const won = answers.filter(({ status }) => status === 200)
  expect(won.length).toBe(task.completed_via_channel === 'slack' ? 0 : 1)
  for (const { status, body } of answers.filter((one) => !won.includes(one)))
    expect([status, body.code, body.by]).toEqual([
      expect.toSatisfy((code: number) => code === 409 || code === 410),
      expect.stringMatching(/^(?:task_not_open|link_used|link_revoked)$/),
      task.completed_by_display_name,
    ])
  // In Slack each who came too late is told privately, and every message says who decided.
  expect(slack.ephemerals).toHaveLength(task.completed_via_channel === 'slack' ? EACH - 1 : EACH)
  for (const message of messages) expect(JSON.stringify(message)).toContain(task.completed_by_display_name)
  const ends = (await house.alice.get(`/api/v1/events?type=task.completed&resource=${id}`)).body.data
  expect(ends).toHaveLength(1)
  await slack.close()
  expect(slack.faults).toEqual([])
})

test('T22 T104 A3 of 50 creates at once with one key over two processes there is one task, and each person is told once', {
  timeout: 120_000,
}, async () => {
  const { house, slack, member } = await slackRig()
  const second = house.agent.at((await house.second()).url)
  const question = {
    ...{ task: 'Refund order 1042?', payload: { amount: 240 }, response_schema: SCHEMA, timeout_seconds: 3_600 },
    ...{ idempotency_key: 'same', assign_to: { email: member.email }, notify: [`slack:${member.email}`] },
  }
  const made = await Promise.all(
    Array.from({ length: 50 }, (_, i) => (i % 2 ? house.agent : second).post('/api/v1/tasks', question)),
  )
  await house.runJobs()

  expect(new Set(made.map(({ body }) => body.id)).size).toBe(1)
  expect(made.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(slack.messages.filter(({ channel }) => channel === 'D0DANA')).toHaveLength(1)
  expect((await house.alice.get(`/api/v1/tasks/${made[0]?.body.id}/notices`)).body.data).toHaveLength(1)
  await slack.close()
})
