// npm run demo, as a stranger runs it.
import { expect, test } from 'vitest'
import { buildCommand, root, start } from '../harness/process.ts'

test('V142 §7 the demo plays the story to its end and leaves nothing behind', { timeout: 240_000 }, async () => {
  await buildCommand()
  const demo = start(process.execPath, ['--import', 'tsx', 'scripts/demo.ts'], {
    cwd: root,
    env: { COUNTERSIGN_TEST_BROWSER: process.env.COUNTERSIGN_TEST_BROWSER ?? '/usr/bin/chromium' },
  })
  expect([await demo.ended, demo.stderr()]).toEqual([{ code: 0, signal: null }, ''])
  const said = demo.stdout()
  for (const line of [
    'The request is held.',
    'The call went out once, with the key.',
    'its signature holds.',
    'sound  ',
    'genuine  ',
  ])
    expect(said).toContain(line)
})
