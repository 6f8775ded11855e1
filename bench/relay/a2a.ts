// A blocking SendMessage through the relay to an A2A agent, beside the same call of the same client to that agent itself: one caller, an agent that works 0 ms and 5 ms.
import { SendMessageRequest } from '@a2a-js/sdk'
import { type Client, ClientFactory, ClientFactoryOptions, JsonRpcTransportFactory } from '@a2a-js/sdk/client'
import { percentile } from '../figure.ts'
import { expect, publish, type Run, stage, TEXT } from './rig.ts'

const PEER = 'the same client to the same @a2a-js/sdk 1.3.0 server'

async function clientOf(base: string, token: string | null): Promise<Client> {
  const shown: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers)
    if (token !== null) headers.set('Authorization', `Bearer ${token}`)
    return fetch(input, { ...init, headers })
  }
  const transports = [new JsonRpcTransportFactory({ fetchImpl: shown })]
  return new ClientFactory({ ...ClientFactoryOptions.default, transports }).createFromUrl(base)
}

async function times(client: Client, count: number): Promise<number[]> {
  const all: number[] = []
  for (let n = 0; n < count; n++) {
    const message = { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text: TEXT }] }
    const at = performance.now()
    const said = await client.sendMessage(SendMessageRequest.fromJSON({ message } as never))
    all.push(performance.now() - at)
    const got = 'status' in said ? said.artifacts[0]?.parts[0] : said.parts[0]
    if (got?.content?.value !== TEXT) throw new Error(`No echo: ${JSON.stringify(said)}`)
  }
  return all
}

export async function a2a(run: Run): Promise<void> {
  const { bench, echo } = run
  const card = await publish(run)
  expect(
    200,
    await bench.person('PUT', `/cards/${card.id}/delivery`, { mode: 'a2a', upstream: { card_url: `${echo.origin}/card.json` } }),
  )
  const { grants } = await stage(run, 1, card)
  const ours = await clientOf(`${bench.url}/agents/${card.slug}/`, grants[0]?.token ?? null)
  const direct = await clientOf(`${echo.origin}/`, null)
  const count = run.quick ? 40 : 1_000
  for (const workMs of [5, 0]) {
    echo.workMs = workMs
    await times(ours, 5)
    await times(direct, 5)
    const [mine, theirs] = [percentile(await times(ours, count), 0.5), percentile(await times(direct, count), 0.5)]
    const metric = `blocking SendMessage p50, agent works ${workMs} ms`
    if (workMs > 0) {
      run.say({ metric, unit: 'ms', ours: mine, peer: theirs, peer_name: PEER, goal: '<= 20', met: mine <= 20 })
      run.say({ metric: `${metric}: ratio`, unit: '×', ours: mine / theirs, goal: '<= 2.5', met: mine / theirs <= 2.5 })
    } else {
      run.say({ metric, unit: 'ms', ours: mine, peer: theirs, peer_name: PEER, goal: null, met: null })
      run.say({ metric: `${metric}: overhead`, unit: 'ms', ours: mine - theirs, goal: '<= 10', met: mine - theirs <= 10 })
    }
  }
  echo.workMs = 0
}
