// What a person types and reads, replayed on the built command: each *.txt holds commands (`$ …`), what they print, and `[exit n]` where they fail.
// Ids, times and keys are told by their kind, so that a transcript reads the same each day. `npx vitest run test/cli -u` writes what is printed now.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createQueue, defineKind, discard, type Kind, type Queue } from '@countersign/queue'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { joinEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { type OpenDev, openDev } from '../harness/process.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'))

let dev: OpenDev
let reports: Queue
beforeAll(async () => {
  // Port 9 of this machine takes nothing: an endpoint may be there, and no delivery leaves it.
  // Bare, so that what is printed is what any installation prints.
  dev = await openDev({ COUNTERSIGN_EGRESS_HTTP: '1', COUNTERSIGN_EGRESS_ALLOW: '127.0.0.1:9' }, ['--bare'])
  reports = await workReports(join(dev.home, 'state'))
}, 60_000)
afterAll(async () => {
  await reports.close()
  await dev.close()
})

/** Somebody's own worker beside the server: what the transcripts of jobs enqueue. */
async function workReports(home: string): Promise<Queue> {
  const database = joinEmbedded(home)
  if (!database) throw new Error('countersign dev has no database')
  const build = defineKind<{ pages?: number }>('report.build', {
    queue: 'reports',
    maxAttempts: 1,
    run: ({ payload }) => (payload.pages ? { pages: payload.pages } : discard('there is nothing to report')),
  }) as unknown as Kind
  const queue = createQueue({ database: { url: database.runtimeUrl, max: 3 }, kinds: [build] })
  await queue.register()
  queue.work({ maintenance: false, queues: ['reports'] })
  return queue
}

test.each(names)(
  'Q139 A33 the transcript %s is what people read',
  async (name) => {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n')
    const shown: string[] = []
    const seen: string[] = []
    for (const line of lines) {
      if (line.startsWith('#')) shown.push(line)
      if (!line.startsWith('$ ')) continue
      const { text, code } = await run(line.slice(2), seen)
      shown.push('', line, ...spoken(text, seen), ...(code === 0 ? [] : [`[exit ${code}]`]))
    }
    await expect(`${shown.join('\n').trim()}\n`).toMatchFileSnapshot(join(folder, name))
  },
  240_000,
)

test('P144 every command of the runbooks that only looks runs as it stands there', async () => {
  const runbooks = fileURLToPath(new URL('../../docs/runbooks/', import.meta.url))
  const lines = readdirSync(runbooks).flatMap((page) =>
    [...readFileSync(join(runbooks, page), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
      block.trim().split('\n'),
    ),
  )
  expect(lines.length).toBeGreaterThan(20)
  for (const line of new Set(lines)) {
    const { text, code } = await run(line, [])
    expect([line, code, code === 0 ? '' : text]).toEqual([line, 0, ''])
  }
}, 240_000)

/** Runs one line in a shell, with `countersign` as the built command and `<task 1>` as the first id of that kind that was printed. */
async function run(line: string, seen: string[]): Promise<{ text: string; code: number }> {
  const command = line.replace(
    /<([a-z]+) (\d+)>/g,
    (_, kind: string, nth: string) => seen.filter((id) => id.startsWith(`${kind}_`))[Number(nth) - 1] ?? `${kind}_?`,
  )
  const script = `countersign() { ${JSON.stringify(process.execPath)} ${JSON.stringify(dev.cli)} "$@"; }\n${command} 2>&1`
  const env = {
    PATH: process.env.PATH,
    HOME: dev.home,
    COUNTERSIGN_HOME: join(dev.home, 'state'),
    COUNTERSIGN_KEY: dev.personKey,
    COUNTERSIGN_URL: dev.url,
    AGENT: dev.agentKey,
    RELAY: dev.relayKey,
    COLUMNS: '100',
  }
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/bash', ['-c', script], { env, cwd: dev.home })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ text, code: code ?? 1 }))
  })
}

/** Printed text with everything that changes from run to run told by its kind. */
function spoken(text: string, seen: string[]): string[] {
  const told = text
    .replaceAll(dev.url, '<url>')
    .replace(/http:\/\/127\.0\.0\.1:\d{4,5}(?= (?:answers|does not)|$|, does)/gm, '<proxy>')
    .replaceAll(dev.home, '<home>')
    .replace(/cs_(live|test)_([a-z]{3})_[0-9A-Za-z]{36}/g, '<$2 key>')
    .replace(/cs_(live|test)_([a-z]{3})_[0-9A-Za-z]*…[0-9A-Za-z]{4}/g, '<$2 key, cut>')
    .replace(
      /\b(task|agt|key|usr|evt|dec|job|sch|cb|whe|dlv|rpy|ten|inv|bgl|cmt|ver|mid|conn|grt|run|card|creq|rgr|thr|msg)_[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g,
      (id, kind: string) => {
        if (!seen.includes(id)) seen.push(id)
        return `<${kind} ${seen.filter((one) => one.startsWith(`${kind}_`)).indexOf(id) + 1}>`
      },
    )
    .replace(/whsec_[A-Za-z0-9+/]{43}=/g, '<secret>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/\d{4}-\d\d-\d\d/g, '<day>')
    .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uuid>')
    .replace(/#token=[\w-]+/g, '#token=<token>')
    .replace(/\/invite#[\w-]+/g, '/invite#<token>')
    .replace(/(?<=[ (])[0-9a-f]{8}(?=[ )])/g, '<fingerprint>')
    .replace(/, \d+ a second/g, ', <n> a second')
    .replace(/within \d+ ms/g, 'within <n> ms')
    .replace(/ of \d+ decisions/g, ' of <n> decisions')
    // Of the machine, not of the installation.
    .replace(/^(?:ok|warn) +(egress\.dns +).*(?:\n +→.*)*$/m, 'ok   $1<name servers>')
    .replace(/^(?:ok|warn) +(disk +).*(?:\n +→.*)*$/m, 'ok   $1<free>')
    .replace(/^(?:ok|warn) +(client\.(?:recipes|proxies|node|namespaces) +).*(?:\n +→.*)*$/gm, 'ok   $1<of this machine>')
    .replace(/opens what is sealed \([^)]*\)/g, 'opens what is sealed (<fingerprint>)')
    .replace(/\b\d+ (tenant )?tables\b/g, '<n> $1tables')
    .replace(/\b(process|kill) \d+/g, '$1 <pid>')
    .replace(/<([^>]+)>( {2,})/g, '<$1>  ')
  return told.replace(/\n$/, '').split('\n')
}
