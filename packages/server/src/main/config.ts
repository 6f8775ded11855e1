// Every setting, in one typed table: name, kind, default, whether it is secret, and one sentence. Read once, from the environment that is handed in,
// refused in full sentences, printed redacted. The only file that may name process.env; no room reads a setting by itself.
import { readFileSync } from 'node:fs'
import { Secret } from '../crypto/secret.ts'
import { defaultHome } from '../db/embedded/home.ts'
import { parseTrustedProxies } from '../http/address.ts'
import { type Cors, parseCors } from '../http/browser.ts'
import { BUCKETS, type Buckets } from '../http/bucket.ts'
import { nearest } from '../http/nearest.ts'
import type { TlsFiles } from '../http/tls.ts'
import type { Context, Kind } from './setting.ts'
import * as kind from './setting.ts'

const PREFIX = 'COUNTERSIGN_'
/** Read by the SDK and by `countersign run`, not by us. */
const OTHERS = ['URL', 'KEY', 'PROFILE', 'RUN', 'PROXY', 'CA_FILE'].map((name) => PREFIX + name)

type Setting<T> = {
  name: string
  kind: Kind<NonNullable<T>>
  fallback: T | ((context: Context) => T)
  /** The default as the docs show it. */
  shown: string
  says: string
  /** A second name without our prefix, because platforms set it. */
  also?: string
}

const setting = <T, D extends T | null>(
  name: string,
  of: Kind<T>,
  fallback: D | ((context: Context) => D),
  shown: string,
  says: string,
  also?: string,
): Setting<T | D> => ({ name: PREFIX + name, kind: of as Kind<NonNullable<T | D>>, fallback, shown, says, also })

export type ProcessRole = 'web' | 'worker' | 'maintenance' | 'callbacks' | 'relay' | 'proxy'
/** The proxy is a process of its own (V79): no other does its work beside theirs. */
const ALL_ROLES: ProcessRole[] = ['web', 'worker', 'maintenance', 'callbacks', 'relay']

