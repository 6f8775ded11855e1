// Every example is run as its README says, each on an empty database of its own.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { emptyDatabase } from '../../packages/queue/src/testing/empty-database.ts'
import { root, start } from '../harness/process.ts'

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['queue'])
})

const at = (path: string): string => join(root, 'examples', path)

async function run(args: string[], env: Record<string, string>): Promise<string> {
  const running = start(process.execPath, args, { env })
  const { code } = await running.ended
  expect(code, running.stderr()).toBe(0)
  return running.stdout()
}

test('the TypeScript example confirms the order that was paid for and knows nothing of the other', {
  timeout: 60_000,
}, async () => {
  const said = await run(['--import', 'tsx', at('typescript/app.ts')], { DATABASE_URL: await emptyDatabase() })
  expect(said).toBe(`no yacht: card refused
{ confirmed: '1' }
[ { item: 'a lamp', confirmed: true } ]
`)
})

test('the SQL example enqueues from a trigger, by one call and by many, and its jobs are worked', {
  timeout: 60_000,
}, async () => {
  const said = await run([at('sql/run.mjs')], { DATABASE_URL: await emptyDatabase() })
  expect(said).toBe(`order.audit 1
order.audit 2
order.confirm a chair
order.confirm a lamp
scheduled for tomorrow: 1
`)
})

test('the HTTP example dispatches a signed job and takes its signed answer for the output', { timeout: 60_000 }, async () => {
  const env = { KEY_ID: 'k1', KEY_SECRET: randomBytes(32).toString('base64') }
  const endpoint = start(process.execPath, [at('http-worker/endpoint.mjs')], { env: { ...env, PORT: '0' } })
  const [, url] = /listening on (\S+)/.exec(await endpoint.line(/^listening on /)) as unknown as [string, string]
  const said = await run([at('http-worker/app.mjs')], { ...env, DATABASE_URL: await emptyDatabase(), ENDPOINT: url })
  expect(said).toBe("{ pages: 3, title: 'THE TERMS' }\n")
  expect(await endpoint.line(/^answered/)).toBe('answered: 200')
})
