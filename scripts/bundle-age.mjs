// Fails when a bundled definition was compared with its vendor more than twelve months ago (vault.md V52): `node --import tsx scripts/bundle-age.mjs`
import { outOfDate } from '../packages/server/src/vault/bundle/age.ts'
import { bundle } from '../packages/server/src/vault/bundle/bundle.ts'

const definitions = [...bundle().byName.values()].map(({ definition }) => definition)
const old = outOfDate(definitions, new Date())
if (old.length > 0) {
  process.stdout.write(`Compare with their vendors, and renew verified_on: ${old.join(', ')}\n`)
  process.exitCode = 1
}
