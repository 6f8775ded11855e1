// What a command loads: one that talks to a server, or prints help, loads the commands and the client, and nothing of the server, its database or its engine.
// Read from the processes themselves, so that neither a new import nor the bundler can bring it in unseen.
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { buildCommand, root, start, temporaryFolder } from '../harness/process.ts'

/** Told of each module that Node loads, writes its URL down: ES modules by the hook, CommonJS ones by what Node keeps of them. */
const SPY = `
import { appendFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { pathToFileURL } from 'node:url'
const hook = 'import { appendFileSync } from "node:fs"; export const load = (url, context, next) => { appendFileSync(process.env.LOADED, url + "\\\\n"); return next(url, context) }'
register('data:text/javascript,' + encodeURIComponent(hook))
process.on('exit', () => {
  for (const file of Object.keys(createRequire(import.meta.url).cache)) appendFileSync(process.env.LOADED, pathToFileURL(file).href + '\\n')
})
`

type Loaded = { code: number | null; packages: string[]; sources: string[] }

async function loadedBy(...words: string[]): Promise<Loaded> {
  const cli = await buildCommand()
  const folder = temporaryFolder()
  const [spy, list] = [join(folder, 'spy.mjs'), join(folder, 'loaded')]
  writeFileSync(spy, SPY)
  writeFileSync(list, '')
  const env = { HOME: folder, LOADED: list, COUNTERSIGN_URL: await emptyServer(), COUNTERSIGN_KEY: 'nobody' }
  const { code } = await start(process.execPath, ['--import', spy, cli, ...words], { cwd: folder, env }).ended
  const urls = [...new Set(readFileSync(list, 'utf8').trim().split('\n'))].filter(
    (url) => url.startsWith('file:') && !url.endsWith('/spy.mjs'),
  )
  const paths = urls.map((url) => relative(root, fileURLToPath(url)))
  const packageOf = (path: string) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
  const isOurs = (path: string) => path.startsWith('packages/server/dist/')
  expect(paths.filter((path) => packageOf(path) === undefined && !isOurs(path) && !path.endsWith('package.json'))).toEqual([])
  return {
    code,
    packages: [...new Set(paths.flatMap((path) => packageOf(path) ?? []))].sort(),
    sources: paths.filter(isOurs).flatMap(sourcesOf).sort(),
  }
}

/** A server that has nothing to show. */
async function emptyServer(): Promise<string> {
  const server = createServer((_, response) =>
    response.setHeader('content-type', 'application/json').end('{"data":[],"next_cursor":null}'),
  )
  await new Promise<void>((resume) => server.listen(0, '127.0.0.1', resume))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The files that a built one was made of. */
function sourcesOf(path: string): string[] {
  const map = join(root, `${path}.map`)
  const { sources } = JSON.parse(readFileSync(map, 'utf8')) as { sources: string[] }
  return sources.map((source) => relative(join(root, 'packages'), resolve(map, '..', source)))
}

const LIGHT = ['commander', 'ipaddr.js']
/** What commands may know of the server's rooms without acting in them: settings and the version, and what those are read with. */
const SETTINGS =
  /^server\/src\/(std\/|crypto\/(secret|token)\.ts$|db\/embedded\/(refusal|account|cluster|passwords|home)\.ts$|http\/(address|browser|bucket|nearest)\.ts$|egress\/\w+\.ts$|main\/(config|setting|version|refused)\.ts$)/
const CLIENT = /^(sdk\/src\/|server\/src\/cli\/[\w-]+\.ts$)/

test.each(['--help', 'tasks list', 'config show'])(
  'Q139 countersign %s loads the commands and the client, and no server, database or engine',
  async (words) => {
    const loaded = await loadedBy(...words.split(' '))
    expect(loaded.code).toBe(0)
    expect(loaded.packages).toEqual(LIGHT)
    expect(loaded.sources).toContain('server/src/cli/tasks.ts')
    expect(loaded.sources.filter((source) => !CLIENT.test(source) && !SETTINGS.test(source))).toEqual([])
  },
)

test('Q139 V126 countersign run, which starts a program, loads what it starts it with and no server', async () => {
  const { packages, sources } = await loadedBy('run', '--', 'true')
  expect(packages).toEqual(LIGHT)
  expect(sources).toContain('server/src/cli/run/act.ts')
  const ofRun = /^server\/src\/cli\/run\/[\w-]+\.ts$/
  expect(sources.filter((source) => !CLIENT.test(source) && !SETTINGS.test(source) && !ofRun.test(source))).toEqual([])
}, 60_000)

test('Q139 a command that acts beside the server loads what it acts with', async () => {
  const loaded = await loadedBy('db', 'roles', '--print')
  expect(loaded.code).toBe(0)
  expect(loaded.packages).toContain('pg')
  expect(loaded.sources).toContain('server/src/cli/beside/database.ts')
})
