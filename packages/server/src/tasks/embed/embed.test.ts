import { expect, test } from 'vitest'
import { type Client, clientOf, type House, setup } from '#harness'
import { loadPages } from '../../http/static.ts'
import { describeRoutes } from '../../main/rooms.ts'
import { newId } from '../../std/id.ts'
import { answer, REFUND } from '../tasks.fixture.ts'
import { EMBED_ROUTES } from './bearer.ts'

const ORIGIN = 'https://app.example.com'

async function ready(house: House, origin = ORIGIN): Promise<void> {
  const allowed = await house.alice.post('/api/v1/embed/origins', { origin })
  expect(allowed.status, JSON.stringify(allowed.body)).toBe(201)
}

type Minted = { id: string; token: string; url: string; visitor: Client; task: string }

async function embed(house: House, more: object = {}, of: object = {}): Promise<Minted> {
  const task = await house.given.task({ ...REFUND, ...of })
  const minted = await house.agent.post('/api/v1/embed/tokens', { task_id: task.id, parent_origin: ORIGIN, ...more })
  expect(minted.status, JSON.stringify(minted.body)).toBe(200)
  const { id, embed_token, embed_url } = minted.body
  return { id, token: embed_token, url: embed_url, visitor: clientOf(house.url, { bearer: embed_token }), task: task.id }
}

const mint = (by: Client, body: object) => by.post('/api/v1/embed/tokens', { parent_origin: ORIGIN, ...body })

test('T122 T149 a token is minted for a task of the agent, shown once, stored as a hash, listed and revocable', async () => {
  const house = await setup()
  await ready(house)
  const { id, token, url, task, visitor } = await embed(house, { sub: 'visitor-7', theme: 'dark' })

  expect(token).toMatch(/^cse_[A-Za-z0-9_-]{43}$/)
  expect(url).toBe(`${house.server.publicUrl}/embed?id=${task}&e=${id}#token=${token}`)
  const { rows } = await house.admin.query('select e::text as row from countersign.embed_tokens e')
  expect(rows[0].row).not.toContain(token)
  const listed = await house.alice.get(`/api/v1/embed/tokens?task_id=${task}`)
  expect(listed.body.data).toMatchObject([
    { id, task_id: task, sub: 'visitor-7', parent_origin: ORIGIN, state: 'live', theme: 'dark' },
  ])
  expect(JSON.stringify(listed.body)).not.toContain(token)
  const { rows: events } = await house.admin.query('select e::text as data from countersign.events e')
  expect(events.map(({ data }) => data).join()).not.toMatch(/visitor-7|cse_/)

  expect((await visitor.get(`/api/v1/tasks/${task}`)).status).toBe(200)
  expect((await house.alice.delete(`/api/v1/embed/tokens/${id}`)).status).toBe(204)
  const after = await visitor.get(`/api/v1/tasks/${task}`)
  expect([after.status, after.body.code]).toEqual([401, 'embed_token_invalid'])
  expect((await house.alice.delete(`/api/v1/embed/tokens/${id}`)).status).toBe(204)
  expect((await house.eventTypes()).filter((type) => type.startsWith('embed.'))).toEqual(['embed.minted', 'embed.revoked'])
  expect((await house.alice.get('/api/v1/embed/tokens?live=true')).body.data).toEqual([])
})

test('T122 the lifetime is 300 s, and lies between 60 and 3,600 whatever is asked', async () => {
  const house = await setup()
  await ready(house)
  for (const [asked, seconds] of [
    [undefined, 300],
    [0, 60],
    [59, 60],
    [61, 61],
    [3_600, 3_600],
    [86_400, 3_600],
  ] as const) {
    const { id } = await embed(house, asked === undefined ? {} : { ttl_seconds: asked })
    const { life } = await house.admin.one<{ life: number }>`
      select extract(epoch from expires_at - created_at)::int as life from embed_tokens where id = ${id}::text`
    expect([asked, life]).toEqual([asked, seconds])
  }
})

