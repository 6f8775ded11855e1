// The record taken home: the published keys once, an export, receipts, and every check made by commands and scripts that reach neither database nor network.
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type SealedHouse, sealed } from '../../packages/server/src/events/audit/audit.fixture.ts'
import { root, start, temporaryFolder } from '../harness/process.ts'

beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['sdk', 'queue', 'server'])
})

const SCRIPT = /```js\n([^`]+(?:`[^`\n]*`[^`]*)*?)```/.exec(readFileSync(join(root, 'docs/audit.md'), 'utf8'))?.[1] ?? ''

async function given() {
  const house = await sealed()
  const task = await house.given.task()
  const decided = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, decided)).status).toBe(200)
  for (let n = 0; n < 5; n++) await house.given.task()
  await house.seal()
  const folder = temporaryFolder()
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const keys = async (name: string) =>
    file(name, JSON.stringify((await house.nobody.get(`/.well-known/countersign/${name}`)).body))
  const receipt = (await house.alice.get(`/api/v1/tasks/${task.id}/receipt?include=content`)).body.receipt as string
  return {
    house: house as SealedHouse,
    task,
    file,
    auditKeys: await keys('audit-keys.json'),
    receiptKeys: await keys('receipt-keys.json'),
    receipt: file('receipt.jws', receipt),
    record: file('record.ndjson', await house.exported()),
  }
}

/** Without a home, a server or a key: what runs here has the files that it is given. */
async function run(args: string[]) {
  const running = start(process.execPath, args, { env: { PATH: process.env.PATH ?? '' } })
  const { code } = await running.ended
  return { code, said: running.stdout() + running.stderr() }
}
const countersign = (...args: string[]) => run([join(root, 'packages/server/dist/cli.js'), ...args])
const alone = (...args: string[]) => run([join(root, 'packages/server/data/verify.mjs'), ...args])

test('P119 A33 the command and the script that stands alone say the same of an export, by exit code and first bad number', async () => {
  const { record, auditKeys, file } = await given()
  const text = readFileSync(record, 'utf8')
  const lines = text.trimEnd().split('\n')
  const joined = (changed: string[]) => `${changed.join('\n')}\n`
  const cases: [string, number, string][] = [
    [text, 0, 'sound'],
    [text.replace('"type":"task.created"', '"type":"task.creatEd"'), 11, 'altered'],
    [joined(lines.filter((_, i) => i !== 2)), 10, 'gap'],
    [joined([lines[1] as string, lines[0] as string, ...lines.slice(2)]), 12, 'reordered'],
    [joined(lines.slice(0, -1)), 13, 'truncated'],
    ['nonsense\n', 2, 'unreadable'],
  ]
  for (const [changed, code, word] of cases) {
    const path = file('changed.ndjson', changed)
    for (const verify of [
      () => countersign('audit', 'verify', path, '--keys', auditKeys),
      () => alone(path, '--keys', auditKeys),
    ]) {
      const { code: ended, said } = await verify()
      expect([ended, said]).toEqual([code, expect.stringMatching(new RegExp(`^${word}`))])
    }
  }
  expect((await alone(record, '--against', record)).code).toBe(0)
  expect((await countersign('audit', 'verify', join(record, 'nowhere'))).code).toBe(2)
  expect((await alone()).code).toBe(2)
}, 120_000)

test('T157 A30 a receipt is checked by the command, by the script and by the code of the docs; one changed bit fails with the name of the part', async () => {
  const { receipt, receiptKeys, auditKeys, file, task } = await given()
  const check = file('check.mjs', SCRIPT)
  const text = readFileSync(receipt, 'utf8')
  const said = await run([check, receipt, receiptKeys, auditKeys])
  expect([said.code, said.said.trimEnd().split('\n').at(-1)]).toEqual([
    0,
    expect.stringMatching(`^genuine: ${task.id}, number \\d+ of \\d+$`),
  ])
  expect(said.said.match(/^holds: .*$/gm)?.length).toBe(8)
  const byCommand = (path: string) => countersign('receipt', 'verify', path, '--keys', receiptKeys, '--audit-keys', auditKeys)
  expect(await byCommand(receipt)).toMatchObject({
    code: 0,
    said: expect.stringContaining('checked   signature, content, decision 1, event, seal, proof, checkpoint'),
  })
  expect(await countersign('audit', 'verify-receipt', receipt, '--keys', receiptKeys)).toMatchObject({ code: 0 })
  expect(await alone('--receipt', receipt, '--receipt-keys', receiptKeys, '--keys', auditKeys)).toMatchObject({ code: 0 })

  const at = Math.floor(text.length / 2)
  const flipped = file('flipped.jws', text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1))
  expect(await byCommand(flipped)).toMatchObject({ code: 1, said: expect.stringMatching(/^not genuine: signature/) })
  expect(await run([check, flipped, receiptKeys, auditKeys])).toMatchObject({ code: 1, said: 'fails: signature\n' })
  expect(await alone('--receipt', flipped, '--receipt-keys', receiptKeys)).toMatchObject({ code: 1 })
}, 120_000)

test('T157 the documented code is some sixty lines', () => {
  const lines = SCRIPT.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'))
  expect(lines.length).toBeGreaterThan(40)
  expect(lines.length).toBeLessThanOrEqual(65)
  expect(SCRIPT).not.toContain('countersign/sdk')
})

test('P116 the day’s checkpoint leaves through the guarded door to the witness that is named, and its cosignature is kept', async () => {
  const offered: { path: string; type: string; body: string }[] = []
  const witness = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk
    })
    request.on('end', () => {
      offered.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', body })
      response.end('— witness.example.com AAAAAAAAAAAAAAAA\n')
    })
  })
  await new Promise<void>((resolve) => witness.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void witness.close())
  const { port } = witness.address() as AddressInfo
  const house = await sealed({
    settings: {
      AUDIT_WITNESS_URL: `http://127.0.0.1:${port}/log`,
      EGRESS_HTTP: '1',
      EGRESS_LITERALS: '1',
      EGRESS_ALLOW: `127.0.0.1:${port}`,
    },
  })
  await house.given.task()
  await house.seal()
  const { note, size } = (await house.alice.get('/api/v1/audit/checkpoints/latest')).body
  await house.server.queue.enqueueMany([{ kind: 'audit.tell' }])
  await house.runJobs()
  expect(offered).toEqual([{ path: '/log/add-checkpoint', type: 'text/plain; charset=utf-8', body: `old 0\n\n${note}` }])
  const kept = (await house.alice.get('/api/v1/audit/checkpoints/latest')).body
  expect([kept.size, kept.cosignatures]).toEqual([size, '— witness.example.com AAAAAAAAAAAAAAAA\n'])
  expect(await house.eventTypes()).toContain('audit.checkpoint')
})
