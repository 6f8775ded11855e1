// The checks that need nothing but the settings and the files they name. Opens no connection.
import { describeAllowed } from '../../egress/address.ts'
import { readCertificate } from '../../http/tls.ts'
import { daysLeft, readSecurityTxt, SECURITY_TXT_WARN_DAYS } from '../../status/security-txt.ts'
import { type Config, type ConfigRefused, tlsFiles } from '../config.ts'
import { hasOwnReceiver } from '../listeners.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

export const checkSettings = (config: Config, now: Date): Finding[] => [
  checkPublicUrl(config),
  checkBind(config),
  ...checkCallbackBind(config),
  ...checkProxyBind(config),
  ...checkTls(config),
  checkCors(config),
  ok('http.hosts', [config.publicUrl?.host ?? `localhost:${config.port}`, ...config.allowedHosts].join(', ')),
  checkProxies(config),
  checkExceptions(config),
  checkSecurityTxt(config, now),
]

function checkPublicUrl({ environment, publicUrl, roles }: Config): Finding {
  if (!roles.includes('web') && !roles.includes('worker') && !roles.includes('relay'))
    return ok('url.public', 'No link is made here.')
  if (environment === 'development') return ok('url.public', publicUrl?.origin ?? 'http://localhost, as this is development.')
  if (publicUrl === null)
    return fail('url.public', 'PUBLIC_URL is not set.', 'Set COUNTERSIGN_PUBLIC_URL to the https origin that people use.')
  if (publicUrl.protocol !== 'https:')
    return fail(
      'url.public',
      `PUBLIC_URL is ${publicUrl.origin}, which is not https.`,
      'Sessions and keys need TLS: use an https origin.',
    )
  return ok('url.public', publicUrl.origin)
}

