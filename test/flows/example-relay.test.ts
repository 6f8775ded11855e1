// The examples of agents that negotiate as their READMEs say: published, served from behind NAT, bought from; also with the seller killed in the middle, and by an A2A server in between.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openRelay, type RelayTest } from '../../packages/server/src/relay/testing/relay.ts'
import { root, start } from '../harness/process.ts'

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['sdk'])
}, 60_000)

const folder = join(root, 'examples/relay-pull')

/** Its card, published; a relay grant to it; and both of its programs. */
async function openShop() {
  const there: RelayTest = await openRelay()
  const { house, server } = there
  const made = await house.alice.post('/api/v1/cards', JSON.parse(readFileSync(join(folder, 'lamp-shop.json'), 'utf8')))
  expect([made.status, made.body.slug]).toEqual([201, 'lamp-shop'])
  await house.admin.run`update cards set agent_id = ${server.id} where slug = 'lamp-shop'`
  const grant = await there.makeGrant({ card: { id: made.body.id, slug: 'lamp-shop' } })
  const program = (name: string, env: Record<string, string>, ...args: string[]) =>
    start(process.execPath, ['--import', 'tsx', join(folder, name), ...args], { env: { COUNTERSIGN_URL: house.url, ...env } })
  return {
    house,
    sell: () => program('seller.ts', { COUNTERSIGN_KEY: server.key }),
    buy: (most: number) => program('buyer.ts', { RELAY_TOKEN: grant.token }, String(most)),
  }
}

test('R127 the two agents of the example agree on a price, or do not, as its README says', { timeout: 90_000 }, async () => {
  const { sell, buy } = await openShop()
  const seller = sell()
  const printed = [...readFileSync(join(folder, 'README.md'), 'utf8').matchAll(/^ {4}(.+)$/gm)]
    .map(([, line]) => `${line}\n`)
    .join('')
  const bought = buy(80)
  expect([(await bought.ended).code, bought.stdout()]).toEqual([0, printed])
  const refused = buy(60)
  expect([(await refused.ended).code, refused.stdout()]).toEqual([
    0,
    'offered 30, they ask 70\noffered 60, they ask 80\nnot bought: closed\n',
  ])
  seller.child.kill('SIGTERM')
  expect(await seller.ended).toMatchObject({ code: 0 })
})

test('R127 a buyer whose seller was killed buys from the next one, in the same thread', { timeout: 90_000 }, async () => {
  const { house, sell, buy } = await openShop()
  const first = sell()
  await first.line(/serving/)
  first.child.kill('SIGKILL')
  await first.ended
  const bought = buy(80)
  await expect
    .poll(async () => (await house.admin.rows<{ id: string }>`select id from threads`).length, { timeout: 30_000 })
    .toBe(1)
  // Whatever the dead one may have been handed as it died comes back with its lease.
  await house.clock.advance('61s')
  sell()
  expect([(await bought.ended).code, bought.stdout().split('\n').at(-2)]).toEqual([0, 'bought: {"item":"lamp","price":70}'])
  expect(await house.admin.rows<{ state: string }>`select state from threads`).toEqual([{ state: 'closed' }])
})

/** One that nobody has at this moment. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => void server.close(() => resolve()))
  return port
}

test('R44 R127 an A2A server haggles with the agent behind NAT, for whoever asks it to', { timeout: 90_000 }, async () => {
  const port = await freePort()
  const settings = { ROLES: 'web,relay,worker', EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${port}` }
  const there: RelayTest = await openRelay({ settings })
  const { house, server } = there
  const a2a = join(root, 'examples/relay-a2a')
  const published = async (file: string) => {
    const made = await house.alice.post('/api/v1/cards', JSON.parse(readFileSync(file, 'utf8')))
    expect(made.status).toBe(201)
    await house.admin.run`update cards set agent_id = ${server.id} where id = ${made.body.id}`
    return { id: made.body.id as string, slug: made.body.slug as string }
  }
  const shop = await there.makeGrant({ card: await published(join(folder, 'lamp-shop.json')) })
  const card = await published(join(a2a, 'broker.json'))
  const program = (file: string, env: Record<string, string>) => start(process.execPath, ['--import', 'tsx', file], { env })
  const seller = program(join(folder, 'seller.ts'), { COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: server.key })
  const broker = program(join(a2a, 'broker.ts'), {
    ...{ SHOP: `${house.url}/agents/lamp-shop/`, RELAY_TOKEN: shop.token, PORT: String(port) },
  })
  await broker.line(/serving/)
  const led = await house.alice.put(`/api/v1/cards/${card.id}/delivery`, {
    ...{ mode: 'a2a', upstream: { card_url: `http://127.0.0.1:${port}/.well-known/agent-card.json` } },
  })
  expect([led.status, led.body.delivery]).toMatchObject([200, { mode: 'a2a' }])
  const grant = await there.makeGrant({ card })
  const asks = async (most: number) => {
    const started = await there.start({ data: { most } }, { card, token: grant.token })
    expect(started.status).toBe(202)
    const id = started.body.thread_id as string
    await expect.poll(async () => (await there.thread(id)).ended_at, { timeout: 40_000 }).not.toBeNull()
    const messages = (await server.get(`/api/v1/threads/${id}/messages?limit=100`)).body.data
    const said = messages.filter((one: { side: string; kind: string }) => one.side === 'owner' && one.kind !== 'artifact')
    const artifacts = (await server.get(`/api/v1/threads/${id}/artifacts`)).body.data
    return {
      thread: await there.thread(id),
      said: said.map((one: { parts: { text: string }[] }) => one.parts[0]?.text),
      bought: artifacts.map((one: { parts: { data: unknown }[] }) => one.parts[0]?.data),
    }
  }
  const bought = await asks(80)
  const printed = [...readFileSync(join(a2a, 'README.md'), 'utf8').matchAll(/^ {4}(.+)$/gm)].map(([, line]) => line)
  expect([...bought.said.slice(0, 1), `bought: ${JSON.stringify(bought.bought[0])}`]).toEqual(printed)
  expect([bought.thread, bought.said.at(-1)]).toMatchObject([{ state: 'closed', outcome: 'completed' }, 'Bought.'])
  expect((await asks(60)).thread).toMatchObject({ state: 'rejected', reason: 'agent_rejected' })
  const shops = await house.admin.rows`
    select t.state, t.outcome, t.face from threads t join cards c on c.id = t.card_id where c.slug = 'lamp-shop' order by t.id`
  expect(shops).toEqual([
    { state: 'closed', outcome: 'completed', face: 'a2a' },
    { state: 'closed', outcome: 'canceled', face: 'a2a' },
  ])
  for (const one of [seller, broker]) {
    one.child.kill('SIGTERM')
    await one.ended
  }
})
