// A root key that a program hands in: for tests, benchmarks and whoever embeds the server. It is gone with the process; nothing of it is written anywhere.
import type { RootSource } from './keyring-source.ts'
import { randomBytes } from './token.ts'

export function memorySource(secret: Buffer = randomBytes(32)): RootSource {
  const versions = new Map([[1, secret]])
  return {
    kind: 'memory',
    name: 'memory',
    kms: null,
    read: async () => ({ current: 1, versions: new Map(versions) }),
    add: async (version, added) => void versions.set(version, added),
    remove: async (version) => void versions.delete(version),
  }
}
