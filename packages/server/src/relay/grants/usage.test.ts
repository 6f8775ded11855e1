// What of its quotas a relay grant has used (relay.md R112, R128): the same for both sides, and nothing of other relay grants.
import { expect, test } from 'vitest'
import { openRelay } from '../testing/relay.ts'

test('R112 R128 both sides read what of the quotas is used today, under the limits in force, and nothing of another relay grant', async () => {
  const relay = await openRelay()
  const { house, bea, caller, start, makeGrant, makeCard } = relay
  const other = await makeCard()
  const grant = await makeGrant({ card: other, limits: { max_open_threads: 5, messages_per_day: 0 } })
  const at = `/api/v1/relay-grants/${grant.id}`
  expect((await house.alice.get(at)).body.usage).toMatchObject({ open_threads: 0, messages_today: 0, bytes_today: 0 })
  const first = await start({ text: 'one' }, { token: grant.token, card: other })
  await start({ text: 'two' }, { token: grant.token, card: other })
  await start({ text: 'elsewhere' })
  await caller.post(`/api/v1/threads/${first.body.thread_id}/close`, {})
  for (const who of [house.alice, bea, caller]) {
    const { usage } = (await who.get(at)).body
    expect(usage).toMatchObject({
      ...{ open_threads: 1, messages_today: 2 },
      limits: { max_open_threads: 5, messages_per_day: 0, bytes_per_day: 1_073_741_824 },
    })
    expect(usage.bytes_today).toBeGreaterThan(6)
    expect(Date.parse(usage.resets_at) % 86_400_000).toBe(0)
  }
  await house.clock.advance('1d')
  expect((await caller.get(at)).body.usage).toMatchObject({ open_threads: 1, messages_today: 0, bytes_today: 0 })
})
