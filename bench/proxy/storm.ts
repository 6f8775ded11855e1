// A token that has ended, and everybody who wants to use it at once, over two proxies and two control planes: the provider is asked once, and nobody waits longer than that
// takes. Each request has a connection that is open before.
import type { Socket } from 'node:net'
import { type Answer, ask, drop, pause } from './client.ts'
import { reach, type Way } from './load.ts'
import { MANY, PROVIDER_MS, type Rig } from './rig.ts'
import type { Options } from './rows.ts'

const OVER_PROVIDER_MS = 250
const AT_ONCE = 20
type Open = { socket: Socket; way: Way; again: number }

/** A machine that stood still for a second makes a proxy cut and refuse for a moment, as it should: that is no answer, and is told. */
async function answered(one: Open): Promise<Answer> {
  for (;;) {
    const answer = await ask(one.socket, one.way, '/v1/things').catch(() => null)
    if (answer && answer.status !== 503) return answer
    process.stderr.write(
      `A request of the storm was ${answer ? 'refused: the control plane was not heard' : 'cut'}; it is made again.\n`,
    )
    await pause(50)
    if (!answer) one.socket = await reach(one.way)
  }
}

export async function storm(rig: Rig, { quick, say }: Options): Promise<void> {
  const requests = quick ? 60 : 500
  await rig.house.expired()
  const run = await rig.house.run()
  const ways: Way[] = rig.proxies.map(({ port }) => ({
    ...{ host: `storm.${MANY}`, upstream: rig.upstream.port, ca: run.ca },
    proxy: { port, token: run.token },
  }))
  const sockets: Open[] = []
  try {
    while (sockets.length < requests)
      sockets.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, requests - sockets.length) }, async (_, i) => {
            const way = ways[i % ways.length] as Way
            return { way, socket: await reach(way), again: 0 }
          }),
        )),
      )
    const before = await rig.upstream.part.tokensAsked()
    const began = performance.now()
    const answers = await Promise.all(sockets.map(answered))
    const slowest = Math.max(...answers.map(({ firstByteAt }) => firstByteAt)) - began
    const refused = answers.find(({ status }) => status !== 200)
    if (refused) throw new Error(`A request of the storm was answered ${refused.status}: ${refused.body}`)
    const again = sockets.reduce((sum, one) => sum + one.again, 0)
    if (again > 0)
      process.stderr.write(`${again} times the control plane was not heard or a request was cut; it was made again.\n`)
    const asked = (await rig.upstream.part.tokensAsked()) - before
    const said = { bench: 'refresh-storm', peer_name: null, peer: null }
    say({
      ...said,
      ...{
        metric: `calls of the provider, ${requests} requests at once, 2 replicas`,
        unit: 'calls',
        ours: asked,
        goal: '1',
        met: asked === 1,
      },
    })
    const most = PROVIDER_MS + OVER_PROVIDER_MS
    say({
      ...said,
      ...{
        metric: `slowest answer, provider takes ${PROVIDER_MS} ms`,
        unit: 'ms',
        ours: slowest,
        goal: `<= ${most}`,
        met: slowest <= most,
      },
    })
  } finally {
    for (const { socket } of sockets) drop(socket)
  }
}
