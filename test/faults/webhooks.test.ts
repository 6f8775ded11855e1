// kill -9 of the process that delivers, at random points: every committed event arrives, none of a rolled-back transaction does (A27, P85). FAULTS=long kills 20 times.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { openDb, tx } from '../../packages/server/src/db/tx.ts'
import { record } from '../../packages/server/src/events/event.ts'
import { openFanOut } from '../../packages/server/src/webhooks/fan-out.ts'
import { openInstallation, type Process, until } from '../harness/installation.ts'

const IS_LONG = process.env.FAULTS === 'long'
const KILLS = IS_LONG ? 20 : 3
const TIME = IS_LONG ? 900_000 : 240_000

async function openReceiver() {
  const seen = new Map<string, Set<number>>()
  let posts = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { data } = JSON.parse(Buffer.concat(chunks).toString()) as { data: { n?: number } }
      const path = request.url ?? '/'
      if (data.n !== undefined) seen.set(path, (seen.get(path) ?? new Set()).add(data.n))
      posts += 1
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { seen, posts: () => posts, port: (server.address() as AddressInfo).port }
}

test(
  'A27 P85 the worker is killed at random points while events are written: what was committed arrives at every endpoint, what was rolled back at none',
  async () => {
    const receiver = await openReceiver()
    const installation = await openInstallation({
      servers: 1,
      env: { COUNTERSIGN_EGRESS_HTTP: '1', COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${receiver.port}` },
    })
    const [server] = installation.servers as [Process]
    const owner = await installation.owner(server)
    const paths = ['/a', '/b']
    for (const path of paths) {
      const url = `http://127.0.0.1:${receiver.port}${path}`
      const made = await owner.post('/api/v1/endpoints', { url, events: ['job.enqueued'], verify: false, max_in_flight: 20 })
      expect(made.status, JSON.stringify(made.body)).toBe(201)
    }
    const [tenant] = await installation.look<{ id: string }>('select tenant_id as id from endpoints limit 1')
    const db = await openDb({ url: installation.database.runtimeUrl, max: 4, listen: false })
    onTestFinished(() => db.close())
    db.fanOut = openFanOut(() => server.url)
    const scope = systemScope('faults', tenant?.id as string)

    const committed: number[] = []
    const rolledBack: number[] = []
    let n = 0
    let isOver = false
    const write = async () => {
      while (!isOver) {
        n += 1
        const own = n
        const fails = own % 3 === 0
        try {
          await tx(db, scope, async (t) => {
            await record(t, scope, 'job.enqueued', { n: own })
            if (fails) throw new Error('changed its mind')
          })
          committed.push(own)
        } catch (error) {
          if (!fails) throw error
          rolledBack.push(own)
        }
        // So that there is always something on its way, and never a backlog that outlasts the test.
        await new Promise((resume) => setTimeout(resume, 15))
      }
    }
    const writers = Promise.all([write(), write()])
    for (let kill = 0; kill < KILLS; kill++) {
      const before = receiver.posts()
      const more = 1 + Math.floor(Math.random() * 60)
      await until(() => receiver.posts() >= before + more, [server])
      await server.kill()
      await server.restart()
    }
    isOver = true
    await writers

    // A worker is believed lost after 20 seconds; what it held is then taken up by the others.
    const arrived = () => paths.every((path) => committed.every((one) => receiver.seen.get(path)?.has(one)))
    await until(arrived, [server])
    expect(rolledBack.length).toBeGreaterThan(0)
    expect(paths.flatMap((path) => rolledBack.filter((one) => receiver.seen.get(path)?.has(one)))).toEqual([])
    const states = await installation.look<{ state: string; n: number }>(
      'select state, count(*)::int as n from deliveries group by state order by state',
    )
    expect(states.map((row) => row.state).filter((state) => !['succeeded', 'sending', 'pending'].includes(state))).toEqual([])
    expect(states.reduce((sum, row) => sum + row.n, 0)).toBe(committed.length * paths.length)
    const lost = await installation.look<{ n: number }>(`select count(*)::int as n from delivery_attempts where class = 'lost'`)
    process.stdout.write(
      `webhooks: ${KILLS} kills, ${committed.length} committed, ${rolledBack.length} rolled back, ${receiver.posts()} posts, ${lost[0]?.n} attempts lost\n`,
    )
  },
  TIME,
)
