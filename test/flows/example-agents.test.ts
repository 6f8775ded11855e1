// The examples of agents as their README says, against a real server, with a person who answers; also killed in the middle.
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type House, openModelProvider, readable, type SlackMessage, setup } from '#harness'
import { slackRig, typed } from '../../packages/server/src/tasks/channels/slack/testing/rig.ts'
import { root, start, temporaryFolder } from '../harness/process.ts'

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['sdk'])
}, 60_000)

const agent = (house: House, name: string, ...args: string[]) => example(house, `agents/${name}`, ...args)
const example = (house: House, path: string, ...args: string[]) =>
  start(process.execPath, ['--import', 'tsx', join(root, 'examples', path), ...args], {
    env: { COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: house.agent.key },
  })

/** The only open task, once it is there. */
async function asked(house: House): Promise<{ id: string; revision: number }> {
  const open = async () => (await house.alice.get('/api/v1/tasks?status=open')).body.data as { id: string; revision: number }[]
  await expect.poll(async () => (await open()).length, { timeout: 30_000 }).toBe(1)
  return (await open())[0] as { id: string; revision: number }
}

test('A34 the refund runs with the amount that a person set, and its outcome stands on the task', {
  timeout: 90_000,
}, async () => {
  const house = await setup()
  const first = agent(house, 'refund.ts')
  const task = await asked(house)
  first.child.kill('SIGKILL')
  await first.ended
  const second = agent(house, 'refund.ts')
  const decided = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, {
    type: 'edit',
    args: { order: 1042, amount: 199 },
    seen_revision: task.revision,
  })
  expect(decided.status, JSON.stringify(decided.body)).toBe(200)
  const { code } = await second.ended
  expect([code, second.stdout()]).toEqual([0, 'refunding 199 for order 1042\n'])
  expect((await house.alice.get('/api/v1/tasks')).body.data).toHaveLength(1)
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({
    outcome: 'edited',
    agent_outcome: 'succeeded',
  })
})

test('A34 T146 the graph that was killed while it waited goes on from its file with the answer that came meanwhile', {
  timeout: 90_000,
}, async () => {
  const house = await setup()
  const folder = temporaryFolder()
  const first = agent(house, 'graph.ts', join(folder, 'graph.json'))
  await first.line(/^waiting: http/)
  const task = await asked(house)
  first.child.kill('SIGKILL')
  await first.ended
  const answer = { type: 'respond', response: { publish: true }, seen_revision: task.revision }
  expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, answer)).status).toBe(200)
  const second = agent(house, 'graph.ts', join(folder, 'graph.json'))
  const { code } = await second.ended
  expect([code, second.stderr(), second.stdout()]).toEqual([0, '', 'published: Our parcels are late this week. We are sorry.\n'])
  expect((await house.alice.get('/api/v1/tasks')).body.data).toHaveLength(1)
})

test('T146 A27 the moderator hears why the model did not take the answer, and the second one comes back to the agent', {
  timeout: 90_000,
}, async () => {
  const provider = await openModelProvider()
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${provider.port}` } })
  const key = { provider: 'openai', key: crypto.randomUUID(), base_url: `${provider.origin}/v1`, model: 'gpt-test' }
  expect((await house.alice.put('/api/v1/provider-keys/openai', key)).status).toBe(200)
  provider.says.push(
    { passed: false, reason: 'Which rule?', field_errors: [{ path: '/note', message: 'Name the rule.' }] },
    { passed: true },
  )
  const running = agent(house, 'moderation.ts')
  const task = await asked(house)
  const answer = async (note: string) => {
    const decided = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, {
      type: 'respond',
      response: { decision: 'remove', note },
      seen_revision: task.revision,
    })
    expect(decided.status, JSON.stringify(decided.body)).toBe(202)
    await house.runJobs()
    return (await house.alice.get(`/api/v1/tasks/${task.id}`)).body
  }
  expect(await answer('spam')).toMatchObject({ status: 'returned', verifier_result: { reason: 'Which rule?' } })
  expect(await answer('Rule 1: advertising')).toMatchObject({ status: 'completed', verification_attempt: 1 })
  const { code } = await running.ended
  expect([code, running.stdout()]).toEqual([0, 'remove: Rule 1: advertising\n'])
})

test('T2 A2 T116 T146 the release that is asked about in a channel of Slack goes on with what somebody answers there, after the agent was killed', {
  timeout: 90_000,
}, async () => {
  const { house, slack, member, dana } = await slackRig()
  onTestFinished(async () => {
    await slack.close()
    expect(slack.faults).toEqual([])
  })
  slack.channels.push({ id: 'C0REL', name: 'releases' })
  const first = example(house, 'slack/release.ts', '#releases', '4.2.0')
  await asked(house)
  await house.runJobs()
  const [message] = slack.messages as [SlackMessage]
  expect(message.channel).toBe('C0REL')
  expect(readable(message)).toContain('Release 4.2.0 to production?')
  first.child.kill('SIGKILL')
  await first.ended

  expect((await slack.press(house.url, message, 'cs_review', dana)).status).toBe(200)
  const [view] = slack.views
  if (!view) throw new Error('no form was opened')
  const missing = await slack.submit(house.url, view, typed(view, { release: true }))
  expect(await missing.json()).toMatchObject({ response_action: 'errors', errors: { 'f-window': expect.any(String) } })
  const sent = await slack.submit(house.url, view, typed(view, { release: true, window: 'tonight', note: 'After the backup.' }))
  expect(await sent.json()).toEqual({})
  await house.runJobs()
  expect(readable(message)).toContain(`Approved by ${member.displayName} in Slack`)

  const second = example(house, 'slack/release.ts', '#releases', '4.2.0')
  const { code } = await second.ended
  expect([code, second.stdout()]).toEqual([
    0,
    `releasing 4.2.0 tonight, agreed by ${member.displayName}\nnote: After the backup.\n`,
  ])
  expect(slack.messages).toHaveLength(1)
})
