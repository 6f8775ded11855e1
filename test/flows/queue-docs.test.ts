// The pages about the queue keep their word: what runs as it stands is run, on a database of its own; what is a piece of somebody's program is compiled; SQL
// is sent to a database, and a signature made in another language is right.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrate } from '@countersign/queue'
import pg from 'pg'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { emptyDatabase } from '../../packages/queue/src/testing/empty-database.ts'
import { root, start } from '../harness/process.ts'

const PAGES = ['packages/queue/README.md', ...readdirSync(join(root, 'docs/queue')).map((name) => `docs/queue/${name}`)]
type Block = { page: string; language: string; text: string }
const blocks: Block[] = PAGES.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    page,
    language,
    text,
  })),
)
const blocksOf = (page: string, language: string) => blocks.filter((one) => one.page === page && one.language === language)

/** Beside the packages, as in a clone of this repository: there `@countersign/queue` is found. */
function folder(): string {
  const made = mkdtempSync(join(root, 'packages/queue/.docs-test-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['queue'])
})

async function run({ text }: Block): Promise<string> {
  const script = join(folder(), 'script.mjs')
  writeFileSync(script, text)
  const running = start(process.execPath, [script], { env: { DATABASE_URL: await emptyDatabase() } })
  const { code } = await running.ended
  expect(code, running.stdout() + running.stderr()).toBe(0)
  return running.stdout()
}

test('Q7 the first file of the README of the queue runs as it stands', { timeout: 60_000 }, async () => {
  const [first] = blocksOf('packages/queue/README.md', 'js') as [Block]
  expect(await run(first)).toMatch(/^\{\n? *sent_to: 'ada@example\.com',\n? *message_id: 'job_[0-9A-Z]{26}'\n? *\}\n$/)
})

test('the tour and the test of docs/queue/jobs.md run as they stand and print what they say', { timeout: 60_000 }, async () => {
  const [tour, tested, ...others] = blocksOf('docs/queue/jobs.md', 'js') as [Block, Block]
  expect(others).toEqual([])
  // The job that follows the first one runs when it runs: its line is somewhere.
  const said = (await run(tour)).split('\n')
  const afterwards = 'afterwards, in a job of its own: invoice-7.pdf'
  expect(said).toContain(afterwards)
  expect(said.filter((line) => line !== afterwards)).toEqual([
    'the same job again: true',
    "{ file: 'invoice-7.pdf' }",
    "true [ { path: '/payload', code: 'schema', message: 'order is a number' } ]",
    'job_failed there is no such order',
    '1 dead letter',
    '{ looks: 3 }',
    "[ 'ok', 'ok', 'ok' ]",
    "cancelled [ 'enqueued', 'cancelled' ]",
    '',
  ])
  expect(await run(tested)).toBe('')
})

test('every piece of TypeScript on the pages of the queue compiles by itself', { timeout: 120_000 }, () => {
  const pieces = blocks.filter(({ language }) => language === 'ts')
  expect(pieces.length).toBeGreaterThan(4)
  const at = folder()
  const files = pieces.map(({ text }, n) => {
    const file = join(at, `piece-${n}.ts`)
    writeFileSync(file, `${text}\nexport {}\n`)
    return file
  })
  // Of the sources: a checkout that was only started has no declarations yet.
  const source = (name: string) => [join(root, `packages/queue/src/${name}.ts`)]
  const compilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: true, target: 'es2023', module: 'nodenext', types: ['node'] },
    allowImportingTsExtensions: true,
    paths: {
      '@countersign/queue': source('index'),
      '@countersign/queue/adapters': source('adapters'),
      '@countersign/queue/testing': source('testing'),
    },
  }
  const project = join(at, 'tsconfig.json')
  writeFileSync(project, JSON.stringify({ compilerOptions, files }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, encoding: 'utf8' })
  expect([status, stdout]).toEqual([0, ''])
})

test('Q143 the SQL of docs/queue/sql.md works on a database as it stands: an order gets its job in one transaction', async () => {
  const [example] = blocksOf('docs/queue/sql.md', 'sql') as [Block]
  const url = await emptyDatabase()
  await migrate(url)
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  const answers = (await client.query(example.text)) as unknown as pg.QueryResult[]
  expect(answers.at(-1)?.rows).toEqual([{ id: '1', job: expect.stringMatching(/^job_/) }])
  const { rows } = await client.query("select countersign_queue.job((select job from orders)) ->> 'state' as state")
  expect(rows).toEqual([{ state: 'ready' }])
})

test('Q129 the signature that docs/queue/callbacks.md makes in Python is the one of the vectors', () => {
  const [python] = blocksOf('docs/queue/callbacks.md', 'python') as [Block]
  const asked = `${python.text}
time.time = lambda: 1767225600
print(sign("k1", bytes([7]) * 32, "complete", "abc", b'{"payload":{"ok":true}}'))
`
  const { stdout, error } = spawnSync('python3', ['-c', asked], { encoding: 'utf8' })
  const signature = '3cfdf3f75197db0ff4d01745defb9fdf40830dd4a0ad328a260d5477f1205b4f'
  // Where there is no Python, what the page says of the vector is still that of the specification.
  if (!error) expect(stdout).toBe(`v2;kid=k1;t=1767225600;sig=${signature}\n`)
  expect(readFileSync(join(root, 'docs/queue/callbacks.md'), 'utf8')).toContain(signature)
})
