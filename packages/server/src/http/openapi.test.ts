import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { apiPage } from './api-page.ts'
import { openApiDocument } from './openapi.ts'
import { route, s } from './route.ts'
import { openDoor } from './testing/door.ts'
import { wireTypes } from './wire-types.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const Thing = s.named(
  'Thing',
  s.object({
    id: s.id('task'),
    title: s.text({ max: 50 }).describe('What people read.'),
    state: s.oneOf('open', 'closed'),
    made_at: s.time(),
    closed_at: s.maybe(s.time()),
    share: s.optional(s.number({ min: 0, max: 1 })),
    payload: s.jsonObject(),
    any: s.maybe(s.json()),
    labels: s.record(s.int()),
    children: s.array(s.object({ 'odd-name': s.boolean(), kind: s.literal('x') })),
    either: s.either(s.text(), s.int()),
  }),
  'A thing.',
)
const routes = [
  route(
    'GET /things',
    {
      summary: 'List things',
      tag: 'things',
      auth: 'any',
      action: 'thing.list',
      query: { ...s.page(), state: s.optional(s.array(s.oneOf('open', 'closed'))) },
      answers: { 200: s.list(Thing) },
      problems: ['cursor_invalid'],
    },
    async () => null,
  ),
  route(
    'POST /things',
    {
      summary: 'Make a thing',
      tag: 'things',
      auth: 'any',
      action: 'thing.create',
      body: s.object({ title: s.text({ min: 1 }), ttl: s.withDefault(s.int({ min: 1 }), 60) }),
      answers: { 200: Thing, 201: Thing },
      problems: ['state_conflict', 'version_conflict'],
    },
    async () => null,
  ),
  route(
    'GET /things/:id',
    {
      summary: 'Read a thing',
      tag: 'things',
      auth: 'key',
      action: 'thing.read',
      params: { id: s.id('task') },
      answers: { 200: Thing },
    },
    async () => null,
  ),
  route(
    'DELETE /things/:id',
    {
      summary: 'Remove a thing',
      tag: 'things',
      auth: 'session',
      action: 'thing.remove',
      stepUp: true,
      params: { id: s.id('task') },
      answers: { 204: null },
    },
    async () => null,
  ),
  route(
    'GET /things/stream',
    { summary: 'Follow things', tag: 'things', auth: 'any', action: 'thing.list', answers: { 200: 'stream' } },
    async () => null,
  ),
  route(
    'POST /things',
    {
      summary: 'Make a thing',
      tag: 'things',
      auth: 'any',
      action: 'thing.create',
      dialect: 'compatible',
      body: s.object({ thing: s.text() }),
      answers: { 201: Thing },
    },
    async () => null,
  ),
]
const live = route(
  'GET /livez',
  {
    summary: 'Whether it lives',
    tag: 'health',
    auth: 'none',
    bucket: 'none',
    answers: { 200: s.object({ status: s.literal('ok') }) },
  },
  async () => null,
)

const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'countersign-openapi-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('the OpenAPI document holds every route, its schemas by name and its problems by status', () => {
  const document = JSON.parse(JSON.stringify(openApiDocument(routes, { version: '1.2.3', rootRoutes: [live] })))
  expect(document.openapi).toBe('3.1.0')
  expect(Object.keys(document.paths)).toEqual([
    '/api/things',
    '/api/v1/things',
    '/api/v1/things/stream',
    '/api/v1/things/{id}',
    '/livez',
  ])
  const make = document.paths['/api/v1/things'].post
  expect(make.requestBody.content['application/json'].schema.required).toEqual(['title'])
  expect(make.responses['201'].content['application/json'].schema).toEqual({ $ref: '#/components/schemas/Thing' })
  expect(make.responses['409'].description).toMatch(/`state_conflict`.*`version_conflict`/)
  expect(make.parameters.map((one: { name: string }) => one.name)).toEqual(['Idempotency-Key'])
  expect(document.components.schemas.Thing.properties).toMatchObject({
    made_at: { type: 'string', format: 'date-time' },
    share: { type: 'number', minimum: 0, maximum: 1 },
    payload: { type: 'object' },
    title: { description: 'What people read.' },
  })
  expect(document.paths['/api/v1/things/{id}'].delete.security).toEqual([{ session: [] }])
})

