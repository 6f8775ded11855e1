import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bundleFolder, readBundle } from '../../vault/bundle/bundle.ts'
import { checkDefinitions } from './definitions.ts'

test('V6 a bundled definition that is not the release’s is a finding that refuses the start; else there is nothing to say', () => {
  expect(checkDefinitions()).toEqual([])
  const folder = mkdtempSync(join(tmpdir(), 'countersign-definitions-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  cpSync(bundleFolder(), folder, { recursive: true })
  writeFileSync(join(folder, 'openai.json'), '{}')
  expect(checkDefinitions(() => readBundle(folder, null))).toEqual([
    expect.objectContaining({
      code: 'definitions_tampered',
      status: 'fail',
      what: expect.stringContaining('openai differs from the manifest.'),
    }),
  ])
})
