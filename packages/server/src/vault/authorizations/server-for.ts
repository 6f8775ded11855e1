// The provider's side of a connection, however it came to be: endpoints of its definition, or those that its issuer announces (V38), which are read again and
// kept for minutes.
import type { Definition, Method } from '../providers/definition.ts'
import { fillUrl } from '../providers/params.ts'
import type { Params } from '../providers/pattern.ts'
import { discoverServer } from './protocol/discovery.ts'
import { ProviderFault } from './protocol/fault.ts'
import { type Outside, type ProviderServer, serverOf } from './protocol/server.ts'

type Of = { definition: Definition; params: Params; method: Method; issuer: string | null }

export async function serverFor(outside: Outside, { definition, params, method, issuer }: Of): Promise<ProviderServer> {
  const oauth = definition.oauth ?? {}
  const named = serverOf(oauth, (url) => fillUrl(url, params))
  if (method !== 'register') return named
  if (issuer === null) throw new ProviderFault('unusable', 'issuer_missing')
  return { ...(await discoverServer(outside, issuer)).server, resource: named.resource }
}
