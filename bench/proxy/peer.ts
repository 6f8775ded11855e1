// mockttp as a plain intercepting proxy, in a process of its own: it passes everything on, judges nothing, records nothing and masks nothing.
import { getLocal } from 'mockttp'
import { serve } from './remote.ts'

let stop = (): Promise<void> | void => undefined

const verbs = {
  async start({ authority, ca }: { authority: { certificate: string; key: string }; ca: string }): Promise<number> {
    const server = getLocal({ https: { cert: authority.certificate, key: authority.key }, recordTraffic: false })
    await server.forAnyRequest().thenPassThrough({ additionalTrustedCAs: [{ cert: ca }] })
    await server.start()
    stop = () => server.stop()
    return server.port
  },
}
export type Peer = typeof verbs

serve(verbs, () => stop())
