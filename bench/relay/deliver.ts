// From a start to the moment at which a healthy push agent has the whole body, at 200 messages a second.
import { percentile } from '../figure.ts'
import { expect, publish, type Run, type Stage, stage, TEXT } from './rig.ts'

const PER_SECOND = 200
const GRANTS = 50
const LATE_MS = 30_000

export async function deliver(run: Run): Promise<void> {
  const { bench, echo, quick } = run
  const card = await publish(run)
  expect(
    200,
    await bench.person('PUT', `/cards/${card.id}/delivery`, { mode: 'push', url: `${echo.origin}/push`, generate_secret: true }),
  )
  const { slug, grants } = await stage(run, GRANTS, card)
  const accepted = new Map<string, number>()
  const arrived = new Map<string, number>()
  echo.posted = (id) => void arrived.set(id, performance.now())
  const sending: Promise<void>[] = []
  const started = performance.now()
  const total = (quick ? 3 : 60) * PER_SECOND
  const send = async (n: number) => {
    const { call } = grants[n % GRANTS] as Stage['grants'][number]
    const { body } = expect(202, await call('POST', `/agents/${slug}/threads`, { text: TEXT }))
    accepted.set(String(body.message_id), performance.now())
  }
  while (sending.length < total) {
    const due = Math.min(total, ((performance.now() - started) / 1000) * PER_SECOND)
    while (sending.length < due) sending.push(send(sending.length))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await Promise.all(sending)
  const until = performance.now() + LATE_MS
  while (arrived.size < total && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
  echo.posted = null
  const delays = [...accepted].flatMap(([id, at]) => {
    const there = arrived.get(id)
    return there === undefined ? [] : [Math.max(0, there - at)]
  })
  const [p50, p99] = [percentile(delays, 0.5), percentile(delays, 0.99)]
  run.say({ metric: 'accept → push agent p50, 200/s', unit: 'ms', ours: p50, goal: '<= 15', met: p50 <= 15 })
  run.say({ metric: 'accept → push agent p99, 200/s', unit: 'ms', ours: p99, goal: '<= 80', met: p99 <= 80 })
  run.say({
    metric: 'messages that did not arrive',
    unit: 'messages',
    ours: total - delays.length,
    goal: '= 0',
    met: delays.length === total,
  })
}