export const SETTINGS = {
  environment: setting(
    'ENVIRONMENT',
    kind.choice('production', 'development'),
    'production',
    'production',
    'Development turns some refusals at start into warnings; `countersign dev` sets it.',
  ),
  home: setting(
    'HOME',
    kind.path,
    (context) => defaultHome(context),
    '.countersign in the working directory',
    'The folder of the embedded database and of the root key.',
  ),
  roles: setting(
    'ROLES',
    kind.choices('web', 'worker', 'maintenance', 'callbacks', 'relay', 'proxy'),
    ALL_ROLES,
    'all but proxy',
    'What this process does: answer requests, run jobs, keep the house, take callbacks, speak with agents of other owners (docs/deploy.md); or `proxy` alone (docs/proxy/operate.md).',
  ),
  agentProof: setting(
    'AGENT_PROOF',
    kind.choice('optional', 'required'),
    'optional',
    'optional',
    'Required: every agent proves each request with its key pair, and no bare key of an agent counts; else each as its own setting says.',
  ),
  databaseUrl: setting(
    'DATABASE_URL',
    kind.postgresUrl,
    null,
    'the embedded database',
    'The PostgreSQL to use, as the login `countersign_runtime`.',
    'DATABASE_URL',
  ),
  migratorUrl: setting(
    'MIGRATOR_URL',
    kind.postgresUrl,
    null,
    'none',
    'The same database as the login `countersign_migrator`; with it a start also migrates.',
  ),
  adminUrl: setting(
    'ADMIN_URL',
    kind.postgresUrl,
    null,
    'none',
    'The same database as an administrator, for `countersign db roles --adopt` and nothing else; no server reads it.',
  ),
  listenUrl: setting(
    'LISTEN_URL',
    kind.postgresUrl,
    null,
    'DATABASE_URL',
    'A direct connection for wake-ups where DATABASE_URL goes through a pooler.',
  ),
  host: setting('HOST', kind.text, '127.0.0.1', '127.0.0.1', 'The address to listen on.'),
  port: setting('PORT', kind.portNumber, 3001, '3001', 'The port to listen on.'),
  callbacksHost: setting(
    'CALLBACKS_HOST',
    kind.text,
    '127.0.0.1',
    '127.0.0.1',
    'The address of the callback listener, which has no page, no API and no CORS.',
  ),
  callbacksPort: setting(
    'CALLBACKS_PORT',
    kind.portNumber,
    null,
    '3002, or with the web listener where one process does both',
    'The port of the callback listener; with it the web listener takes no callbacks.',
  ),
  callbacksUnsigned: setting(
    'CALLBACKS_UNSIGNED',
    kind.flag,
    false,
    '0',
    'Takes callbacks without a signature; only at a private address of their own listener.',
  ),
  probesHost: setting('PROBES_HOST', kind.text, '127.0.0.1', '127.0.0.1', 'The address of the probe listener.'),
  probesPort: setting(
    'PROBES_PORT',
    kind.portNumber,
    null,
    'with the web listener, or at PORT where there is none',
    'The port of a listener for /livez, /readyz and /metrics alone.',
  ),
  publicUrl: setting(
    'PUBLIC_URL',
    kind.origin,
    null,
    'http://localhost:<port> in development',
    'Where people and agents reach this installation; links are made of it.',
  ),
  allowedHosts: setting('ALLOWED_HOSTS', kind.hosts, [], 'none', 'Further Host names to answer to, besides that of PUBLIC_URL.'),
  trustedProxies: setting(
    'TRUSTED_PROXIES',
    kind.read('CIDRs, comma-separated', parseTrustedProxies),
    [],
    'none',
    'Whose X-Forwarded-For counts for the address of a client.',
  ),
  tlsTerminated: setting(
    'TLS_TERMINATED',
    kind.flag,
    false,
    '0',
    'Says that TLS ends in front of this server, which a public HOST needs in production.',
  ),
  tlsCertFile: setting(
    'TLS_CERT_FILE',
    kind.path,
    null,
    'none',
    'The certificate chain, in PEM, with which this server speaks TLS 1.3 itself; read again when it changes.',
  ),
  tlsKeyFile: setting('TLS_KEY_FILE', kind.path, null, 'none', 'The key of that certificate, in PEM, mode 0600.'),
  hstsPreload: setting('HSTS_PRELOAD', kind.flag, false, '0', 'Adds `preload` to Strict-Transport-Security.'),
  corsOrigins: setting(
    'CORS_ORIGINS',
    kind.text,
    '',
    'none',
    'Origins whose pages may call the API: exact origins, or `*` alone.',
  ),
  corsCredentials: setting('CORS_CREDENTIALS', kind.flag, false, '0', 'Lets those pages send cookies.'),
  setupToken: setting(
    'SETUP_TOKEN',
    kind.token,
    null,
    'made at random',
    'The one-time token of the set-up link, when it must be known beforehand.',
  ),
  rootKey: setting(
    'ROOT_KEY',
    kind.text,
    null,
    'found: docs/keys.md',
    'Where the root key is: `file:<path>`, `exec:<program>`, `vault-transit:<url>`, `env:<NAME>`, `env-file:<path>#<NAME>` or `keyring:<account>`.',
  ),
  rootKeyAlso: setting(
    'ROOT_KEY_ALSO',
    kind.list,
    [],
    'none',
    'Further sources whose versions open: how a root key moves from one source to another without a pause.',
  ),
  rootKeyEnvAccepted: setting(
    'ROOT_KEY_ENV_ACCEPTED',
    kind.flag,
    false,
    '0',
    'Takes `env:<NAME>` in production too, with a warning at each start.',
  ),
  rootKeyVaultToken: setting(
    'ROOT_KEY_VAULT_TOKEN',
    kind.secretText,
    null,
    'none',
    'The token for `vault-transit:`; it may encrypt and decrypt with that one key and nothing else.',
  ),
  erasuresFile: setting(
    'ERASURES_FILE',
    kind.path,
    null,
    'none',
    'Where each erasure is appended, signed, beside the backups; a restore applies it (docs/keys.md).',
  ),
  limits: setting(
    'LIMITS',
    kind.limits,
    { ...BUCKETS } as Buckets,
    'the table of docs',
    'Other limits than the built-in ones; those that guard sign-in can only be tightened, and 0 switches one of the relay off.',
  ),
  relayReviewTenant: setting(
    'RELAY_REVIEW_TENANT',
    kind.tenant,
    null,
    'the first tenant',
    'Whose people review the cards that are handed in for the listing.',
  ),
  relayCardAlgorithm: setting(
    'RELAY_CARD_ALGORITHM',
    kind.choice('ES256', 'EdDSA'),
    'ES256',
    'ES256',
    'How cards of agents are signed; a tenant that has a key takes it over with its next rotation.',
  ),
  relayCardKeysFile: setting(
    'RELAY_CARD_KEYS_FILE',
    kind.path,
    null,
    'none',
    'The keys by which cards of agents elsewhere are verified, in JSON: a key set for each origin, read at the start. Of an origin that is not named its own key set counts.',
  ),
  relayRequestsNeedDomain: setting(
    'RELAY_REQUESTS_NEED_DOMAIN',
    kind.flag,
    false,
    '0',
    'Whether a tenant has to have proved a domain before its agents may ask others for a connection.',
  ),
  callbackKeysFile: setting(
    'CALLBACK_KEYS_FILE',
    kind.path,
    null,
    'none',
    'The keys that sign callbacks and dispatches, in JSON, mode 0600; read again when it changes. Without it no callback is taken.',
  ),
  callbackV1: setting(
    'CALLBACK_V1',
    kind.flag,
    false,
    '0',
    'Also takes callbacks with an X-Awa-Signature, which knows neither time nor body.',
  ),
  callbackUrl: setting(
    'CALLBACK_URL',
    kind.origin,
    null,
    'PUBLIC_URL',
    'Where callbacks are answered, when a receiver of its own does that.',
  ),
  httpKindsFile: setting(
    'HTTP_KINDS_FILE',
    kind.path,
    null,
    'none',
    'Kinds of jobs that an endpoint works, in JSON, mode 0600 (docs/queue/callbacks.md).',
  ),
  policyGuardrailsFile: setting(
    'POLICY_GUARDRAILS_FILE',
    kind.path,
    null,
    'none',
    'A file of Cedar policies that forbid, over every tenant; beside those that are shipped (docs/policy.md).',
  ),
  logLevel: setting(
    'LOG_LEVEL',
    kind.choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'info',
    'The least serious record that is written.',
  ),
  logPersonal: setting(
    'LOG_PERSONAL',
    kind.flag,
    false,
    '0',
    'Shows e-mail and addresses in logs, for 24 hours after the start.',
  ),
  statusPublic: setting(
    'STATUS_PUBLIC',
    kind.choice('full', 'summary', 'off'),
    'summary',
    'summary',
    'What strangers see at /status: everything that is measured, states and incidents, or nothing.',
  ),
  statusSnapshotFile: setting(
    'STATUS_SNAPSHOT_FILE',
    kind.path,
    null,
    'none',
    'Where the status page keeps what it showed last, for a start while the database is away.',
  ),
  securityTxtFile: setting(
    'SECURITY_TXT_FILE',
    kind.path,
    null,
    'none',
    'What /.well-known/security.txt answers (RFC 9116); read again when it changes.',
  ),
  egressHttp: setting('EGRESS_HTTP', kind.flag, false, '0', 'Also dials plain http.'),
  egressPorts: setting('EGRESS_PORTS', kind.portList, [], '443, and 80 with EGRESS_HTTP', 'Further ports that may be dialled.'),
  egressLiterals: setting(
    'EGRESS_LITERALS',
    kind.flag,
    false,
    '0',
    'Also dials public IP addresses that stand in a URL without a name.',
  ),
  egressAllow: setting(
    'EGRESS_ALLOW',
    kind.allowed,
    [],
    'none',
    'Exceptions to what may be dialled: an exact host or a network, each with a port.',
  ),
  egressDnsServers: setting(
    'EGRESS_DNS_SERVERS',
    kind.nameServers,
    [],
    'those of the system',
    'The name servers that are asked before a connection is made.',
  ),
  egressNat64Prefix: setting(
    'EGRESS_NAT64_PREFIX',
    kind.prefix96,
    null,
    'none',
    'The prefix of this network’s own NAT64; the IPv4 address in it is judged.',
  ),
  egressProxy: setting(
    'EGRESS_PROXY',
    kind.forwardProxy,
    null,
    'none',
    'The forward proxy through which everything goes out, with user and password if it wants them (docs/egress.md).',
  ),
  egressProxyCaFile: setting(
    'EGRESS_PROXY_CA_FILE',
    kind.path,
    null,
    'the public authorities',
    'The authority, in PEM, that proves an https:// proxy.',
  ),
  egressProxyExcept: setting(
    'EGRESS_PROXY_EXCEPT',
    kind.allowed,
    [],
    'none',
    'What is called without the proxy: an exact host or a network, each with a port.',
  ),
  mailFolder: setting(
    'MAIL_FOLDER',
    kind.path,
    null,
    'mail in HOME, in development only',
    'Where the mail transport `file` writes, one JSON a mail.',
  ),
  slackUrl: setting(
    'SLACK_URL',
    kind.prefixUrl,
    new URL('https://slack.com'),
    'https://slack.com',
    'Where Slack is; another only for tests, together with EGRESS_ALLOW.',
  ),
  vaultLeaseSeconds: setting(
    'VAULT_LEASE_SECONDS',
    kind.count(0, 30),
    30,
    '30',
    'For how long a proxy may use a credential again without asking; 0 asks for each request.',
  ),
  relayA2aWaitSeconds: setting(
    'RELAY_A2A_WAIT_SECONDS',
    kind.count(1, 600),
    55,
    '55',
    'How long a blocking SendMessage of A2A waits for its turn to come back before it answers with the task as it is.',
  ),
  runMaxTtl: setting('RUN_MAX_TTL', kind.duration(60, 604_800), 604_800, '7d', 'How long a run may last at most.'),
  gateListen: setting(
    'GATE_LISTEN',
    kind.endpoint,
    null,
    'none',
    'Where processes of the roles `web` and `worker` take the calls of proxies, by mutual TLS (docs/proxy/operate.md).',
  ),
  gateKeyFile: setting(
    'GATE_KEY_FILE',
    kind.path,
    null,
    'keys/gate.pem in HOME',
    'The key and certificate of that listener, in PEM, mode 0600; made at the first start, the same file for every process that listens.',
  ),
  gateAddress: setting('GATE_ADDRESS', kind.endpoint, null, 'none', 'Where a proxy reaches the gate.'),
  gateFingerprint: setting(
    'GATE_FINGERPRINT',
    kind.fingerprint,
    null,
    'none',
    'The SHA-256 of the certificate that the gate has to show; `countersign proxy enroll` prints it.',
  ),
  proxyNode: setting(
    'PROXY_NODE',
    kind.nodeId,
    null,
    'none',
    'The id under which this proxy is enrolled; `countersign proxy enroll` prints it.',
  ),
  proxyNodeFile: setting(
    'PROXY_NODE_FILE',
    kind.path,
    null,
    'none',
    'The key and certificate of this proxy, in PEM, mode 0600; `countersign proxy enroll` makes it where the proxy runs.',
  ),
  proxyListen: setting(
    'PROXY_LISTEN',
    kind.address,
    { host: '127.0.0.1', port: 7980 },
    '127.0.0.1:7980',
    'Where agents reach the proxy.',
  ),
  proxyOpen: setting(
    'PROXY_OPEN',
    kind.flag,
    false,
    '0',
    'Lets the proxy listen beyond loopback without TLS: tokens of runs then cross that network as they are.',
  ),
  proxyTlsCertFile: setting(
    'PROXY_TLS_CERT_FILE',
    kind.path,
    null,
    'none',
    'The certificate chain, in PEM, with which the proxy’s own listener speaks TLS.',
  ),
  proxyTlsKeyFile: setting('PROXY_TLS_KEY_FILE', kind.path, null, 'none', 'The key of that certificate, in PEM, mode 0600.'),
  proxyUrl: setting(
    'PROXY_URL',
    kind.origin,
    null,
    'none',
    'The address of the proxy as runs are told it, such as http://127.0.0.1:7980 or https://proxy.example.com:7980.',
  ),
  proxyDatabaseUrl: setting(
    'PROXY_DATABASE_URL',
    kind.postgresUrl,
    null,
    'that of the embedded database',
    'For `countersign dev` over a PostgreSQL of your own: the same database as the login `countersign_run_proxy`.',
  ),
  proxyTrustFile: setting(
    'PROXY_TRUST_FILE',
    kind.path,
    null,
    'none',
    'Private authorities and client certificates by host, in JSON, mode 0600 (docs/proxy/operate.md).',
  ),
  proxyHoldSeconds: setting(
    'PROXY_HOLD_SECONDS',
    kind.duration(0, 600),
    50,
    '50',
    'How long a request waits for people when its agent does not say.',
  ),
  proxyHoldBody: setting(
    'PROXY_HOLD_BODY',
    kind.bytes(0, 1_048_576),
    1_048_576,
    '1MiB',
    'The largest body of a request that people are asked about.',
  ),
  proxyInspectBody: setting(
    'PROXY_INSPECT_BODY',
    kind.bytes(1_024, 1_048_576),
    65_536,
    '64KiB',
    'The largest body in which facts and tools are read.',
  ),
  proxyStaleAfter: setting(
    'PROXY_STALE_AFTER',
    kind.duration(1, 10),
    1,
    '1s',
    'After so long without a word of the database the proxy lets nothing out.',
  ),
  proxyDrain: setting(
    'PROXY_DRAIN',
    kind.duration(0, 600),
    10,
    '10s',
    'For how long a proxy that is told to end lets go on what is under way.',
  ),
  proxyHeadersTimeout: setting(
    'PROXY_HEADERS_TIMEOUT',
    kind.duration(1, 3_600),
    300,
    '300s',
    'How long the head of an answer may take.',
  ),
  proxyIdleTimeout: setting('PROXY_IDLE_TIMEOUT', kind.duration(1, 3_600), 300, '300s', 'How long a connection may be silent.'),
  proxyStreamsPerRun: setting('PROXY_STREAMS_PER_RUN', kind.count(1, 10_000), 64, '64', 'Requests of one run at once.'),
  proxyLeafCache: setting(
    'PROXY_LEAF_CACHE',
    kind.count(10, 100_000),
    2_000,
    '2000',
    'Certificates of hosts that are kept for the next visit.',
  ),
  auditWitnessUrl: setting(
    'AUDIT_WITNESS_URL',
    kind.prefixUrl,
    null,
    'none',
    'A C2SP witness that cosigns the day’s checkpoint of every record.',
  ),
}

