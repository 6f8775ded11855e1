// The guard of the way out (platform.md P96–P100): how many rows of the corpus that must be refused come through, and how many addresses a second are judged. The
// peer is what many services do: parse the URL, resolve the name once, and ask ipaddr.js for the range of each address.
import { Resolver } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import { isPublic, parseAddress } from '../../packages/server/src/egress/address.ts'
import { openGuard } from '../../packages/server/src/egress/guard.ts'
import { padded, resolved, zoneOf } from '../../packages/server/src/egress/testing/corpus.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import type { Figure } from '../figure.ts'

const SAMPLE = [
  '8.8.8.8',
  '10.1.2.3',
  '192.168.7.9',
  '93.184.216.34',
  '2606:4700::1111',
  'fd00::1',
  '::ffff:127.0.0.1',
  '2001:db8::1',
  '1.1.1.1',
  '172.31.4.4',
]

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const { ours, peer } = await bypasses()
  const rounds = quick ? 100_000 : 1_000_000
  const rate = perSecond(rounds, (text) => isPublic(parseAddress(text) as Uint8Array))
  const theirs = perSecond(rounds, (text) => ipaddr.process(text).range() === 'unicast')
  const figure = { bench: 'ssrf', peer_name: 'ipaddr.js' }
  return [
    {
      ...figure,
      metric: 'rows of the corpus that come through though they must not',
      unit: '1',
      ours,
      peer,
      goal: '0',
      met: ours === 0,
    },
    {
      ...figure,
      metric: 'addresses judged, text to verdict',
      unit: '1/s',
      ours: rate,
      peer: theirs,
      goal: '>= 100000',
      met: rate >= 100_000,
    },
  ]
}

async function bypasses(): Promise<{ ours: number; peer: number }> {
  let zone = zoneOf('')
  const dns = await openDnsStub((name, type, nth) => zone(name, type, nth))
  const guard = openGuard({ nameServers: [dns], http: true, literals: true })
  const resolver = new Resolver({ timeout: 500, tries: 1 })
  resolver.setServers([`${dns.address}:${dns.port}`])
  let ours = 0
  let peer = 0
  try {
    for (const row of resolved.filter(({ expect }) => expect !== 'allow')) {
      const url = padded(row)
      zone = zoneOf(row.note)
      // Saved, then dialled.
      if ('route' in (await guard.check(url)) && 'route' in (await guard.check(url))) ours++
      zone = zoneOf(row.note)
      if (await passesPeer(url, resolver)) peer++
    }
  } finally {
    resolver.cancel()
    await dns.close()
  }
  return { ours, peer }
}

async function passesPeer(text: unknown, resolver: Resolver): Promise<boolean> {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = ipaddr.isValid(host) ? [host] : await resolver.resolve4(host).catch(() => [])
  return addresses.length > 0 && addresses.every((address) => ipaddr.process(address).range() === 'unicast')
}

function perSecond(rounds: number, judge: (text: string) => boolean): number {
  let judged = 0
  for (let i = 0; i < 10_000; i++) if (judge(SAMPLE[i % SAMPLE.length] as string)) judged++
  const from = performance.now()
  for (let i = 0; i < rounds; i++) if (judge(SAMPLE[i % SAMPLE.length] as string)) judged++
  if (judged === 0) throw new Error('Nothing was public.')
  return rounds / ((performance.now() - from) / 1_000)
}
