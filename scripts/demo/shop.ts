// The outside of the demo: a payment service and a receiver of webhooks behind TLS on loopback, under a name of their own that a name server on loopback knows.
// Its authority is made at each run and trusted by the demo alone.
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import { makeAuthority } from '../../packages/server/src/proxy/testing/authority.ts'

export const HOST = 'pay.shop.example'

export type Shop = {
  port: number
  /** In PEM: whose certificates are to be trusted. */
  ca: string
  dnsPort: number
  /** Calls that arrived, as the service saw them. */
  refunds: { authorization: string | undefined; body: string }[]
  hooks: { headers: Record<string, string>; body: string }[]
  close(): Promise<void>
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export async function openShop(): Promise<Shop> {
  const authority = await makeAuthority('aut_shop')
  const refunds: Shop['refunds'] = []
  const hooks: Shop['hooks'] = []
  const server = createServer(await authority.issue([HOST]), (request, answer) => {
    void bodyOf(request).then((body) => {
      if (request.url === '/hooks') {
        hooks.push({ headers: request.headers as Record<string, string>, body })
        answer.writeHead(204).end()
        return
      }
      const { authorization } = request.headers
      refunds.push({ authorization, body })
      // A careless service that says back what it was given: the agent must not learn it even so.
      answer.setHeader('content-type', 'application/json').end(JSON.stringify({ refunded: true, you_sent: authorization }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dns = await openDnsStub((name, type) => ({ records: type === 'A' && name === HOST ? [{ address: '127.0.0.1' }] : [] }))
  return {
    port: (server.address() as AddressInfo).port,
    ca: authority.certificate,
    dnsPort: dns.port,
    refunds,
    hooks,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await dns.close()
    },
  }
}
