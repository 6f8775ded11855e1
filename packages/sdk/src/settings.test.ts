import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ask } from './await-human.ts'
import { Countersign } from './client.ts'
import { DEVELOPMENT_FILE, resolveSettings } from './settings.ts'
import { testServer } from './testing/index.ts'

/** A home of its own, without settings, for the length of a test. */
function home(file?: object, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'sdk-home-'))
  vi.stubEnv('HOME', folder)
  vi.stubEnv('COUNTERSIGN_URL', undefined)
  vi.stubEnv('COUNTERSIGN_KEY', undefined)
  onTestFinished(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })
  if (file) {
    writeFileSync(join(folder, DEVELOPMENT_FILE), JSON.stringify(file))
    chmodSync(join(folder, DEVELOPMENT_FILE), mode)
  }
  return folder
}

const development = {
  url: 'http://localhost:3007',
  agent_key: 'cs_test_agt_dev',
  pid: process.pid,
  started_at: '2026-01-01T00:00:00.000Z',
}

test('T139 the option wins, then the environment, then a living countersign dev, then localhost', () => {
  home(development)
  expect(resolveSettings({})).toEqual({ url: 'http://localhost:3007', key: 'cs_test_agt_dev' })
  vi.stubEnv('COUNTERSIGN_URL', 'https://c.example/behind/')
  vi.stubEnv('COUNTERSIGN_KEY', 'env')
  expect(resolveSettings({})).toEqual({ url: 'https://c.example/behind', key: 'env' })
  expect(resolveSettings({ url: 'http://other:1', key: 'option' })).toEqual({ url: 'http://other:1', key: 'option' })
  expect(resolveSettings({ key: null })).toEqual({ url: 'https://c.example/behind', key: null })
  home()
  expect(resolveSettings({})).toEqual({ url: 'http://localhost:3001', key: null })
})

test('T139 the key of the development server is sent to that server alone', () => {
  home(development)
  expect(resolveSettings({ url: 'https://c.example' })).toEqual({ url: 'https://c.example', key: null })
})

test.each([
  ['a dead server', { ...development, pid: 2 ** 22 + 1 }, 0o600],
  ['a file that others may write', development, 0o622],
  ['a file without a key', { url: development.url, pid: process.pid }, 0o600],
])('T139 %s counts as no server', (_name, file, mode) => {
  home(file, mode)
  expect(resolveSettings({}).url).toBe('http://localhost:3001')
})

test('T139 a file that is half written counts as no server', () => {
  writeFileSync(join(home(), DEVELOPMENT_FILE), '{"url":')
  expect(resolveSettings({}).url).toBe('http://localhost:3001')
})

test.each(['no url', 'ftp://c.example', 'https://a:b@c.example'])('T139 %j is no server', (url) => {
  expect(() => resolveSettings({ url })).toThrow(expect.objectContaining({ code: 'settings_invalid' }))
})

test('T139 a key in a page is refused, a page without one speaks to its own origin', () => {
  home()
  vi.stubGlobal('window', {})
  vi.stubGlobal('document', {})
  vi.stubGlobal('location', { origin: 'https://app.example' })
  onTestFinished(() => void vi.unstubAllGlobals())
  expect(() => resolveSettings({ key: `cs_live_agt_${'0'.repeat(36)}` })).toThrow(
    expect.objectContaining({ code: 'settings_invalid' }),
  )
  const threadToken = `cs_live_thr_${'0'.repeat(36)}`
  expect(resolveSettings({ key: threadToken }).key).toBe(threadToken)
  expect(resolveSettings({ key: 'ey.embed.token' }).key).toBe('ey.embed.token')
  expect(resolveSettings({})).toEqual({ url: 'https://app.example', key: null })
})

test('T59 a path before /api is kept, and the key travels in the header alone', async () => {
  const seen: Request[] = []
  const countersign = new Countersign({
    url: 'https://c.example/behind',
    key: 'secret-key',
    fetch: async (input, init) => {
      seen.push(new Request(input, init))
      return Response.json({ data: [], next_cursor: null })
    },
  })
  await countersign.tasks.list({ status: ['open', 'returned'], mine: true, q: 'a b', cursor: undefined })
  expect(seen[0]?.url).toBe('https://c.example/behind/api/v1/tasks?status=open&status=returned&mine=true&q=a+b')
  expect(seen[0]?.headers.get('authorization')).toBe('Bearer secret-key')
})

test('T135 in a terminal the link of a task is printed to stderr, once', async () => {
  const server = testServer()
  const isTTY = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY')
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => {
    write.mockRestore()
    if (isTTY) Object.defineProperty(process.stderr, 'isTTY', isTTY)
    else Reflect.deleteProperty(process.stderr, 'isTTY')
  })
  const question = { ...server.through, task: 'Printed?', response: { type: 'object' }, timeout: '1h', idempotencyKey: 'printed' }
  Object.defineProperty(process.stderr, 'isTTY', { value: false, configurable: true })
  await ask({ ...question, idempotencyKey: 'unseen' })
  expect(write).not.toHaveBeenCalled()
  Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true })
  vi.resetModules()
  const fresh = await import('./await-human.ts')
  const { url } = await fresh.ask(question)
  await fresh.ask(question)
  expect(write.mock.calls).toEqual([[`Waiting for a human: ${url}\n`]])
})
