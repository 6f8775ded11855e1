// The built server with a key file that breaks a rule: it ends with 78 before it listens, and says which rule and what to do. Every rule by itself stands in
// crypto/keyring-file.test.ts.
import { chmodSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { countersign, temporaryFolder } from '../harness/process.ts'

test('V65 V66 P153 §12.15 a key file that breaks a rule ends the start with 78 and key.root, and no line shows the key', async () => {
  const { runtimeUrl } = await database({ listen: false })
  const home = temporaryFolder()
  const env = {
    COUNTERSIGN_ENVIRONMENT: 'development',
    COUNTERSIGN_DATABASE_URL: runtimeUrl,
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_PORT: '0',
    COUNTERSIGN_LOG_LEVEL: 'info',
  }
  const file = join(home, 'keys', 'root.key')
  const serve = () => countersign(['serve', '--json'], { env })
  const first = serve()
  await first.line(/^\{"ready":true/)
  first.child.kill('SIGTERM')
  await first.ended
  const text = readFileSync(file, 'utf8')
  const key = /current (\S+)/.exec(text)?.[1] as string
  expect(first.stderr()).toContain(`"source":"file:${file}"`)
  expect(first.stderr()).not.toContain(key)

  const breaks: [() => void, () => void, RegExp][] = [
    [() => chmodSync(file, 0o640), () => chmodSync(file, 0o600), /has mode 640.*Run chmod 600/],
    [
      () => {
        renameSync(file, `${file}.real`)
        symlinkSync(`${file}.real`, file)
      },
      () => renameSync(`${file}.real`, file),
      /is a symbolic link; name the file itself/,
    ],
    [
      () => writeFileSync(file, `1 current ${Buffer.from(key, 'base64').reverse().toString('base64')}\n`),
      () => writeFileSync(file, text),
      /fingerprint [0-9a-f]{8}/,
    ],
  ]
  for (const [bend, mend, says] of breaks) {
    bend()
    const refused = serve()
    // It never says that it is ready: its one object is the refusal (V123).
    expect([await refused.ended, JSON.parse(refused.stdout())]).toEqual([
      { code: 78, signal: null },
      { v: 1, error: expect.objectContaining({ code: 'settings_refused' }) },
    ])
    expect(refused.stdout()).not.toContain(key)
    expect(refused.stderr()).toMatch(/ key\.root: /)
    expect(refused.stderr()).toMatch(says)
    expect(refused.stderr()).not.toContain(key)
    mend()
  }
}, 120_000)
