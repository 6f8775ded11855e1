// Which host somebody names, in one spelling: lower case, one trailing dot off, addresses as they are usually written. A name that two readers could take for
// two hosts is no name here (V3, V85): nothing is decoded, folded or mended.
const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/
const SIX = /^\[[0-9a-f:.]{2,45}\]$/

export type Authority = { host: string; port: number | null }

/** `host`, `host:port`, `[v6]:port`. Null: not one. */
export function readAuthority(text: string): Authority | null {
  const [, rawHost, rawPort] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text) ?? []
  if (rawHost === undefined) return null
  const port = rawPort === undefined ? null : Number(rawPort)
  if (port !== null && (port < 1 || port > 65_535)) return null
  const host = normal(rawHost.toLowerCase())
  return host === null ? null : { host, port }
}

function normal(text: string): string | null {
  const host = text.endsWith('.') && !text.endsWith('..') ? text.slice(0, -1) : text
  if (SIX.test(host)) return URL.canParse(`https://${host}/`) ? new URL(`https://${host}/`).hostname.slice(1, -1) : null
  if (!NAME.test(host)) return null
  // `0x7f.1` and `2130706433` are addresses to some and names to others.
  if (
    /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(host) &&
    (!URL.canParse(`https://${host}/`) || new URL(`https://${host}/`).hostname !== host)
  )
    return null
  return host
}

export const authorityText = (host: string, port: number, scheme: 'http' | 'https'): string => {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`
}

export const originText = (scheme: 'http' | 'https', host: string, port: number): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