test('the OpenAPI document passes the linter that CI runs', { timeout: 60_000 }, () => {
  const file = join(folder(), 'openapi.json')
  writeFileSync(file, JSON.stringify(openApiDocument(routes, { version: '1.2.3', rootRoutes: [live] })))
  const lint = spawnSync(
    process.execPath,
    [join(root, 'node_modules/@redocly/cli/bin/cli.js'), 'lint', file, '--config', join(root, 'redocly.yaml')],
    {
      encoding: 'utf8',
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    },
  )
  expect(lint.stdout + lint.stderr).toMatch(/valid/i)
  expect(lint.status).toBe(0)
})

test('two shapes of one name are refused', () => {
  const other = s.named('Other', s.object({ a: s.int() }))
  const twin = s.named('Other', s.object({ b: s.int() }))
  const of = (answer: typeof other | typeof twin, path: '/a' | '/b') =>
    route(`GET ${path}`, { summary: 'x', tag: 'x', auth: 'none', answers: { 200: answer } }, async () => null)
  expect(() => openApiDocument([of(other, '/a'), of(twin, '/b')], { version: '1' })).toThrow(
    'Two different schemas are called Other.',
  )
})

test('the server answers its own description', async () => {
  const house = await openDoor(() => routes, { version: '9.9.9' })
  const { status, body } = await house.call('/openapi.json', { as: 'nobody' })
  expect([status, body.info.version, body.paths['/api/v1/things'].get.summary]).toEqual([200, '9.9.9', 'List things'])
})

test('the wire types are TypeScript that says what the schemas say', { timeout: 60_000 }, () => {
  const made = folder()
  writeFileSync(join(made, 'wire.ts'), wireTypes(routes))
  writeFileSync(
    join(made, 'use.ts'),
    `import type { Routes, Thing } from './wire.ts'
const thing: Thing = { id: 'task_1', title: 't', state: 'open', made_at: '2026', closed_at: null, payload: { a: [1] }, any: null, labels: { a: 1 }, children: [{ 'odd-name': true, kind: 'x' }], either: 1 }
export const list: Routes['GET /things']['answers'][200] = { data: [thing], next_cursor: null }
export const query: Routes['GET /things']['query'] = { limit: 5, state: ['open'] }
export const body: Routes['POST /things']['body'] = { title: 'x' }
export const gone: Routes['DELETE /things/:id']['answers'][204] = undefined
export const params: Routes['GET /things/:id']['params'] = { id: 'task_1' }
// @ts-expect-error a state that is not offered
export const wrong: Thing['state'] = 'lost'
// @ts-expect-error a member that is missing
export const less: Routes['POST /things']['body'] = {}
`,
  )
  const flags = [
    '--noEmit',
    '--strict',
    '--allowImportingTsExtensions',
    '--module',
    'nodenext',
    '--types',
    '',
    '--ignoreConfig',
    join(made, 'use.ts'),
  ]
  expect(() =>
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...flags], { cwd: made, encoding: 'utf8' }),
  ).not.toThrow()
  expect(wireTypes(routes)).toContain('/** What people read. */')
})

test('the page of routes names who may call each and what it refuses', () => {
  const page = apiPage(routes, [live])
  expect(page).toContain('| GET `/api/v1/things/{id}` | Read a thing | key with `thing.read` | 200 | – |')
  expect(page).toContain(
    '| POST `/api/v1/things` | Make a thing | session or key with `thing.create` | 200, 201 | `state_conflict`, `version_conflict` |',
  )
  expect(page).toContain('## Compatible surface')
  expect(page).toContain('| GET `/livez` | Whether it lives | – | 200 | – |')
})