type Key = keyof typeof SETTINGS
type Values = { [K in Key]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never }
export type Config = Readonly<Values> & {
  readonly cors: Cors | null
  /** The variables that ROOT_KEY names by `env:`, and no other. */
  readonly rootKeyValues: Readonly<Record<string, Secret>>
}

export type Environment = Readonly<Record<string, string | undefined>>

const table = Object.entries(SETTINGS) as [Key, Setting<unknown>][]
const isSecret = (one: Setting<unknown>): boolean => one.kind.secret === true
const fileNames = (one: Setting<unknown>): string[] => (isSecret(one) ? [`${one.name}_FILE`] : [])

/** Settings that cannot be used; one sentence each. The process ends with exit code 78. */
export class ConfigRefused extends Error {
  readonly lines: readonly string[]
  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'ConfigRefused'
    this.lines = lines
  }
}

export function readConfig(env: Environment, context: Context): Config {
  const refused = unknownNames(env)
  const values: Record<string, unknown> = {}
  for (const [key, one] of table) {
    try {
      const given = givenText(env, one)
      values[key] = given === null ? fallbackOf(one, context) : one.kind.parse(given, context)
    } catch (error) {
      refused.push(`${one.name} ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (refused.length > 0) throw new ConfigRefused(refused)
  const read = values as Values
  refused.push(...contradictions(read))
  const cors = corsOf(read, refused)
  if (refused.length > 0) throw new ConfigRefused(refused)
  return { ...read, cors, rootKeyValues: rootKeyValues(read, env) }
}

function fallbackOf(one: Setting<unknown>, context: Context): unknown {
  return typeof one.fallback === 'function' ? (one.fallback as (context: Context) => unknown)(context) : one.fallback
}

/** Where a setting stands: an empty text is no value, as compose files leave a setting out; our own name wins over the platform's. */
function sourceOf(env: Environment, one: Setting<unknown>): string | undefined {
  return [one.name, ...fileNames(one), ...(one.also ? [one.also] : [])].find((name) => env[name])
}

function givenText(env: Environment, one: Setting<unknown>): string | null {
  const from = sourceOf(env, one)
  const [file] = fileNames(one)
  if (from === undefined) return null
  if (from === one.name && file && env[file]) throw new Error(`and ${file} are both set; keep one of them.`)
  return from === file ? readSecretFile(env[from] as string) : (env[from] as string)
}

function readSecretFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new Error(`cannot be read from ${file} (${(error as NodeJS.ErrnoException).code}).`, { cause: error })
  }
}

function unknownNames(env: Environment): string[] {
  const known = [...table.flatMap(([, one]) => [one.name, ...fileNames(one)]), ...OTHERS]
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known)
      return `There is no setting ${name}${meant ? `; perhaps ${meant} is meant` : ''}.`
    })
}

function contradictions(config: Values): string[] {
  const lines: string[] = []
  if (config.migratorUrl && !config.databaseUrl)
    lines.push(`${PREFIX}MIGRATOR_URL is given without ${PREFIX}DATABASE_URL; give both, or none for the embedded database.`)
  if (config.listenUrl && !config.databaseUrl) lines.push(`${PREFIX}LISTEN_URL is given without ${PREFIX}DATABASE_URL.`)
  if ((config.tlsCertFile === null) !== (config.tlsKeyFile === null))
    lines.push(
      `${PREFIX}TLS_${config.tlsCertFile ? 'CERT' : 'KEY'}_FILE is given without ${PREFIX}TLS_${config.tlsCertFile ? 'KEY' : 'CERT'}_FILE; give both, or none.`,
    )
  if ((config.proxyTlsCertFile === null) !== (config.proxyTlsKeyFile === null))
    lines.push(
      `${PREFIX}PROXY_TLS_${config.proxyTlsCertFile ? 'CERT' : 'KEY'}_FILE is given without ${PREFIX}PROXY_TLS_${config.proxyTlsCertFile ? 'KEY' : 'CERT'}_FILE; give both, or none.`,
    )
  if (config.environment === 'production' && config.roles.includes('proxy') && config.roles.length > 1)
    lines.push(
      `${PREFIX}ROLES names proxy beside ${config.roles.filter((role) => role !== 'proxy').join(', ')}; in production the proxy is a process of its own: --roles proxy.`,
    )
  for (const [name, isGiven] of [
    ['CA_FILE', config.egressProxyCaFile !== null],
    ['EXCEPT', config.egressProxyExcept.length > 0],
  ])
    if (isGiven && !config.egressProxy) lines.push(`${PREFIX}EGRESS_PROXY_${name} is given without ${PREFIX}EGRESS_PROXY.`)
  return lines
}

function corsOf(config: Values, refused: string[]): Cors | null {
  try {
    return parseCors(config.corsOrigins, { credentials: config.corsCredentials, production: config.environment === 'production' })
  } catch (error) {
    refused.push(`${PREFIX}${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

function rootKeyValues({ rootKey, rootKeyAlso }: Values, env: Environment): Record<string, Secret> {
  const names = [rootKey ?? '', ...rootKeyAlso].flatMap((text) => (text.startsWith('env:') ? [text.slice('env:'.length)] : []))
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, new Secret(env[name])]] : [])))
}

