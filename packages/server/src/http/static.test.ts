import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { loadPages, pageAnswer } from './static.ts'
import { openDoor } from './testing/door.ts'

const script = `// ${'padding '.repeat(200)}\nexport {}\n`

function built(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-pages-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Countersign</title>')
  writeFileSync(join(folder, 'favicon.svg'), '<svg/>')
  writeFileSync(join(folder, 'assets', 'main-BxYz0123.js'), script)
  writeFileSync(join(folder, 'assets', 'main-BxYz0123.js.map'), '{}')
  return folder
}

const html = { accept: 'text/html,application/xhtml+xml' }

test('P134 pages carry the strict policy, hashed assets are kept for ever, and nothing else is', async () => {
  const house = await openDoor(() => [], { pages: loadPages(built()) })
  const page = await house.call('/tasks/task_1?tab=record', { as: 'nobody', headers: html })
  expect([page.status, page.headers['content-type'], page.headers['cache-control']]).toEqual([
    200,
    'text/html; charset=utf-8',
    'no-store',
  ])
  const policy = page.headers['content-security-policy'] as string
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types countersign',
  ])
    expect(policy).toContain(part)
  expect(page.headers['x-frame-options']).toBe('DENY')

  const asset = await house.call('/assets/main-BxYz0123.js', { as: 'nobody' })
  expect([asset.status, asset.headers['content-type'], asset.headers['cache-control'], asset.text]).toEqual([
    200,
    'text/javascript; charset=utf-8',
    'public, max-age=31536000, immutable',
    script,
  ])
  const again = await house.call('/assets/main-BxYz0123.js', {
    as: 'nobody',
    headers: { 'if-none-match': asset.headers.etag as string },
  })
  expect([again.status, again.text]).toEqual([304, ''])
  const head = await house.call('/', { as: 'nobody', method: 'HEAD', headers: html })
  expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '41'])
})

test('an address that is no page is 404: under /api, a missing asset, a map, another method, a client that wants no page', async () => {
  const house = await openDoor(() => [], { pages: loadPages(built()) })
  for (const path of [
    '/api/v1/nothing',
    '/api',
    '/assets/gone-00000000.js',
    '/assets/main-BxYz0123.js.map',
    '/../index.html',
    '/%2e%2e/index.html',
    '/package.json',
    '//index.html',
  ])
    expect((await house.call(path, { as: 'nobody', headers: html })).body.code, path).toBe('not_found')
  expect((await house.call('/tasks', { as: 'nobody' })).body.code).toBe('not_found')
  expect((await house.call('/tasks', { as: 'nobody', method: 'POST', headers: html })).body.code).toBe('not_found')
})

test('files are packed once and sent as the client can read them', () => {
  const pages = loadPages(built())
  const asked = (accepted?: string) =>
    pageAnswer(pages, '/assets/main-BxYz0123.js', (name) => (name === 'accept-encoding' ? accepted : undefined))
  expect(brotliDecompressSync(asked('gzip, deflate, br')?.body as Buffer).toString()).toBe(script)
  expect(gunzipSync(asked('gzip')?.body as Buffer).toString()).toBe(script)
  expect(asked('br')?.body).toBe(asked('br')?.body)
  expect(asked()?.body?.toString()).toBe(script)
  expect(asked('br')?.headers).toMatchObject({ 'Content-Encoding': 'br', Vary: 'Accept-Encoding' })
  expect(loadPages(join(tmpdir(), 'no-such-folder')).size).toBe(0)
})
