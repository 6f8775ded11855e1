// What was given up reaches whoever runs the tenant by mail (relay.md R69).
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { addIdentity } from '../../tasks/channels/email/testing/rig.ts'
import { openSink } from '../../tasks/channels/email/testing/sink.ts'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
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