/** What a proxy must not be given: where the root key is, or a login that could make or see more than its own (V79). */
export const KEYS_OF_THE_HOUSE = ['rootKey', 'rootKeyAlso', 'rootKeyVaultToken', 'migratorUrl', 'adminUrl', 'setupToken'] as const

/** What of an environment is for a proxy that another process starts: its own settings and those of the way out, and nothing that could be a secret. */
export function environmentOfProxy(env: Environment): Record<string, string> {
  const ours = table
    .filter(([key, one]) => !isSecret(one) && /^(?:proxy|egress|log)|^(?:environment|policyGuardrailsFile|publicUrl)$/.test(key))
    .map(([, one]) => one.name)
  const known = [...ours, 'PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS', 'NO_COLOR']
  return Object.fromEntries(known.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name] as string]])))
}

/** The files of built-in TLS, when it is asked for. */
export const tlsFiles = ({ tlsCertFile, tlsKeyFile }: Config): TlsFiles | null =>
  tlsCertFile && tlsKeyFile ? { certFile: tlsCertFile, keyFile: tlsKeyFile } : null

export type ConfigRow = { name: string; value: string; secret: boolean; source: string }

/** What `countersign config show` prints: every setting, where it came from, no secret. */
export function describeConfig(config: Config, env: Environment): ConfigRow[] {
  return table.map(([key, one]) => {
    const given = sourceOf(env, one)
    const hides = isSecret(one) || (key === 'rootKey' && isPasted(config.rootKey))
    const value = config[key] === null ? '' : hides ? '[secret]' : given ? String(env[given]) : showDefault(config[key])
    return { name: one.name, value, secret: isSecret(one), source: given ?? 'default' }
  })
}

