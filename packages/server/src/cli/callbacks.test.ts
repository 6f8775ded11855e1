import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { callbacksCommand } from './callbacks.ts'

afterEach(() => {
  process.exitCode = undefined
})

function keysFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const hex = () => randomBytes(32).toString('hex')
  const file = join(folder, 'keys.json')
  writeFileSync(
    file,
    JSON.stringify({
      keys: [
        { id: 'k1', secret: hex() },
        { id: 'k2', secret: hex() },
      ],
      awa: [hex()],
    }),
    { mode: 0o600 },
  )
  return file
}

async function run(...words: string[]): Promise<{ text: string; code: typeof process.exitCode }> {
  let text = ''
  const program = new Command('countersign').exitOverride()
  const stdout = (more: string) => {
    text += more
  }
  callbacksCommand(program, () => ({ json: false, stdout, stderr: stdout }))
  for (const child of program.commands.flatMap((one) => [one, ...one.commands]))
    child.exitOverride().configureOutput({ writeErr: stdout })
  await program.parseAsync(['callbacks', ...words], { from: 'user' })
  return { text, code: process.exitCode }
}

test('Q139 callbacks sign makes the header that callbacks verify finds right, for these bytes and this action alone', async () => {
  const keys = ['--keys-file', keysFile()]
  const body = ['--body', '{"payload":1}']
  const { text } = await run('sign', 'complete', 'cb_1', ...body, ...keys)
  const [name, value] = text.trim().split(': ') as [string, string]
  expect(name).toBe('Countersign-Callback-Signature')
  expect(value).toMatch(/^v2;kid=k1;t=\d+;sig=[0-9a-f]{64}$/)
  const verify = (action: string, id: string, more = body) => run('verify', action, id, '--signature', value, ...more, ...keys)
  expect(await verify('complete', 'cb_1')).toEqual({
    text: expect.stringMatching(/^right: signed with k1, \d+ s ago\n$/),
    code: undefined,
  })
  for (const [action, id, more] of [
    ['fail', 'cb_1', body],
    ['complete', 'cb_2', body],
    ['complete', 'cb_1', []],
  ] as const)
    expect(await verify(action, id, [...more])).toEqual({ text: 'not right: signature_invalid\n', code: 20 })
})

test('Q139 callbacks sign --v1 signs the id alone', async () => {
  const keys = ['--v1', '--keys-file', keysFile()]
  const value = (await run('sign', 'fail', 'cb_1', ...keys)).text.trim().replace('X-Awa-Signature: ', '')
  expect(await run('verify', 'complete', 'cb_1', '--signature', value, ...keys)).toEqual({ text: 'right\n', code: undefined })
  expect(await run('verify', 'complete', 'cb_2', '--signature', value, ...keys)).toEqual({
    text: 'not right: signature_invalid\n',
    code: 20,
  })
})

test('Q139 words that mean nothing, and keys that are not there, are refused in a sentence', async () => {
  await expect(run('sign', 'finish', 'cb_1', '--keys-file', keysFile())).rejects.toThrow(
    'Must be complete, fail, heartbeat or dispatch.',
  )
  await expect(run('sign', 'complete', 'cb_1', '--keys-file', '/nowhere/keys.json')).rejects.toThrow('cannot be read (ENOENT)')
  await expect(run('serve', '--port', '70000')).rejects.toThrow('Must be a port.')
})
