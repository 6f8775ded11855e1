// A process of the role `proxy` (V79): its listener, its line to the gate, its login of eight functions. Holds no root key, serves no route of the API and writes no
// file; what it knows of itself it is told at the start and forgets at the end.
import { Secret } from '../../crypto/secret.ts'
import { NO_TENANT, systemScope } from '../../db/scope.ts'
import { openDb, tx } from '../../db/tx.ts'
import { parseAllowed } from '../../egress/address.ts'
import { type Door, openDoor } from '../../egress/fetch.ts'
import { openGuard } from '../../egress/guard.ts'
import { readCertificate } from '../../http/tls.ts'
import { guardrailsText } from '../../identity/policies/starting.ts'
import { dialChannel, type Identity } from '../../proxy/gate/channel.ts'
import { type Node, openNode } from '../../proxy/node/gatekeeper.ts'
import { beatNode } from '../../proxy/node/sql.ts'
import { type Proxy as Listening, openProxy } from '../../proxy/proxy.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import { bundle } from '../../vault/bundle/bundle.ts'
import { prove } from '../checks/prove.ts'
import type { Config } from '../config.ts'
import { type Listener, listenForProbes } from '../listeners.ts'
import { proxyOf } from '../proxy.ts'
import type { Endpoint } from '../setting.ts'
import { version } from '../version.ts'
import { databaseClock } from './clock.ts'
import { refuseKeys, refuseWithout } from './guards.ts'
import { readIdentity } from './identity.ts'
import { nodeProbes } from './probes.ts'
import { readTrusts } from './trust.ts'

export type RunningProxy = {
  url: string
  /** What is under way has this long to end; streams that never do are cut then. */
  close(): Promise<void>
}

/** What another process hands over when it starts this one beside itself: over a pipe, never by arguments or environment. */
export type Handed = {
  databaseUrl: string
  node: string
  identity: Identity
  gate: { address: Endpoint; fingerprint: string }
  egressProxy: string | null
  /** Nobody asked for a port: any free one will do where the usual one is taken. */
  anyPort: boolean
}

const BEAT_MS = 2_000
/** Whoever started this one waits for it, and people wait for them. */
const DRAIN_BESIDE_MS = 2_000
const scope = systemScope('proxy', NO_TENANT)

