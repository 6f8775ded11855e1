// The corpus of P106 as every room that dials what a user named runs it: the rows, and a name server that says what their `stub:` notes say.
import corpus from '../../../../../test/vectors/ssrf.json' with { type: 'json' }
import type { StubReply, Zone } from './dns-stub.ts'

export type Row = { url: string | null; expect: 'deny' | 'invalid' | 'allow'; group: string; note: string }
export const rows = (corpus as Row[]).map((row) => ({ ...row, name: JSON.stringify(row.url)?.slice(0, 80) }))
export const resolved = rows.filter((row) => row.group !== 'l-redirect')
export const redirects = rows.filter((row) => row.group === 'l-redirect')

const publicAddresses = (count: number) => Array.from({ length: count }, (_, i) => ({ address: `8.8.${i >> 8}.${i & 255 || 1}` }))

/** What the `stub:` notes of the corpus say; hooks.example.com without one is A 8.8.8.8. */
export function zoneOf(note: string): Zone {
  const stub = /stub: (.*)$/.exec(note)?.[1]
  return (name, type, nth): StubReply => {
    if (!stub) return name === 'hooks.example.com' ? { records: [{ address: '8.8.8.8' }] } : {}
    if (stub === 'SERVFAIL') return { rcode: 2 }
    if (stub === 'NXDOMAIN') return { rcode: 3 }
    if (stub.startsWith('200 A')) return { records: publicAddresses(200) }
    if (stub.startsWith('TTL 0')) return { records: [{ address: nth === 0 ? '8.8.8.8' : '127.0.0.1' }] }
    if (stub.startsWith('alternates')) return { records: [{ address: nth % 2 ? '8.8.8.8' : '127.0.0.1' }] }
    if (stub.startsWith('a chain of 9')) {
      const links = Array.from({ length: 9 }, (_, i) => ({
        name: i ? `c${i}.example.com` : name,
        cname: `c${i + 1}.example.com`,
      }))
      return { records: [...links, { name: 'c9.example.com', address: '8.8.8.8' }] }
    }
    if (stub.startsWith('CNAME to itself'))
      return { records: [{ cname: 'second.example.com' }, { name: 'second.example.com', cname: name }] }
    if (stub === 'CNAME localhost.') return { records: [{ cname: 'localhost' }] }
    if (type === 'AAAA' && !stub.includes('AAAA')) return { records: [] }
    return { records: [...stub.matchAll(/\b(A|AAAA) ([0-9a-f.:]+)/g)].map((match) => ({ address: match[2] })) }
  }
}

export const padded = ({ url, note }: Row) =>
  /pad-to (\d+)/.test(note) ? url?.padEnd(Number(/pad-to (\d+)/.exec(note)?.[1]), 'a') : url
