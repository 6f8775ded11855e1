// What the child's environment says (V127): through which proxy, whom to trust, and placeholders where credentials would stand. No value of the vault is among it;
// the run's token stands in the proxy's address, because clients know no other place for it.
import type { Environment } from '../../main/config.ts'
import type { Place } from './place.ts'

export type ChildInput = {
  inherited: Environment
  run: { id: string; token: string }
  /** Where the child reaches the proxy, without a token. */
  proxy: URL
  place: Place
  /** Of the granted providers: placeholders by variable. */
  placeholders: Readonly<Record<string, string>>
  noProxy: readonly string[]
  preload: string
  /** Nothing is inherited but what any program needs. */
  clean: boolean
  /** The key of the command opens this agent's routes alone; another's is not handed on. */
  keepsKey: boolean
}

const PROXIES = /^(?:https?|all|no|ftp|socks[45]?|wss?|rsync)_proxy$/i
const PLAIN =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|PWD|TERM|COLORTERM|NO_COLOR|COLUMNS|LINES|TMPDIR|TMP|TEMP|TZ|LANG|LANGUAGE|LC_\w+|SYSTEMROOT|XDG_\w+)$/i
const LOOPBACK = ['127.0.0.1', 'localhost', '::1']
const BUNDLE_VARIABLES = [
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'PIP_CERT',
  'AWS_CA_BUNDLE',
  'CARGO_HTTP_CAINFO',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
]

export function childEnvironment(input: ChildInput): Record<string, string> {
  return { ...inheritedOf(input), ...ownOf(input) }
}

function inheritedOf({ inherited, clean, keepsKey }: ChildInput): Record<string, string> {
  const kept = Object.entries(inherited).filter(
    ([name]) => !PROXIES.test(name) && (!clean || PLAIN.test(name)) && (keepsKey || name !== 'COUNTERSIGN_KEY'),
  )
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** What `run` itself sets. Placeholders first: no provider's variable takes the place of one that leads to the proxy. */
export function ownOf({
  inherited,
  run,
  proxy,
  place,
  placeholders,
  noProxy,
  preload,
  clean,
}: ChildInput): Record<string, string> {
  const through = new URL(proxy)
  through.username = 'run'
  through.password = run.token
  const address = through.href.replace(/\/$/, '')
  const except = [...new Set([...LOOPBACK, ...noProxy])].join(',')
  const options = clean ? '' : (inherited.NODE_OPTIONS ?? '')
  return {
    ...placeholders,
    ...{ HTTP_PROXY: address, HTTPS_PROXY: address, http_proxy: address, https_proxy: address },
    ...{ NO_PROXY: except, no_proxy: except },
    ...Object.fromEntries(BUNDLE_VARIABLES.map((name) => [name, place.bundle])),
    ...{ NODE_EXTRA_CA_CERTS: place.authority, DENO_CERT: place.authority },
    GIT_HTTP_PROXY_AUTHMETHOD: 'basic',
    NODE_USE_ENV_PROXY: '1',
    NODE_OPTIONS: `${options} --require ${quoted(preload)}`.trim(),
    ...{ COUNTERSIGN_RUN: run.id, COUNTERSIGN_PROXY: proxy.href.replace(/\/$/, ''), COUNTERSIGN_CA_FILE: place.bundle },
  }
}

/** With `--relay` nobody shows a token, and Java, which reads no variable of the others, is led too. */
export function relayedOf(env: Readonly<Record<string, string>>, relay: URL, store: string): Record<string, string> {
  const address = relay.href.replace(/\/$/, '')
  const to = (scheme: string): string[] => [`-D${scheme}.proxyHost=${relay.hostname}`, `-D${scheme}.proxyPort=${relay.port}`]
  const except = (env.NO_PROXY ?? '').split(',').map((one) => (one === '::1' ? '[::1]' : one.replace(/^\./, '*.')))
  const java = [
    ...(env.JAVA_TOOL_OPTIONS ? [env.JAVA_TOOL_OPTIONS] : []),
    ...to('https'),
    ...to('http'),
    `'-Dhttp.nonProxyHosts=${except.join('|')}'`,
    quotedForJava(`-Djavax.net.ssl.trustStore=${store}`),
    '-Djavax.net.ssl.trustStoreType=PKCS12',
  ]
  return {
    ...{ HTTP_PROXY: address, HTTPS_PROXY: address, http_proxy: address, https_proxy: address },
    JAVA_TOOL_OPTIONS: java.join(' '),
  }
}

/** Java takes quotes off, and knows no backslash. */
const quotedForJava = (option: string): string => (/\s/.test(option) ? `"${option}"` : option)

/** As Node reads its options: in double quotes where there is white space, with a backslash before what means something. */
const quoted = (path: string): string => (/[\s"\\]/.test(path) ? `"${path.replace(/["\\]/g, '\\$&')}"` : path)
