// What a hostile peer writes, in the Slack message to those who are asked about it (relay.md §10, §12.36): text, cut, and nothing that calls, links, loads or turns the line around.
import { expect, onTestFinished, test } from 'vitest'
import { openSlack, readable, type SlackMessage } from '#harness'
import { connect } from '../../tasks/channels/slack/testing/rig.ts'
import { openRelay } from '../testing/relay.ts'

const NAME = '<!channel> *Bank* <https://evil.example|pay> https://evil.example/a\u202e\u001b[31m `x` <@U0DANA>'
const HOSTILE =
  '<!everyone> <@U0DANA> <#C0|general> <https://evil.example/x.png|click> ![x](https://evil.example/p.png) *bold* ```code``` \u202egnp.exe\u001b]0;mine\u0007 &lt;!here&gt;'

/** Every text of a message, with what Slack makes of it. */
type Text = { type: string; text: string; verbatim?: boolean }
function textsIn(value: unknown): Text[] {
  if (Array.isArray(value)) return value.flatMap(textsIn)
  if (typeof value !== 'object' || value === null) return []
  const { type, text } = value as Text
  const own = (type === 'plain_text' || type === 'mrkdwn') && typeof text === 'string' ? [value as Text] : []
  return [...own, ...Object.values(value).flatMap(textsIn)]
}

test('§12.36 §10 a Slack message about a message of a hostile peer, its name included, mentions nobody, links nowhere, loads nothing and is cut', async () => {
  const slack = await openSlack()
  onTestFinished(() => slack.close())
  const relay = await openRelay({ settings: { SLACK_URL: slack.url, EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${slack.port}` } })
  const { house } = relay
  slack.now = () => house.clock.now().getTime()
  slack.members.push({ id: 'U0DANA', name: 'dana', email: house.alice.email })
  await house.admin.run`update user_emails set verified_at = countersign.now() where user_id = ${house.alice.id}::text`
  await connect(house, slack)
  await house.admin.run`update relay_grants set label = ${NAME}`
  const text = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const told = await house.alice.put('/api/v1/me/availability', { notify: { direct: ['slack'], shared: ['slack'] } })
  expect([told.status, told.body.code]).toEqual([200, undefined])
  const parts = [{ text: HOSTILE }, { text: 'x'.repeat(500_000) }, { text: 'y'.repeat(400_000) }]
  const { status, body } = await relay.start({ parts })
  expect([status, body.state]).toEqual([202, 'awaiting_approval'])
  await house.runJobs()
  const message = slack.messages.at(-1) as SlackMessage
  expect(message).toBeDefined()
  const texts = textsIn(message.blocks)
  // Ours alone: when it has to be answered, in the reader's own time.
  const marked = [message.text, ...texts.filter(({ type }) => type === 'mrkdwn').map((one) => one.text)].join('\n')
  expect(marked.replaceAll(/<!date\^\d+\^[^<>]*>/g, '')).not.toMatch(/[<>]/)
  for (const one of texts.filter(({ type }) => type === 'mrkdwn')) expect(one.verbatim, one.text).toBe(true)
  expect(JSON.stringify(message.blocks)).not.toContain('"image"')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  expect(readable(message)).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
  expect(JSON.stringify(message).length).toBeLessThan(60_000)
  expect(readable(message)).toContain('Bank')
  expect(slack.faults).toEqual([])
})