/** The key itself where its place belongs: boot refuses it, and until then nothing may print it. */
const isPasted = (rootKey: string | null): boolean =>
  rootKey !== null && !/^(file|exec|vault-transit|env|env-file|keyring):/.test(rootKey)

function showDefault(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (Array.isArray(value)) return value.join(',')
  if (typeof value === 'object' && value !== null && 'host' in value && 'port' in value) return `${value.host}:${value.port}`
  return typeof value === 'object' ? '' : String(value)
}

/** The text of docs/config.md. */
export function renderConfigPage(): string {
  const rows = table.map(([, one]) => {
    const names = [one.name, ...(one.also ? [one.also] : [])].map((name) => `\`${name}\``).join(' or ')
    return `| ${names}${isSecret(one) ? `, \`${one.name}_FILE\`` : ''} | ${one.kind.type} | ${one.shown} | ${one.says} |`
  })
  return [
    '# Settings',
    '',
    'Generated from `packages/server/src/main/config.ts`. Settings come from the environment and are read once, at the start; an unknown `COUNTERSIGN_…` name is refused.',
    'A setting that is secret can stand in a file instead: its `_FILE` form names it. `countersign config show` prints what is in force, without secrets.',
    '',
    '| Setting | Value | Default | What it does |',
    '| ------- | ----- | ------- | ------------ |',
    ...rows,
    '',
  ].join('\n')
}

/** The environment and place of this process. */
export const processContext = (): { env: Environment; context: Context } => ({
  env: process.env,
  context: { cwd: process.cwd(), isRoot: process.getuid?.() === 0 },
})
