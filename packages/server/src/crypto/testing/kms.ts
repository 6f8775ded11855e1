// Starts nothing: lays the test's own KMS program into a folder with a key of its own.
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { randomBytes } from '../token.ts'

export type TestKms = {
  program: string
  setAway(away: boolean): void
  asked(): { op: string; context?: { tenant: string; version: number } }[]
}

export function layKms(): TestKms {
  const folder = mkdtempSync(join(tmpdir(), 'kms-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'kms.mjs')
  copyFileSync(fileURLToPath(new URL('kms.mjs', import.meta.url)), program)
  chmodSync(program, 0o755)
  writeFileSync(join(folder, 'kms.key'), randomBytes(32), { mode: 0o600 })
  const [away, log] = [join(folder, 'kms.away'), join(folder, 'kms.log')]
  return {
    program,
    setAway: (is) => (is ? writeFileSync(away, '') : rmSync(away, { force: true })),
    asked: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line))
        : [],
  }
}
