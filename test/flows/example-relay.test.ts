// The example of two agents that negotiate as its README says: published, served from behind NAT, bought from; also with the seller killed in the middle.
import { readFileSync } from 'node:fs'
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
