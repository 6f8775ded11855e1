import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { execKms, KmsError } from './keyring-kms.ts'
import { layKms } from './testing/kms.ts'

const context = { tenant: 'ten_A', version: 3 }

function program(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kms-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'program')
  writeFileSync(file, `#!/usr/bin/env node\n${text}`)
  chmodSync(file, 0o755)
  return file
}

test('V64 a real program wraps and unwraps over its standard input, and is told tenant and key version each time', async () => {
  const laid = layKms()
  const kms = execKms(laid.program)
  const key = randomBytes(32)
  const wrapped = await kms.wrap(key, context)
  expect(wrapped.includes(key)).toBe(false)
  expect(await kms.unwrap(wrapped, context)).toEqual(key)
  await kms.check()
  expect(laid.asked()).toEqual([
    { v: 1, op: 'wrap', context },
    { v: 1, op: 'unwrap', context },
    { v: 1, op: 'check' },
  ])
  await expect(kms.unwrap(wrapped, { ...context, tenant: 'ten_B' })).rejects.toThrow(KmsError)
  await expect(kms.unwrap(wrapped, { ...context, version: 4 })).rejects.toThrow(KmsError)
})

test('V64 a program that is missing, fails, hangs, floods or answers nonsense fails the question, and no sentence holds a key', async () => {
  const key = randomBytes(32)
  const text = key.toString('base64')
  const bad: [string, RegExp][] = [
    ['/does/not/exist', /cannot be started/],
    [program('process.stderr.write(require("fs").readFileSync(0)); process.exit(3)'), /ended with 3 and \d+ bytes/],
    [program('setInterval(() => undefined, 1000)'), /did not answer within/],
    [program('process.stdout.write("x".repeat(100000))'), /more than 65536 bytes/],
    [program('process.stdout.write("[1]")'), /no JSON object/],
    [program('process.stdout.write("{}")'), /without a wrapped key/],
    [program('process.stdout.write(JSON.stringify({ wrapped: "" }))'), /without a wrapped key/],
  ]
  for (const [file, why] of bad) {
    const error = await execKms(file, file.includes('program') ? 3_000 : undefined)
      .wrap(key, context)
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(KmsError)
    expect(String(error)).toMatch(why)
    expect(String(error)).not.toContain(text)
  }
  const short = program('process.stdout.write(JSON.stringify({ key: Buffer.alloc(16).toString("base64") }))')
  await expect(execKms(short).unwrap(Buffer.from('x'), context)).rejects.toThrow(/without a key of 32 bytes/)
}, 60_000)
