// The addresses of a name, all of them, from our own resolver (P100), and what texts stand at one. Fails closed: an answer that is odd in any way is a refusal.
import { askDns, type DnsRecord, type NameServer, TYPES } from './dns.ts'
import { isRefusedName } from './url.ts'

const WHOLE_MS = 3_000
const MOST_ADDRESSES = 16
const MOST_CNAMES = 8
const MOST_TEXTS = 100

/** Null: the name has no addresses that could be trusted. Throws NoNameServer when nobody answered. */
export async function resolveName(host: string, servers: readonly NameServer[]): Promise<Uint8Array[] | null> {
  const until = performance.now() + WHOLE_MS
  const both = await Promise.all([follow(host, TYPES.A, servers, until), follow(host, TYPES.AAAA, servers, until)])
  if (both.includes(null)) return null
  const addresses = both.flatMap((some) => some ?? [])
  return addresses.length > 0 && addresses.length <= MOST_ADDRESSES ? addresses : null
}

/** The texts at a name; none where there is none, or the answer is odd. Throws NoNameServer when nobody answered. */
export async function resolveTexts(name: string, servers: readonly NameServer[]): Promise<string[]> {
  const found = await followTo(name, TYPES.TXT, servers, performance.now() + WHOLE_MS)
  return (found ?? []).flatMap(({ text }) => (text === undefined ? [] : [text])).slice(0, MOST_TEXTS)
}

async function follow(host: string, type: number, servers: readonly NameServer[], until: number): Promise<Uint8Array[] | null> {
  const found = await followTo(host, type, servers, until)
  return found?.flatMap(({ address }) => (address ? [address] : [])) ?? null
}

/** The records of this type at the end of the chain that the name begins. */
async function followTo(host: string, type: number, servers: readonly NameServer[], until: number): Promise<DnsRecord[] | null> {
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
    const found = records.filter((record) => record.name === name && record.type === type)
    // A server that left the end of the chain out is asked for it.
    if (found.length > 0 || name === asked) return found
  }
}

const cnameOf = (records: readonly { name: string; target?: string }[], name: string): string | undefined =>
  records.find((record) => record.name === name && record.target !== undefined)?.target
