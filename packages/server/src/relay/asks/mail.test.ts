// What a hostile peer writes, in the mail to those who are asked about it (relay.md §10, §12.36): text, cut, and nothing that runs, loads or turns the line around.
import { expect, test } from 'vitest'
import { addIdentity } from '../../tasks/channels/email/testing/rig.ts'
import { openSink } from '../../tasks/channels/email/testing/sink.ts'
import { openRelay } from '../testing/relay.ts'

test('§12.36 §10 a mail about a message of a hostile peer, its name included, holds words alone, however long it was', async () => {
  const sink = await openSink()
  const relay = await openRelay({ settings: { EGRESS_ALLOW: `127.0.0.1:${sink.port}` } })
  const { house } = relay
  await addIdentity(house, sink)
  await house.admin.run`update relay_grants set label = ${'<b>Bank</b>\u202e\u001b[31m ![x](https://evil.example/p.png)'}`
  const text = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const told = await house.alice.put('/api/v1/me/availability', { notify: { direct: ['email'], shared: ['email'] } })
  expect([told.status, told.body.code]).toEqual([200, undefined])
  const hostile =
    '<img src="https://evil.example/x.png" onerror=alert(1)><script>1</script>\u202egnp.exe\u001b]0;mine\u0007 [click](javascript:1)'
  const { status, body } = await relay.start({
    parts: [{ text: hostile }, { text: 'x'.repeat(500_000) }, { text: 'y'.repeat(400_000) }],
  })
  expect([status, body.state]).toEqual([202, 'awaiting_approval'])
  await house.runJobs()
  const [mail] = sink.took
  expect(mail).toBeDefined()
  const html = String(mail?.html)
  expect(html).not.toMatch(/<(img|script|iframe|link|b)\b|onerror=alert\(1\)>|url\(/i)
  expect(html).not.toContain('href="javascript')
  for (const part of [html, String(mail?.text), String(mail?.subject)]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
    expect(part).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
  }
  expect(html.length + String(mail?.text).length).toBeLessThan(200_000)
  expect(html).toContain('Bank')
})
