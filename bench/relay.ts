// The figures of relay.md §13: `npm run bench -- relay [card accept claim …] [--quick]`. Server, PostgreSQL and load share the machine's cores, so the figures are a floor.
import { report } from './figure.ts'
import { a2a } from './relay/a2a.ts'
import { accept } from './relay/accept.ts'
import { card } from './relay/card.ts'
import { claims } from './relay/claim.ts'
import { deliver } from './relay/deliver.ts'
import { openEcho } from './relay/echo.ts'
import { revoke } from './relay/revoke.ts'
import { connect, type Run } from './relay/rig.ts'
import { streams } from './relay/streams.ts'
import { startBench } from './server.ts'

// Memory is that of a process that has done nothing else, so the streams come first.
const SCENARIOS = { streams, card, a2a, deliver, revoke, claim: claims, accept } as const
type Name = keyof typeof SCENARIOS
const isName = (text: string): text is Name => Object.hasOwn(SCENARIOS, text)
const QUICK_MS = 45_000

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const named = args.filter(isName)
const unknown = args.find((arg) => arg !== '--quick' && !isName(arg))
if (unknown !== undefined) {
  process.stderr.write(`"${unknown}" is no scenario (${Object.keys(SCENARIOS).join(' ')}) and no option\n`)
  process.exit(2)
}
const begun = performance.now()
const echo = await openEcho()
const bench = await startBench({ COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${echo.port}`, COUNTERSIGN_EGRESS_HTTP: '1' })
const admin = await connect(bench)
const run: Run = {
  ...{ bench, admin, quick, echo },
  // Only a full run meets a goal.
  say: ({ met, peer = null, peer_name = null, ...rest }) =>
    report({ bench: 'relay', ...rest, peer, peer_name, met: quick ? null : met }),
}
try {
  for (const name of named.length > 0 ? named : (Object.keys(SCENARIOS) as Name[])) {
    process.stderr.write(`${name} …\n`)
    await SCENARIOS[name](run)
  }
  const ms = performance.now() - begun
  if (quick && named.length === 0 && ms > QUICK_MS)
    process.stderr.write(`the quick run took ${Math.round(ms / 1000)} s, where 45 s are allowed\n`)
} finally {
  await admin.end()
  await bench.stop()
  echo.close()
}
