// The manifest of the bundled definitions and its signature (V6): `node --import tsx scripts/sign-bundle.mjs`
//   (nothing)   writes the manifest: the digest of each definition under packages/server/data/providers
//   --sign      signs it too, with the seed in COUNTERSIGN_RELEASE_SEED (base64, 32 bytes); for the release alone
//   --new-key   prints a fresh seed and its public key once and keeps neither
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonical } from '../packages/server/src/crypto/canonical.ts'
import { ed25519PublicKey, ed25519Sign } from '../packages/server/src/crypto/ed25519.ts'
import { randomBytes, sha256 } from '../packages/server/src/crypto/token.ts'
import { bundleFolder, signedText } from '../packages/server/src/vault/bundle/bundle.ts'

const asked = process.argv.slice(2)
if (asked.includes('--new-key')) {
  const seed = randomBytes(32)
  process.stdout.write(`seed (keep it in the release's secrets, nowhere else): ${seed.toString('base64')}\n`)
  process.stdout.write(`public key (vault/bundle/release-key.ts): ${ed25519PublicKey(seed).toString('base64')}\n`)
} else {
  const folder = bundleFolder()
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'manifest.json')
  const digestOf = (file) => sha256(canonical(JSON.parse(readFileSync(join(folder, file), 'utf8')))).toString('hex')
  const digests = Object.fromEntries(files.sort().map((file) => [file.slice(0, -'.json'.length), digestOf(file)]))
  const manifest = { schema: 1, digests }
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  process.stdout.write(`${files.length} definitions\n`)
  if (asked.includes('--sign')) {
    const seed = Buffer.from(process.env.COUNTERSIGN_RELEASE_SEED ?? '', 'base64')
    if (seed.length !== 32) throw new Error('COUNTERSIGN_RELEASE_SEED holds no seed: 32 bytes as base64.')
    writeFileSync(join(folder, 'manifest.sig'), `${ed25519Sign(seed, signedText(manifest)).toString('base64')}\n`)
    process.stdout.write(`signed for ${ed25519PublicKey(seed).toString('base64')}\n`)
  }
}
