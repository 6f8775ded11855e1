// Where the proxy is, what is shown to it, and which hosts are reached without it: read from the proxy variables, as every other client of the run reads them.
export type Way = { host: string; port: number; authorization: string; isDirect(host: string): boolean }

export function readWay(env: NodeJS.ProcessEnv): Way | null {
  const text = env.https_proxy || env.HTTPS_PROXY
  if (!text || !URL.canParse(text)) return null
  const url = new URL(text)
  // A proxy behind TLS has a forwarder on this machine, so this is all that a run gives.
  if (url.protocol !== 'http:') return null
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const except = (env.no_proxy || env.NO_PROXY || '').split(/[\s,]+/).filter((one) => one !== '')
  return {
    host: bare(url.hostname),
    port: Number(url.port || 80),
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    isDirect: (host) => except.some((one) => fits(one.toLowerCase(), bare(host).toLowerCase())),
  }
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '')

/** `example.com` is itself; `.example.com` and `*.example.com` are what lies below; `*` is all. */
function fits(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true
  const below = pattern.replace(/^\*/, '')
  return below.startsWith('.') && host.endsWith(below)
}
