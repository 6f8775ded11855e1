// A session that an agent uses and never has (V45), on its whole way: what the site renews is stored sealed, and the agent sees none of it.
import type { Problem } from '@countersign/sdk'
import { expect, test, vi } from 'vitest'
import { sha256Hex } from '../../crypto/token.ts'
import type { Definition } from '../../vault/providers/definition.ts'
import { canary, formsOf, tablesAsText } from '../../vault/testing/vault.ts'
import type { MaterialResult } from '../gate/wire.ts'
import { openWayOut } from '../testing/way-out.ts'

// Each of these starts a server and its gate.
vi.setConfig({ testTimeout: 120_000 })

const SITE: Definition = {
  ...{ schema: 1, name: 'site', kind: 'cookies', display_name: 'Site', methods: ['cookies'] },
  hosts: [{ host: 'api.example.com' }, { host: 'other.example.com' }],
  api_key: {
    fields: [
      { name: 'session', label: 'Session', secret: true },
      { name: 'theme', label: 'Theme', secret: false },
    ],
  },
  inject: [
    { where: 'cookie', name: 'sid', template: '{{session}}' },
    { where: 'cookie', name: 'theme', template: '{{theme}}' },
  ],
  capture: { cookies: ['sid'] },
}

async function session(hosts: string[] = []) {
  const way = await openWayOut()
  const { house } = way
  await way.define(SITE)
  const first = canary()
  const made = await house.alice.post('/api/v1/connections/import', {
    items: [{ provider: 'site', cookies: { sid: first, theme: 'dark' }, ...(hosts.length > 0 ? { hosts } : {}) }],
  })
  const id: string = made.body.data[0].connection_id
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: id, rules: [{ effect: 'allow' }] },
  })
  expect(grant.status).toBe(201)
  const read = async () => (await house.alice.get(`/api/v1/connections/${id}`)).body
  return { ...way, first, id, grantId: String(grant.body.id), read }
}

test('V45 a cookie that the site renews is stored sealed, withheld and masked; the next request carries it', async () => {
  const { house, upstream, reached, read, first, ...way } = await session()
  const second = canary()
  upstream.answer = async () => ({
    status: 200,
    body: `your session is ${second}`,
    headers: { 'set-cookie': [`sid=${second}; Path=/; HttpOnly`, 'lang=en', 'theme=light'] },
  })
  const [node, run] = [await way.node(), await way.run()]
  const answer = await way.send(node, run, { method: 'GET' }).answer
  expect(answer.status).toBe(200)
  expect(answer.headers['set-cookie']).toEqual(['lang=en', 'theme=light'])
  expect(`${answer.body}${JSON.stringify(answer.headers)}`).not.toContain(second)
  await expect.poll(async () => (await read()).generation, { timeout: 60_000 }).toBe(2)
  expect(await read()).toMatchObject({ status: 'connected' })
  await node.node.look()
  // The same value again is no news.
  await way.send(node, run, { method: 'GET' }).answer
  expect(reached.map(({ cookie }) => cookie)).toEqual([`sid=${first}; theme=dark`, `sid=${second}; theme=dark`])
  expect((await read()).generation).toBe(2)
  expect(await house.eventTypes()).toContain('connection.refreshed')
  const everywhere = `${await tablesAsText(house)}${house.logs.join('\n')}`
  for (const form of [first, second].flatMap(formsOf)) expect(everywhere).not.toContain(form)
})

test('V45 V81 a node renews only what the definition captures, of what this line was handed, at that generation, and no more than cookies are', async () => {
  const { house, id, grantId, read, ...way } = await session()
  const [line, run] = [await way.dial(), await way.run()]
  await line.client.call('open', { token_hash: sha256Hex(run.token), client_address: '127.0.0.1' })
  const params = { run_id: run.id, connection_id: id, grant_id: grantId }
  const renew = async (generation: number, cookies: Record<string, string>): Promise<string | MaterialResult> =>
    line.client.call('material', { ...params, renewed: { generation, cookies } }).then(
      (result) => result as MaterialResult,
      (error: unknown) => (error as Problem).code,
    )
  expect(await renew(1, { sid: canary() })).toBe('forbidden')
  expect(((await line.client.call('material', params)) as MaterialResult).generation).toBe(1)
  expect(await renew(2, { sid: canary() })).toBe('forbidden')
  expect(await renew(1, {})).toBe('request_invalid')
  expect(await renew(1, { sid: 'x'.repeat(16_385) })).toBe('request_invalid')
  expect(await renew(1, Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`c${i}`, 'x'])))).toBe('request_invalid')
  // What is not captured, is no cookie's value, or names a field of the material changes nothing.
  for (const [name, value] of [
    ['theme', 'light'],
    ['session', canary()],
    ['sid', 'a b'],
  ] as const)
    expect(await renew(1, { [name]: value })).toEqual({ material: {}, generation: 1, lease_ms: 0 })
  expect((await read()).generation).toBe(1)
  // Renewed, and then it is another generation: of two that renew the same the second is late.
  await renew(1, { sid: canary() })
  expect((await read()).generation).toBe(2)
  await renew(1, { sid: canary() })
  expect((await read()).generation).toBe(2)
  // Whoever may use it no more renews nothing.
  await line.client.call('material', params)
  expect((await house.alice.post(`/api/v1/grants/${grantId}/revoke`, {})).status).toBe(200)
  expect(await renew(2, { sid: canary() })).toBe('proxy_denied')
  expect((await read()).generation).toBe(2)
})

test('V45 a session that was brought for one host goes to no other host of its provider', async () => {
  const { reached, read, ...way } = await session(['Other.Example.com.'])
  expect(await read()).toMatchObject({ hosts: ['other.example.com'] })
  const [node, run] = [await way.node(), await way.run()]
  const answer = await way.send(node, run, { method: 'GET' }).answer
  expect([answer.status, answer.json.reason]).toEqual([403, 'host'])
  expect(reached).toEqual([])
})
