// A revocation under load (relay.md G2, T14, R30, §12.11): whoever ends a relay grant waits for what is on its way and for nothing that comes after.
import { expect, test } from 'vitest'
import { openRelay } from '../testing/relay.ts'

const THREADS = 12
const WRITERS = 12

test('G2 R30 callers that never stop writing do not hold up who revokes, and nothing is let through afterwards', {
  timeout: 60_000,
}, async () => {
  const relay = await openRelay()
  const { house, grant } = relay
  const ids = await Promise.all(Array.from({ length: THREADS }, async () => (await relay.start()).body.thread_id as string))
  let answered = Number.POSITIVE_INFINITY
  const late: unknown[] = []
  const ends: string[] = []
  const writers = Array.from({ length: WRITERS }, async (_, n) => {
    for (let turn = n; ; turn++) {
      const begun = performance.now()
      // Threads of their own, so that they share the relay grant and nothing else.
      const { status, body } = await relay.bearer(grant.token).post(`/api/v1/threads/${ids[n]}/messages`, { text: `${turn}` })
      if (status !== 202) return void ends.push(body.code)
      if (begun > answered) late.push(body)
    }
  })
  await expect
    .poll(async () => (await house.admin.one<{ n: number }>`select count(*)::integer as n from messages`).n, { timeout: 20_000 })
    .toBeGreaterThan(THREADS * 4)
  const begun = performance.now()
  const revoked = await house.alice.post(`/api/v1/relay-grants/${grant.id}/revoke`, { reason: 'enough' })
  answered = performance.now()
  await Promise.all(writers)
  expect([revoked.status, revoked.body]).toEqual([200, { state: 'revoked', threads_revoked: THREADS }])
  expect(answered - begun).toBeLessThan(4_000)
  expect(late).toEqual([])
  expect([...new Set(ends)].every((code) => code === 'key_revoked' || code === 'thread_revoked')).toBe(true)
  expect(await house.admin.rows`select 1 from threads where ended_at is null`).toEqual([])
})
