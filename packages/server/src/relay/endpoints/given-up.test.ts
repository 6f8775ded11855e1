// What was given up reaches whoever runs the tenant by mail (relay.md R69).
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { addIdentity } from '../../tasks/channels/email/testing/rig.ts'
import { openSink } from '../../tasks/channels/email/testing/sink.ts'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { openRelay } from '../testing/relay.ts'

const report = async (house: House, times = 1) => {
  for (let n = 0; n < times; n++) await house.server.queue.enqueueMany([{ kind: 'webhook.report' }])
  await house.runJobs()
}
/** The whole schedule, however its waits are spread. */
async function runOut(house: House) {
  await house.runJobs()
  for (const wait of ['10s', '6m', '35m', '140m', '6h', '12h', '16h', '23h', '27h']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
}

test('R69 what was given up is mailed once a day to whoever runs the tenant, on each side its own; nothing given up, no mail', {
  timeout: 90_000,
}, async () => {
  const [there, sink] = [await openReceiver(), await openSink()]
  const relay = await openRelay({
    settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port},127.0.0.1:${sink.port}` },
  })
  const { house, bea } = relay
  await addIdentity(house, sink)
  const runs = await house.given.user({ role: 'operator', email: 'runs@example.com' })
  await house.given.user({ role: 'member', email: 'works@example.com' })
  await report(house)
  expect(sink.took).toEqual([])

  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-push'), agent_id: relay.server.id })
  const card = { id: made.body.id, slug: made.body.slug }
  const put = { mode: 'push', url: `${there.origin}/agent`, generate_secret: true }
  expect((await house.alice.put(`/api/v1/cards/${card.id}/delivery`, put)).status).toBe(200)
  const { token } = await relay.makeGrant({ card })
  there.otherwise = 503
  await relay.start({ text: 'anybody there?' }, { card, token })
  await runOut(house)
  const exhausted = async () =>
    (await house.admin.rows<{ side: string }>`select side from deliveries where state = 'exhausted' order by side`).map(
      ({ side }) => side,
    )
  await expect.poll(exhausted).toEqual(['owner'])

  await report(house, 2)
  const to = (address: string) => sink.took.filter(({ envelope }) => envelope.to.includes(address))
  const [mail, ...rest] = to(runs.email)
  expect([mail?.subject, rest]).toEqual(['1 delivery given up', []])
  expect(mail?.text).toMatch(/whe_\w+ \(messages to an agent of yours\): 1, last answered with 503/)
  expect(mail?.text).toContain(`${house.url}/webhooks`)
  // Neither where it led, nor what it said, nor anything of the other side.
  for (const word of [`127.0.0.1:${there.port}`, 'anybody there', 'threads that your agents started'])
    expect(mail?.raw).not.toContain(word)
  expect(to('works@example.com')).toEqual([])
  const after = sink.took.length

  // Once a day, whoever runs it; and a day on which nothing more was given up has none.
  await house.clock.advance('1h')
  await report(house)
  await house.clock.advance('24h')
  await report(house)
  expect(sink.took).toHaveLength(after)
  expect(await house.admin.rows`select 1 from exhausted_reports where tenant_id = ${relay.callerTenant}::uuid`).toEqual([])
  expect(bea.email === undefined || to(bea.email).length === 0).toBe(true)
})

test('R69 a caller’s own side is mailed what could not be told to it', { timeout: 90_000 }, async () => {
  const [there, sink] = [await openReceiver(), await openSink()]
  const relay = await openRelay({
    settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port},127.0.0.1:${sink.port}` },
  })
  const { house, bea, callerTenant } = relay
  await addIdentity({ ...house, alice: bea as unknown as House['alice'] }, sink)
  await house.given.user({ role: 'admin', email: 'theirs@example.com', tenantId: callerTenant })
  there.otherwise = 503
  const callback = { url: `${there.origin}/told`, generate_secret: true, events: ['thread.*'] }
  const { thread_id: id } = (await relay.start({ text: 'hello', callback })).body
  await relay.respond(id, { outcome: 'completed', text: 'done' })
  await runOut(house)
  await report(house)
  const mine = sink.took.filter(({ envelope }) => envelope.to.includes('theirs@example.com'))
  expect(mine.map(({ subject }) => subject)).toEqual(['1 delivery given up'])
  expect(mine[0]?.text).toMatch(/whe_\w+ \(news of threads that your agents started\): 1, last answered with 503/)
})
