import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Problem } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../../../test/harness/process.ts'
import { caller, writeLine } from './calls.ts'

const MIB = 1024 * 1024

async function serverThat(answers: boolean): Promise<string> {
  const server = createServer((_, response) => void (answers && response.setHeader('x-request-id', 'req-1').end('{}')))
  await new Promise<void>((resume) => server.listen(0, '127.0.0.1', resume))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('V123 a call is said and written down by method, path, status and id: no query, key or body', async () => {
  const url = await serverThat(true)
  const [said, file] = [[] as string[], join(temporaryFolder(), 'calls.log')]
  const call = caller({ timeoutMs: null, say: (line) => said.push(line), logFile: file })
  await call(`${url}/api/v1/connections?q=hidden`, {
    method: 'POST',
    headers: { authorization: 'Bearer hidden' },
    body: '"hidden"',
  })
  expect(said.join('')).toMatch(/^POST \/api\/v1\/connections 200 \d+ ms req-1\n$/)
  const line = readFileSync(file, 'utf8')
  expect(JSON.parse(line)).toMatchObject({ method: 'POST', path: '/api/v1/connections', status: 200, request_id: 'req-1' })
  expect(said.join('') + line).not.toContain('hidden')
})

test('V123 V124 a server that does not answer within --timeout is a problem of that name', async () => {
  const call = caller({ timeoutMs: 20, say: null, logFile: null })
  const error = await call(`${await serverThat(false)}/`).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(Problem)
  expect((error as Problem).code).toBe('timeout')
})

test('V123 the log begins anew at 10 MB, five older ones are kept, and only its owner reads any of them', () => {
  const file = join(temporaryFolder(), 'client.log')
  for (let n = 0; n < 7; n++) {
    writeLine(file, { n })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    truncateSync(file, 10 * MIB)
  }
  writeLine(file, { n: 'last' })
  expect(readFileSync(file, 'utf8')).toBe('{"n":"last"}\n')
  const kept = [1, 2, 3, 4, 5].map((n) => readFileSync(`${file}.${n}`, 'utf8').slice(0, 7))
  expect(kept).toEqual([6, 5, 4, 3, 2].map((n) => `{"n":${n}}`))
  expect(statSync(`${file}.6`, { throwIfNoEntry: false })).toBeUndefined()
})

test('V123 a log that others could read is closed to them before anything is written', () => {
  const file = join(temporaryFolder(), 'client.log')
  writeFileSync(file, '', { mode: 0o644 })
  writeLine(file, { n: 1 })
  expect(statSync(file).mode & 0o777).toBe(0o600)
})
