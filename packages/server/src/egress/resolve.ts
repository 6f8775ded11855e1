// The addresses of a name, all of them, from our own resolver (P100). Fails closed: an answer that is odd in any way is a refusal.
import { askDns, type NameServer, TYPES } from './dns.ts'
import { isRefusedName } from './url.ts'

const WHOLE_MS = 3_000
const MOST_ADDRESSES = 16
const MOST_CNAMES = 8

/** Null: the name has no addresses that could be trusted. Throws NoNameServer when nobody answered. */
export async function resolveName(host: string, servers: readonly NameServer[]): Promise<Uint8Array[] | null> {
  const until = performance.now() + WHOLE_MS
  const both = await Promise.all([follow(host, TYPES.A, servers, until), follow(host, TYPES.AAAA, servers, until)])
  if (both.includes(null)) return null
  const addresses = both.flatMap((some) => some ?? [])
  return addresses.length > 0 && addresses.length <= MOST_ADDRESSES ? addresses : null
}

async function follow(host: string, type: number, servers: readonly NameServer[], until: number): Promise<Uint8Array[] | null> {
  const seen = new Set([host])
  for (let name = host; ; ) {
    const asked = name
    const { rcode, records } = await askDns(servers, name, type, until)
    if (rcode !== 0) return null
    for (let next = cnameOf(records, name); next !== undefined; next = cnameOf(records, name)) {
      if (seen.has(next) || seen.size > MOST_CNAMES || isRefusedName(next)) return null
      seen.add(next)
      name = next
    }
    const found = records.flatMap((record) => (record.name === name && record.address ? [record.address] : []))
    // A server that left the end of the chain out is asked for it.
    if (found.length > 0 || name === asked) return found
  }
}

const cnameOf = (records: readonly { name: string; target?: string }[], name: string): string | undefined =>
  records.find((record) => record.name === name && record.target !== undefined)?.target
