// Loaded into each Node program under `countersign run` before its own first line (V128): leads the built-in fetch and the global agents of http and https through the
// run's proxy, where this Node does not do it by itself. Leaves explicit agents and dispatchers alone, loads no dispatcher before something is fetched, prints nothing.
import http from 'node:http'
import https from 'node:https'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { agentsThrough } from './agents.ts'
import { readWay } from './way.ts'

/** Which Node reads the proxy variables: for `fetch` since 24.0 and 22.21, for `http` and `https` since 24.5 and 22.21, and only where it is told to. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isTold = process.env.NODE_USE_ENV_PROXY === '1'
const isLate22 = major === 22 && minor >= 21
const fetchIsLed = isTold && (major >= 24 || isLate22)
const agentsAreLed = isTold && (major > 24 || (major === 24 && minor >= 5) || isLate22)

const way = process.env.COUNTERSIGN_RUN ? readWay(process.env) : null
if (way !== null && !fetchIsLed) leadFetch()
if (way !== null && !agentsAreLed) {
  const agents = agentsThrough(way)
  http.globalAgent = agents.http
  https.globalAgent = agents.https
  syncBuiltinESMExports()
}

type Dispatcher = { dispatch(options: object, handler: object): boolean; close(): Promise<void>; destroy(): Promise<void> }

/** What fetch asks for its way out stands in for the bundled one until the first request, which alone pays for loading it. */
function leadFetch(): void {
  // CommonJS once it is built: what lies beside it is named at run time, so that it stays a file of its own.
  const load = createRequire(__filename)
  let real: Dispatcher | null = null
  const bundled = (): Dispatcher => {
    real ??= (load('./preload-dispatcher.cjs') as typeof import('./dispatcher.ts')).openDispatcher() as unknown as Dispatcher
    return real
  }
  const value: Dispatcher = {
    dispatch: (options, handler) => bundled().dispatch(options, handler),
    close: async () => real?.close(),
    destroy: async () => real?.destroy(),
  }
  // The names under which Node's own fetch, and each release of undici, look for it.
  for (const name of ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'])
    Object.defineProperty(globalThis, Symbol.for(name), { value, writable: true, enumerable: false, configurable: true })
}
