// All scenarios, in the order of the spec, and what they set beside the database.
import { readFileSync } from 'node:fs'
import { b4, b5, b6 } from './latency.ts'
import type { Scenario } from './scenario.ts'
import { b9, b10, b11, b12 } from './side.ts'
import { b8 } from './suffering.ts'
import { b1, b2, b3, b7, SETTINGS as THROUGHPUT } from './throughput.ts'

export const SCENARIOS: readonly Scenario[] = [b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12]

const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const { devDependencies: versions } = readJson('../package.json') as { devDependencies: Record<string, string> }
const { version } = readJson('../../packages/queue/package.json') as { version: string }

/** Everything that is set, in the one line that each run prints: the peers with the versions that bench/package.json pins. */
export const SETTINGS = {
  version,
  ...THROUGHPUT,
  peers: Object.fromEntries(
    Object.entries(THROUGHPUT.peers).map(([peer, own]) => [peer, { version: versions[peer] as string, ...own }]),
  ),
}
