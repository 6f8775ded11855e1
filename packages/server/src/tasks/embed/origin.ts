// Where a question may be embedded (T123), as pure functions: an exact origin, or a pattern with one leading wildcard label. Reads no row and asks no name server.
const LOCAL = ['localhost', '127.0.0.1']
const LONGEST = 256

/** The origin as browsers write it, or null: https, and http for this machine alone; no path, no user, no wildcard. */
export function readOrigin(text: string): string | null {
  if (text.length > LONGEST || text.includes('*') || !URL.canParse(text)) return null
  const url = new URL(text)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && LOCAL.includes(url.hostname))
  // A host in brackets cannot be named in a policy of a page.
  return secure && url.origin === text && !url.hostname.startsWith('[') ? text : null
}

/** What a tenant or a key may list: an origin, or one such as `https://*.example.com`. Null: neither. */
export function readPattern(text: string): string | null {
  const [, scheme, rest] = /^(https:\/\/)\*\.([^*]+)$/.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return readOrigin(text)
  // What follows the wildcard has an owner: a name of two labels at least, and no address.
  const inside = readOrigin(`${scheme}${rest}`)
  const host = inside === null ? '' : new URL(inside).hostname
  return host.includes('.') && !/^[\d.]+$/.test(host) ? text : null
}

/** The wildcard stands for one label and no more. */
export function matches(origin: string, pattern: string): boolean {
  const at = pattern.indexOf('*.')
  if (at < 0) return origin === pattern
  const [head, tail] = [pattern.slice(0, at), pattern.slice(at + 1)]
  const label = origin.slice(head.length, origin.length - tail.length)
  return origin.startsWith(head) && origin.endsWith(tail) && /^[a-z0-9-]+$/.test(label)
}
