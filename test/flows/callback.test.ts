// A callback as its receiver sees it: a worker that runs by itself, a post that fails once, and the SDK's own check of what arrived, in both modes (T69–T71, T140).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { verifyWebhook, WebhookRefused } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'

type Post = { headers: Headers; body: Buffer }

async function receiver() {
  const posts: Post[] = []
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    posts.push({
      headers: new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)] as [string, string])),
      body,
    })
    response.writeHead(posts.length === 1 ? 500 : 204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { posts, url: `http://127.0.0.1:${port}/hook`, settings: { EGRESS_ALLOW: `127.0.0.1:${port}`, EGRESS_HTTP: '1' } }
}

for (const mode of ['standard', 'awaithumans'] as const)
  test(`T69 T140 a callback of mode ${mode} comes again after a 500 with the same bytes, and the SDK finds each of them genuine and any other false`, async () => {
    const { posts, url, settings } = await receiver()
    const house = await setup({ settings: { ...settings, ROLES: 'web,worker,maintenance' } })
    const signing = (await house.alice.post('/api/v1/compatibility-keys', {})).body
    const task = await house.given.task({ callback_url: url, callback_mode: mode, payload: { amount: 12_345 } })
    const decided = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, {
      type: 'respond',
      response: { approve: true },
      seen_revision: 1,
    })
    expect(decided.status).toBe(200)
    await expect.poll(() => posts.length, { timeout: 10_000, interval: 5 }).toBe(1)
    // The first repetition comes after 5 s: once the failure is stored, the time is moved there.
    const isWaiting = async () =>
      (await house.admin.rows`select from countersign_queue.jobs where kind = 'webhook.deliver' and state = 'scheduled'`).length
    await expect.poll(isWaiting, { timeout: 10_000, interval: 5 }).toBe(1)
    await house.clock.advance('10s')
    await expect.poll(() => posts.length, { timeout: 10_000, interval: 5 }).toBe(2)

    const [first, second] = posts as [Post, Post]
    expect(second.body.equals(first.body)).toBe(true)
    expect(second.headers.get('webhook-id')).toBe(first.headers.get('webhook-id'))
    expect(posts.map(({ headers }) => headers.get('webhook-attempt'))).toEqual(['1', '2'])
    const secret = mode === 'standard' ? signing.secret : signing.key
    const check = (post: Post, own: string = secret) =>
      verifyWebhook({ headers: post.headers, body: post.body, secrets: own, now: () => house.clock.now() })
    for (const post of posts) {
      const found = await check(post)
      expect(found.text).toContain(task.id)
      expect(found.text).toContain('"response":{"approve":true}')
      expect(found.text).not.toContain('12345')
    }
    const changed = { ...second, body: Buffer.from(second.body.toString().replace('true', 'false')) }
    await expect(check(changed)).rejects.toBeInstanceOf(WebhookRefused)
    const other = (await house.alice.post('/api/v1/compatibility-keys', {})).body
    await expect(check(second, mode === 'standard' ? other.secret : other.key)).rejects.toBeInstanceOf(WebhookRefused)
    await expect.poll(() => house.eventTypes(), { timeout: 10_000, interval: 5 }).toContain('task.callback_delivered')
  })
