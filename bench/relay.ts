// The figures of relay.md §13: `npm run bench -- relay [accept claim …] [--quick]`. Server, PostgreSQL and load share the machine's cores, so the figures are a floor.
import { report } from './figure.ts'
import { accept } from './relay/accept.ts'
import { claims } from './relay/claim.ts'
import { connect, type Run } from './relay/rig.ts'
import { startBench } from './server.ts'

const SCENARIOS = { accept, claim: claims } as const
type Name = keyof typeof SCENARIOS
const isName = (text: string): text is Name => Object.hasOwn(SCENARIOS, text)

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const named = args.filter(isName)
const unknown = args.find((arg) => arg !== '--quick' && !isName(arg))
if (unknown !== undefined) {
  process.stderr.write(`"${unknown}" is no scenario (${Object.keys(SCENARIOS).join(' ')}) and no option\n`)
  process.exit(2)
}
const bench = await startBench()
const admin = await connect(bench)
const run: Run = {
  ...{ bench, admin, quick },
  // Only a full run meets a goal.
  say: ({ met, peer = null, peer_name = null, ...rest }) =>
    report({ bench: 'relay', ...rest, peer, peer_name, met: quick ? null : met }),
}
try {
  for (const name of named.length > 0 ? named : (Object.keys(SCENARIOS) as Name[])) {
    process.stderr.write(`${name} …\n`)
    await SCENARIOS[name](run)
  }
} finally {
  await admin.end()
  await bench.stop()
}