test('T122 T123 an expired token, one of an ended key, an altered one and no token at all are 401', async () => {
  const house = await setup()
  await ready(house)
  const { visitor, token, task } = await embed(house)
  const get = (bearer: string) => clientOf(house.url, { bearer }).get(`/api/v1/tasks/${task}`)
  expect((await get(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).body.code).toBe('embed_token_invalid')
  expect((await get('cse_short')).body.code).toBe('embed_token_invalid')
  expect((await house.nobody.get(`/api/v1/tasks/${task}`)).status).toBe(401)
  expect((await visitor.get(`/api/v1/tasks/${task}`)).status).toBe(200)
  await house.clock.advance('301s')
  expect((await visitor.get(`/api/v1/tasks/${task}`)).body.code).toBe('embed_token_invalid')

  const again = await embed(house)
  expect((await house.alice.post(`/api/v1/keys/${house.agent.keyId}/revoke`, {})).status).toBeLessThan(300)
  expect((await again.visitor.get(`/api/v1/tasks/${again.task}`)).body.code).toBe('embed_token_invalid')
})

test('T123 an origin counts when the tenant lists it, and the key where it names any; everything else is 400 and leaves nothing', async () => {
  const house = await setup()
  const task = await house.given.task(REFUND)
  const at = async (origin: string, by: Client = house.agent) => {
    const { status, body } = await mint(by, { task_id: task.id, parent_origin: origin })
    return status === 200 ? 200 : [status, body.code, body.origin]
  }
  expect(await at(ORIGIN)).toEqual([400, 'embed_origin_not_allowed', ORIGIN])
  await ready(house, 'https://*.example.com')
  await ready(house, 'http://localhost:3000')
  expect(await at(ORIGIN)).toBe(200)
  expect(await at('http://localhost:3000')).toBe(200)
  for (const bad of [
    'https://example.com',
    'https://a.b.example.com',
    'https://*.example.com',
    'http://app.example.com',
    'https://app.example.com/',
    'nonsense',
  ])
    expect(await at(bad)).toEqual([400, 'embed_origin_not_allowed', bad])

  const key = await house.given.key({ kind: 'emb', agent_ids: [house.agent.id], origins: ['https://one.example.com'] })
  const server = clientOf(house.url, { bearer: key.secret })
  expect(await at('https://one.example.com', server)).toBe(200)
  expect(await at(ORIGIN, server)).toEqual([400, 'embed_origin_not_allowed', ORIGIN])

  const [first] = (await house.alice.get('/api/v1/embed/origins')).body.data
  expect((await house.alice.delete(`/api/v1/embed/origins/${first.id}`)).status).toBe(204)
  expect(await at(ORIGIN)).toEqual([400, 'embed_origin_not_allowed', ORIGIN])
  const { count } = await house.admin.one<{ count: number }>`select count(*)::int from embed_tokens`
  expect(count).toBe(3)
})

test('T122 T18 a key mints for its own agent, a key for embeds for the agents it names and nothing else, nobody for what is not there', async () => {
  const house = await setup()
  await ready(house)
  const other = await house.given.agent()
  const task = await house.given.task(REFUND)
  const theirs = await house.given.task(REFUND, other)
  const key = await house.given.key({ kind: 'emb', agent_ids: [house.agent.id] })
  const server = clientOf(house.url, { bearer: key.secret })

  expect((await mint(other, { task_id: task.id })).status).toBe(404)
  expect((await mint(server, { task_id: task.id })).status).toBe(200)
  expect((await mint(server, { task_id: theirs.id })).status).toBe(404)
  expect((await mint(server, { task_id: newId('task') })).status).toBe(404)
  expect((await mint(house.alice, { task_id: theirs.id })).status).toBe(200)
  expect((await mint(house.member, { task_id: task.id })).status).toBe(403)
  expect((await house.stranger.post('/api/v1/embed/origins', { origin: ORIGIN })).status).toBe(201)
  expect((await mint(house.stranger, { task_id: task.id })).status).toBe(404)
  expect((await server.get(`/api/v1/tasks/${task.id}`)).status).toBe(403)
  expect((await server.post(`/api/v1/tasks/${task.id}/decide`, answer())).body.code).toBe('agent_may_not_decide')
  for (const wrong of [
    { kind: 'emb' },
    { kind: 'emb', agent_ids: [newId('agt')] },
    { kind: 'adm', scopes: ['tasks:read'], agent_ids: [house.agent.id] },
  ])
    expect((await house.alice.post('/api/v1/keys', wrong)).status).toBe(422)
})

test('T123 A26 the token opens what stands on its list, for its task, and nothing else of the whole API', {
  timeout: 120_000,
}, async () => {
  const house = await setup()
  await ready(house)
  const { visitor, task } = await embed(house, { allow: ['decide', 'comment'] })
  const other = await house.given.task(REFUND)
  const { routes, rootRoutes } = describeRoutes()
  const asked = [
    ...routes.flatMap((one) =>
      (one.spec.dialect === 'compatible' ? ['/api'] : one.spec.dialect === 'both' ? ['/api', '/api/v1'] : ['/api/v1']).map(
        (prefix) => ({ one, prefix }),
      ),
    ),
    ...rootRoutes.map((one) => ({ one, prefix: '' })),
  ]
  const opened: string[] = []
  const ask = async ({ one, prefix }: (typeof asked)[number]) => {
    const path = (id: string) =>
      prefix +
      one.path.replace(/:([a-z_]+)/g, (_, name: string) => (name === 'id' ? id : 'x')).replace('*', 'x') +
      (one.path.endsWith('/poll') ? '?timeout=1' : '')
    const call = async (id: string) => {
      const answered = await visitor.raw(path(id), { method: one.method, body: one.method === 'GET' ? undefined : '{}' })
      const text = await answered.text()
      return { status: answered.status, code: answered.status < 400 ? null : (JSON.parse(text) as { code: string }).code }
    }
    const head = `${one.method} ${one.path}`
    const own = await call(task)
    if (EMBED_ROUTES.has(head) && prefix !== '') {
      opened.push(head)
      expect([head, own.status === 401 || own.status === 403]).toEqual([head, false])
      expect([head, await call(other.id)]).toEqual([head, { status: 403, code: 'embed_token_wrong_task' }])
    } else if (one.spec.own) {
      // Of another protocol, in its own order and words: whether there is such an agent comes first (relay.md R106), and a form is no JSON.
      expect([head, own.status]).toEqual([head, one.path === '/oauth/token' ? 400 : 404])
    } else expect([prefix, head, own]).toEqual([prefix, head, { status: 403, code: 'forbidden' }])
  }
  for (let from = 0; from < asked.length; from += 16) await Promise.all(asked.slice(from, from + 16).map(ask))
  expect([...new Set(opened)].sort()).toEqual([...EMBED_ROUTES].sort())
})

test('T125 T21 who answered is the sub that the key vouches for, by embed, as link; two submissions decide once', async () => {
  const house = await setup()
  await ready(house)
  const { visitor, task } = await embed(house, { sub: 'ann@customer.example' })
  const answers = await Promise.all([1, 2, 3].map(() => visitor.post(`/api/v1/tasks/${task}/decide`, answer())))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
  expect(answers.find(({ status }) => status === 409)?.body.code).toBe('task_not_open')

  const { body } = await house.agent.get(`/api/v1/tasks/${task}`)
  expect(body).toMatchObject({
    status: 'completed',
    response: { approved: true },
    completed_via_channel: 'embed',
    completed_by_display_name: 'ann@customer.example',
  })
  const decided = await house.admin
    .rows`select channel, assurance, key_id, display_name from decisions where task_id = ${task}::text`
  expect(decided).toEqual([
    { channel: 'embed', assurance: 'link', key_id: house.agent.keyId, display_name: 'ann@customer.example' },
  ])
  expect((await house.eventTypes()).filter((type) => type === 'task.completed')).toHaveLength(1)

  // The result can be read until the token ends.
  expect((await visitor.get(`/api/v1/tasks/${task}`)).body).toMatchObject({ status: 'completed', response: { approved: true } })
  await house.clock.advance('301s')
  expect((await visitor.get(`/api/v1/tasks/${task}`)).status).toBe(401)
})

test('T122 without decide in allow nothing is decided; a renewed token is the same person', async () => {
  const house = await setup()
  await ready(house)
  const { visitor, task } = await embed(house, { allow: [], sub: 'x' })
  expect((await visitor.get(`/api/v1/tasks/${task}`)).body.may).toEqual([])
  expect((await visitor.post(`/api/v1/tasks/${task}/decide`, answer())).status).toBe(403)
  const renewed = await mint(house.agent, { task_id: task, sub: 'x' })
  const people = await house.admin.rows<{
    person: string
  }>`select distinct person from embed_tokens where task_id = ${task}::text`
  expect(people).toHaveLength(1)
  const second = clientOf(house.url, { bearer: renewed.body.embed_token })
  expect((await second.post(`/api/v1/tasks/${task}/decide`, answer())).status).toBe(200)
})

test('T153 redaction: at notify the visitor sees no payload, at strict there is no token', async () => {
  const house = await setup()
  await ready(house)
  const { visitor, task } = await embed(house, {}, { redact: 'notify', payload: { secret: 'canary-17' } })
  const { body } = await visitor.get(`/api/v1/tasks/${task}`)
  expect(JSON.stringify(body)).not.toContain('canary-17')
  const strict = await house.given.task({ ...REFUND, redact: 'strict' })
  expect((await mint(house.agent, { task_id: strict.id })).status).toBe(403)
})

test('T59 T61 the other clients mint with a bearer alone and read three members; unknown ones are named and ignored', async () => {
  const house = await setup()
  await ready(house)
  const task = await house.given.task(REFUND)
  const body = { task_id: task.id, parent_origin: ORIGIN, sub: null, ttl_seconds: 120.5, more: 1 }
  const minted = await house.agent.post('/api/embed/tokens', body)
  expect(minted.status).toBe(200)
  expect(Object.keys(minted.body).sort()).toEqual(['embed_token', 'embed_url', 'expires_at'])
  expect(minted.headers.get('countersign-ignored')).toBe('more')
  const refused = await house.agent.post('/api/embed/tokens', { ...body, parent_origin: 'https://evil.example' })
  expect([refused.status, refused.body.error]).toEqual([400, 'EMBED_ORIGIN_NOT_ALLOWED'])
  const unknown = await clientOf(house.url, { bearer: 'nonsense' }).post('/api/embed/tokens', body)
  expect([unknown.status, unknown.body.error]).toEqual([401, 'SERVICE_KEY_NOT_FOUND'])
  expect((await house.agent.post('/api/embed/tokens', { ...body, task_id: newId('task') })).body.error).toBe('TASK_NOT_FOUND')
  const gone = clientOf(house.url, { bearer: `cse_${'x'.repeat(43)}` })
  expect((await gone.get(`/api/tasks/${task.id}`)).body.error).toBe('INVALID_EMBED_TOKEN')
})

test('T123 the page may be held by the origin of its embed and by nobody else; the rest of its policy is that of every page', async () => {
  const house = await setup({ pages: loadPages(new URL('./testing', import.meta.url).pathname) })
  await ready(house)
  const { id, task } = await embed(house)
  const page = await house.nobody.raw(`/embed?id=${task}&e=${id}`)
  expect(page.status).toBe(200)
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toContain(`frame-ancestors ${ORIGIN};`)
  expect(page.headers.get('x-frame-options')).toBeNull()
  const usual = (await house.nobody.raw('/', { headers: { accept: 'text/html' } })).headers.get('content-security-policy') ?? ''
  expect(policy.replace(/frame-ancestors [^;]+;/, '')).toBe(usual.replace(/frame-ancestors [^;]+;/, ''))
  const html = await page.text()
  expect(html).toContain('name="countersign-embed"')
  expect(html).not.toContain('Refund')
  for (const wrong of [`id=${newId('task')}&e=${id}`, `id=${task}&e=${newId('emb')}`]) {
    const none = await house.nobody.raw(`/embed?${wrong}`)
    expect([none.status, none.headers.get('content-security-policy')]).toEqual([
      404,
      expect.stringContaining("frame-ancestors 'none'"),
    ])
  }
})
