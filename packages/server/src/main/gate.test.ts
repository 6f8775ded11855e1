// The gate on a socket of the file system (V80): in a folder that nobody else enters, or not at all.
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { temporaryFolder } from '../../../../test/harness/process.ts'
import { fingerprintOfCertificate } from '../crypto/certificate.ts'
import { dialChannel } from '../proxy/gate/channel.ts'
import { openLog } from '../std/log.ts'
import { newIdentity } from './node/identity.ts'

test('V80 a socket of the file system: made in a folder of mode 0700, closed to others itself, and an enrolled node calls through it', async () => {
  const path = join(temporaryFolder(), 'gate', 'gate.sock')
  const house = await setup({ settings: { GATE_LISTEN: `unix:${path}` } })
  const modeOf = (at: string) => (statSync(at).mode & 0o777).toString(8)
  expect([modeOf(join(path, '..')), modeOf(path)]).toEqual(['700', '600'])
  const { gate } = house.server
  const { key, certificate } = await newIdentity('a test')
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  const fingerprint = fingerprintOfCertificate(certificate)
  expect((await house.alice.post('/api/v1/proxy/nodes', { fingerprint, name: 'near' })).status).toBe(201)
  const client = dialChannel({
    ...{ path, identity: { key, certificate }, fingerprint: gate?.fingerprint ?? '' },
    ...{ clock: house.clock, log: openLog({ level: 'silent' }) },
  })
  await expect.poll(() => client.isOpen(), { timeout: 20_000, interval: 20 }).toBe(true)
  expect(await client.call('open', { token_hash: '0'.repeat(64), client_address: '127.0.0.1' })).toBeNull()
  client.close()
})

test('V80 a folder that others may enter, or something else in the place of the socket, is refused with the rule', async () => {
  const folder = join(temporaryFolder(), 'open')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const at = (path: string) => setup({ settings: { GATE_LISTEN: `unix:${path}` } })
  await expect(at(join(folder, 'gate.sock'))).rejects.toThrow(/gate\.listen: .*chmod 700/)
  chmodSync(folder, 0o700)
  writeFileSync(join(folder, 'gate.sock'), 'mine')
  await expect(at(join(folder, 'gate.sock'))).rejects.toThrow(/gate\.listen: .*is no socket/)
})