const PRIVATE = /^(127\.|::1$|localhost$|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/

function checkBind(config: Config): Finding {
  const { environment, host, tlsTerminated } = config
  if (environment === 'development' || tlsTerminated || tlsFiles(config) || PRIVATE.test(host)) return ok('http.bind', host)
  return fail(
    'http.bind',
    `The server would listen on ${host}, a public address, without TLS.`,
    'Put a TLS proxy in front and set COUNTERSIGN_TLS_TERMINATED=1, give COUNTERSIGN_TLS_CERT_FILE and COUNTERSIGN_TLS_KEY_FILE, or bind to 127.0.0.1.',
  )
}

/** The callback listener speaks plain http: TLS ends in front of it. Unsigned, everybody who reaches it could end jobs. */
function checkCallbackBind(config: Config): Finding[] {
  const { environment, callbacksHost: host, callbacksUnsigned, tlsTerminated } = config
  if (!hasOwnReceiver(config)) return []
  if (callbacksUnsigned && !PRIVATE.test(host))
    return [
      fail(
        'http.bind',
        `Callbacks without a signature would be taken at ${host}, a public address.`,
        'Give COUNTERSIGN_CALLBACK_KEYS_FILE instead of COUNTERSIGN_CALLBACKS_UNSIGNED, or bind to 127.0.0.1.',
      ),
    ]
  if (environment === 'development' || tlsTerminated || PRIVATE.test(host)) return [ok('http.bind', `callbacks: ${host}`)]
  return [
    fail(
      'http.bind',
      `Callbacks would be taken at ${host}, a public address, without TLS.`,
      'Put a TLS proxy in front and set COUNTERSIGN_TLS_TERMINATED=1, or set COUNTERSIGN_CALLBACKS_HOST to 127.0.0.1.',
    ),
  ]
}

/** The proxy takes tokens of runs: in clear only where nobody else listens, or where the operator says so (V83). */
function checkProxyBind({ roles, proxyListen: { host }, proxyOpen, proxyTlsCertFile }: Config): Finding[] {
  if (!roles.includes('proxy')) return []
  if (proxyTlsCertFile || /^127\.|^::1$|^localhost$/.test(host)) return [ok('http.bind', `proxy: ${host}`)]
  if (proxyOpen)
    return [warn('http.bind', `The proxy listens on ${host} without TLS: tokens of runs cross that network as they are.`, null)]
  return [
    fail(
      'http.bind',
      `The proxy would listen on ${host} without TLS.`,
      'Give COUNTERSIGN_PROXY_TLS_CERT_FILE and COUNTERSIGN_PROXY_TLS_KEY_FILE, bind to 127.0.0.1, or set COUNTERSIGN_PROXY_OPEN=1 where the network is yours alone.',
    ),
  ]
}

/** Only where TLS ends here; without its files nothing could be served, in development neither. */
function checkTls(config: Config): Finding[] {
  const files = tlsFiles(config)
  if (!files) return []
  try {
    readCertificate(files)
    return [ok('http.tls', files.certFile)]
  } catch (error) {
    return [fail('http.tls', error instanceof Error ? error.message : String(error), null)]
  }
}

function checkCors({ cors }: Config): Finding {
  if (!cors) return ok('http.cors', 'No other origin may call the API from a browser.')
  const origins = cors.origins === '*' ? 'Every origin' : [...cors.origins].join(', ')
  return ok('http.cors', `${origins} may call the API, ${cors.credentials ? 'with' : 'without'} cookies.`)
}

function checkProxies({ trustedProxies, tlsTerminated, environment }: Config): Finding {
  if (trustedProxies.length > 0) return ok('http.proxies', `${trustedProxies.length} trusted`)
  if (environment === 'production' && tlsTerminated)
    return warn(
      'http.proxies',
      'TLS ends in front of this server, but no proxy is trusted: every client has the address of the proxy, and they share its limits.',
      'Name the proxy in COUNTERSIGN_TRUSTED_PROXIES.',
    )
  return ok('http.proxies', 'None is trusted: clients are known by their own address.')
}

const checkExceptions = ({ egressAllow }: Config): Finding =>
  ok(
    'egress.allow',
    egressAllow.length === 0
      ? 'No exception for the whole installation.'
      : `For every tenant: ${egressAllow.map(describeAllowed).join(', ')}`,
  )

function checkSecurityTxt({ securityTxtFile, environment }: Config, now: Date): Finding {
  if (securityTxtFile === null) {
    const what = 'There is no /.well-known/security.txt: who finds a hole in this installation does not know whom to tell.'
    return environment === 'production'
      ? warn('security_txt', what, 'Write one (docs/status.md) and name it in COUNTERSIGN_SECURITY_TXT_FILE.')
      : ok('security_txt', 'None, as this is development.')
  }
  const read = readSecurityTxt(securityTxtFile)
  if ('refused' in read)
    return fail('security_txt', `${securityTxtFile}: ${read.refused}`, 'Mend the file (RFC 9116, docs/status.md).')
  const days = daysLeft(read.expires, now)
  if (days < SECURITY_TXT_WARN_DAYS)
    return warn(
      'security_txt',
      days < 0 ? 'security.txt has expired.' : `security.txt expires in ${days} days.`,
      'Give it a later Expires, at most a year ahead.',
    )
  return ok('security_txt', `expires in ${days} days`)
}

// What readConfig refused stands under the check that it belongs to.
const CODE_OF: [RegExp, string][] = [
  [/^COUNTERSIGN_CORS_/, 'http.cors'],
  [/^COUNTERSIGN_ALLOWED_HOSTS/, 'http.hosts'],
  [/^COUNTERSIGN_TRUSTED_PROXIES/, 'http.proxies'],
  [/^COUNTERSIGN_EGRESS_ALLOW/, 'egress.allow'],
  [/^COUNTERSIGN_EGRESS_PROXY/, 'egress.proxy'],
  [/^COUNTERSIGN_EGRESS_/, 'egress.dns'],
  [/^COUNTERSIGN_ROOT_KEY/, 'key.root'],
  [/^COUNTERSIGN_PUBLIC_URL/, 'url.public'],
  [/^COUNTERSIGN_TLS_/, 'http.tls'],
]

/** Settings that cannot be read, one line each. */
export const refusedSettings = (refused: ConfigRefused): Finding[] =>
  refused.lines.map((line) => fail(CODE_OF.find(([pattern]) => pattern.test(line))?.[1] ?? 'settings', line, null))
