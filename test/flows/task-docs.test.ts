// The pages about tasks keep their word: every command that they print is one, with options that it has; every task and verifier that they show is taken as it stands.

import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { openModelProvider, setup } from '#harness'
import { countersign, root, temporaryFolder } from '../harness/process.ts'

const folder = join(root, 'docs/tasks')
const pages = [
  ...readdirSync(folder).map((name) => join(folder, name)),
  join(root, 'examples/slack/README.md'),
  join(root, 'examples/agents/README.md'),
].map((path) => ({ path, text: readFileSync(path, 'utf8') }))

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['server'])
}, 60_000)

/** The words behind `countersign` on every line of code that calls it; what a page leaves out with … is no command, and a name within a sentence is no line. */
function commands(text: string): string[] {
  const code = [...text.matchAll(/```(\w*)\n([\s\S]*?)```/g)].flatMap(([, language = '', block = '']) =>
    ['', 'sh'].includes(language) ? block.split('\n') : [],
  )
  const indented = text.split('\n').filter((line) => /^ {4,}(?:\$ |printf )/.test(line))
  return [...code, ...indented].flatMap((line) => {
    const [, words] =
      /(?:^|[|;] ?|\$ |npx )countersign ((?:"[^"]*"|'[^']*'|[^|<>#;"'])+)/.exec(line.trim().replace(/\\$/, '')) ?? []
    return words === undefined || / …|^…|<[a-z]+>/.test(words) || words.includes('…`') ? [] : [words.trim()]
  })
}

/** As a shell parts them. */
const parted = (words: string): string[] =>
  [...words.matchAll(/(?:"([^"]*)"|'([^']*)'|(\S+))/g)].map(([, double, single, bare]) => double ?? single ?? bare ?? '')

test('T147 T162 every command in the pages about tasks exists, with the arguments and options that are printed', {
  timeout: 240_000,
}, async () => {
  const all = [...new Set(pages.flatMap(({ text }) => commands(text)))].filter((one) => !one.startsWith('dev'))
  expect(all.length).toBeGreaterThan(15)
  // Whatever is called is refused at once: only the words are looked at. Wrong words end with 2 and an `error:` of the parser; a file that is not here ends with 2 as well.
  const server = createServer((_, response) =>
    response.writeHead(401, { 'content-type': 'application/problem+json' }).end('{"code":"unauthenticated"}'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
  const home = temporaryFolder()
  const env = {
    COUNTERSIGN_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    COUNTERSIGN_KEY: 'x',
    COUNTERSIGN_HOME: home,
  }
  const wrong: string[] = []
  const waiting = [...all]
  const work = async () => {
    for (let words = waiting.shift(); words !== undefined; words = waiting.shift()) {
      const running = countersign(parted(words), { env, cwd: home })
      const { code } = await running.ended
      if (code === 2 && /^error: /m.test(running.stderr())) wrong.push(`${words}: ${running.stderr()}`)
    }
  }
  await Promise.all([work(), work()])
  expect(wrong).toEqual([])
})

/** JSON values that stand one below the other; null where a page leaves something out. */
function valuesIn(block: string): Record<string, unknown>[] {
  const text = block.replace(/^(?:POST|PUT|PATCH) \S+\n/, '').trim()
  if (!text.startsWith('{') || text.includes('…')) return []
  try {
    return [JSON.parse(text) as Record<string, unknown>]
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}

test('T126 T44 T153 every task and every verifier in the pages is taken as it is printed', async () => {
  const provider = await openModelProvider()
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${provider.port}` } })
  for (const name of ['openai', 'anthropic']) {
    const key = { provider: name, key: crypto.randomUUID(), base_url: `${provider.origin}/v1`, model: 'test' }
    expect((await house.alice.put(`/api/v1/provider-keys/${name}`, key)).status).toBe(200)
  }
  const blocks = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, block = '']) => ({ path, block })),
  )
  let taken = 0
  for (const { path, block } of blocks)
    for (const value of valuesIn(block)) {
      const question = {
        task: 'Refund order 1042?',
        response_schema: { type: 'object' },
        timeout_seconds: 3_600,
        payload: { card: { number: 1 } },
      }
      const body = 'task' in value ? value : 'redact' in value ? { ...question, ...value } : null
      const made = body
        ? await house.agent.post('/api/v1/tasks', body)
        : 'provider' in value
          ? await house.alice.post('/api/v1/verifiers', { name: path, config: value })
          : null
      if (!made) continue
      expect(made.status, `${path}: ${JSON.stringify(made.body)}`).toBe(201)
      taken++
    }
  expect(taken).toBeGreaterThanOrEqual(5)
})
