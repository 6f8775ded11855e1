// mockttp as a plain intercepting proxy, in a process of its own: it passes everything on and masks nothing.
import { getLocal } from 'mockttp'

async function start({ authority, ca }: { authority: { certificate: string; key: string }; ca: string }): Promise<void> {
  const server = getLocal({ https: { cert: authority.certificate, key: authority.key }, recordTraffic: false })
  await server.forAnyRequest().thenPassThrough({ additionalTrustedCAs: [{ cert: ca }] })
  await server.start()
  process.send?.({ port: server.port })
}

process.on('message', (message: Parameters<typeof start>[0]) => void start(message))
