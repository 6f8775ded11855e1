// A relay grant with 100 open threads is revoked while callers write to them: from the call to the last write that was let through, and what came after its answer.
import { expect, type Run, stage, TEXT } from './rig.ts'

const THREADS = 100
const WRITERS = 16

export async function revoke(run: Run): Promise<void> {
  const { slug, grants } = await stage(run, 1)
  const [grant] = grants
  if (!grant) return
  const ids: string[] = []
  for (let n = 0; n < THREADS; n++)
    ids.push(String(expect(202, await grant.call('POST', `/agents/${slug}/threads`, { text: TEXT })).body.thread_id))
  let over = false
  let last = 0
  let late = 0
  let answered = Number.POSITIVE_INFINITY
  const writers = Array.from({ length: WRITERS }, async (_, n) => {
    for (let turn = n; !over; turn++) {
      const at = performance.now()
      const { status } = await grant.call('POST', `/threads/${ids[turn % THREADS]}/messages`, { text: TEXT })
      if (status !== 202) return
      last = performance.now()
      // Begun after the answer of the revocation, and let through all the same.
      if (at > answered) late++
    }
  })
  await new Promise((resolve) => setTimeout(resolve, 500))
  const called = performance.now()
  const { body } = expect(200, await run.bench.person('POST', `/relay-grants/${grant.id}/revoke`, { reason: 'bench' }))
  answered = performance.now()
  await Promise.all(writers)
  over = true
  const ms = Math.max(0, last - called)
  run.say({ metric: `revoke, ${THREADS} open threads → last accepted write`, unit: 'ms', ours: ms, goal: '<= 50', met: ms <= 50 })
  run.say({ metric: 'revoke, its own answer', unit: 'ms', ours: answered - called, goal: null, met: null })
  run.say({ metric: 'writes that began after the revocation', unit: 'writes', ours: late, goal: '= 0', met: late === 0 })
  if (body.threads_revoked !== THREADS) throw new Error(`${String(body.threads_revoked)} threads ended, not ${THREADS}`)
}