export async function bootProxy(settings: Config, log: Log, handed: Handed | null): Promise<RunningProxy> {
  refuseKeys(settings)
  if (!handed) refuseWithout(settings)
  const { databaseUrl, node: id, identity, gate: to, egressProxy, anyPort } = handed ?? (await ofSettings(settings))
  const config: Config = { ...settings, egressProxy: egressProxy === null ? null : new Secret(egressProxy) }
  const trust = await readTrusts(config.proxyTrustFile)
  const tls = listenerTls(config)
  const clock = databaseClock()
  const db = await openDb({ url: databaseUrl, listen: config.listenUrl?.reveal() ?? true, clock, log })
  const leave: (() => unknown)[] = [() => db.close()]
  const close = async (): Promise<void> => {
    for (const last of leave.splice(0).reverse()) await last()
  }
  try {
    await prove(config, db, log)
    const gate = dialChannel({ ...to.address, identity, fingerprint: to.fingerprint, clock, log })
    leave.push(() => gate.close())
    const node = openNode({
      node: id,
      db,
      gate,
      clock,
      log,
      bundled: new Map([...bundle().byName].map(([name, { definition }]) => [name, definition])),
      guardrails: guardrailsText(config.policyGuardrailsFile),
      limits: {
        inspectBody: config.proxyInspectBody,
        holdBody: config.proxyHoldBody,
        holdMs: config.proxyHoldSeconds * 1_000,
        staleAfterMs: config.proxyStaleAfter * 1_000,
      },
    })
    leave.push(() => node.close())
    const door = doorOf(config, node, to.fingerprint, log)
    leave.push(() => door.close())
    leave.push(db.listen.subscribe('vault', lookOnce(node, log)))
    leave.push(
      beat(
        () =>
          tx(db, scope, (t) => {
            clock.follow(t.now)
            return told(t, id, node, gate.protocol())
          }),
        clock,
        log,
      ),
    )
    const proxy = await listen(config, {
      gatekeeper: node.gatekeeper,
      door,
      clock,
      log,
      installation: markOf(to.fingerprint),
      trust,
      tls,
      anyPort,
    })
    let isEnding = false
    const probes = await probesOf(config, {
      db,
      log,
      isReady: () => !isEnding && gate.isOpen() && node.gatekeeper.isFresh() && node.state().canRecord,
    })
    // They answer to the end: that it ends is what they say.
    if (probes) leave.push(() => probes.close())
    leave.push(() => proxy.close())
    leave.push(() => {
      isEnding = true
      return proxy.drain(handed ? DRAIN_BESIDE_MS : config.proxyDrain * 1_000)
    })
    const [at] = proxy.addresses
    const host = at?.host.includes(':') ? `[${at.host}]` : at?.host
    return { url: `${tls ? 'https' : 'http'}://${host}:${at?.port}`, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function ofSettings(config: Config): Promise<Handed> {
  const { databaseUrl, proxyNode, proxyNodeFile, gateAddress, gateFingerprint, egressProxy } = config
  if (!databaseUrl || !proxyNode || !proxyNodeFile || !gateAddress || !gateFingerprint)
    throw new Error('These were looked at before.')
  return {
    databaseUrl: databaseUrl.reveal(),
    node: proxyNode,
    identity: await readIdentity(proxyNodeFile, 'node', 'proxy.node'),
    gate: { address: gateAddress, fingerprint: gateFingerprint },
    egressProxy: egressProxy?.reveal() ?? null,
    anyPort: false,
  }
}

/** The release, and which version of the gate's protocol it found to speak there: whoever updates sees who is behind. */
const told = (t: Parameters<typeof beatNode>[0], id: string, node: Node, protocol: number | null) => {
  const { lagMs, leases, runs } = node.state()
  const release = protocol === null ? version() : `${version()}+gate.${protocol}`
  return beatNode(t, id, { version: release, lagMs: Math.min(Math.round(lagMs), 2 ** 31 - 1), leases, runs })
}

/** The same for every proxy of this gate: by it a call of ours that comes back is known (P105). The real name of the installation is a matter of the house. */
const markOf = (fingerprint: string): string => fingerprint.slice(0, 16)

/** Exceptions of a tenant are those that its runs were last read with; this process reads no table. */
function doorOf(config: Config, node: Node, fingerprint: string, log: Log): Door {
  const { publicUrl, callbackUrl, proxyUrl, allowedHosts, proxyListen } = config
  const own = [publicUrl?.hostname, callbackUrl?.hostname, proxyUrl?.hostname, proxyListen.host, ...allowedHosts]
  return openDoor({
    guard: openGuard({
      http: config.egressHttp,
      ports: config.egressPorts,
      literals: config.egressLiterals,
      allowed: config.egressAllow,
      allowedOf: async (tenant) => node.exceptionsOf(tenant).flatMap((text) => parseAllowed(text) ?? []),
      log,
      ownHosts: own.filter((host): host is string => host !== undefined),
      nameServers: config.egressDnsServers,
      nat64Prefix: config.egressNat64Prefix,
    }),
    installation: markOf(fingerprint),
    version: version(),
    log,
    proxy: proxyOf(config),
  })
}

function listenerTls(config: Config): { cert: string; key: string } | null {
  const { proxyTlsCertFile: certFile, proxyTlsKeyFile: keyFile } = config
  if (!certFile || !keyFile) return null
  const { cert, key } = readCertificate({ certFile, keyFile })
  return { cert: cert.toString(), key: key.toString() }
}

type Given = Pick<Parameters<typeof openProxy>[0], 'gatekeeper' | 'door' | 'clock' | 'log' | 'installation' | 'trust'> & {
  tls: { cert: string; key: string } | null
  anyPort: boolean
}

async function listen(config: Config, { tls, anyPort, ...given }: Given): Promise<Listening> {
  const at = (port: number) =>
    openProxy({
      ...given,
      listen: [{ ...config.proxyListen, port, ...(tls ? { tls } : {}), ...(config.proxyOpen ? { open: true as const } : {}) }],
      limits: {
        headersMs: config.proxyHeadersTimeout * 1_000,
        idleMs: config.proxyIdleTimeout * 1_000,
        streamsPerRun: config.proxyStreamsPerRun,
        leafCache: config.proxyLeafCache,
      },
    })
  return at(config.proxyListen.port).catch((error: unknown) => {
    if (anyPort && error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return at(0)
    throw error
  })
}

async function probesOf(
  config: Config,
  given: Parameters<typeof nodeProbes>[0] & { db: Awaited<ReturnType<typeof openDb>> },
): Promise<Listener | null> {
  if (config.probesPort === null) return null
  return listenForProbes(config, config.probesPort, { db: given.db, log: given.log, routes: nodeProbes(given) })
}

/** One look at a time: what is said while one is under way is seen by the next of the timer. */
function lookOnce(node: Node, log: Log): () => void {
  let looking = false
  return () => {
    if (looking) return
    looking = true
    node
      .look()
      .catch((error: unknown) => log.debug({ err: error }, 'the proxy could not look at what changed'))
      .finally(() => {
        looking = false
      })
  }
}

function beat(once: () => Promise<unknown>, clock: Clock, log: Log): () => void {
  let stop: (() => void) | null = null
  let isOver = false
  let isHeard = true
  const again = () => {
    once()
      .then(
        () => {
          isHeard = true
        },
        (error: unknown) => {
          if (isHeard) log.warn({ err: error }, 'the proxy cannot say that it is there')
          isHeard = false
        },
      )
      .finally(() => {
        if (!isOver) stop = clock.timer(BEAT_MS, again)
      })
  }
  again()
  return () => {
    isOver = true
    stop?.()
  }
}
