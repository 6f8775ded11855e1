// Whose runs are opened where nobody is named: of a person, the one that they chose; of an agent, itself, whatever was chosen on its machine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Countersign } from '@countersign/sdk'
import { expect, onTestFinished, test, vi } from 'vitest'
import { didOf } from './did.ts'
import { makeKeyFile } from './key-file.ts'
import { useAgent, usedAgent } from './used-agent.ts'

test('V124 agents use: an agent that calls is itself, by its key as by its key pair', async () => {
  const home = mkdtempSync(join(tmpdir(), 'countersign-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  vi.stubEnv('HOME', home)
  vi.stubEnv('XDG_CONFIG_HOME', '')
  onTestFinished(() => void vi.unstubAllEnvs())
  const url = 'http://127.0.0.1:9'
  const [chosen, random] = ['agt_01J9Z3K4M5N6P7Q8R9S0T1V2W6', 'x'.repeat(36)]
  useAgent({ url, key: null }, chosen)

  expect(usedAgent(new Countersign({ url, key: `cs_live_usr_${random}` }).settings)).toBe(chosen)
  expect(usedAgent(new Countersign({ url: 'http://127.0.0.1:10', key: `cs_live_usr_${random}` }).settings)).toBeUndefined()
  expect(usedAgent(new Countersign({ url, key: `cs_test_agt_${random}` }).settings)).toBeUndefined()
  const { key } = await makeKeyFile({ HOME: home }, url, new Date(0))
  expect(usedAgent(new Countersign({ url, proof: { key: key.jwk } }).settings)).toBeUndefined()
})

test('V136 the did:key of a public key is the server’s', () => {
  // The example of the did:key method.
  const x = Buffer.from('2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6', 'hex').toString('base64url')
  expect(didOf({ kty: 'OKP', crv: 'Ed25519', x })).toBe('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')
  expect(didOf({ kty: 'EC', crv: 'P-256', x })).toBeNull()
})
