// The way out through a forward proxy of the operator's (P101): a tunnel by CONNECT, for https and http alike, to an address that the guard has judged.
// Hands the proxy no name that it could resolve differently, sends its credentials to nobody behind it, and never goes past it where it does not answer.
import { request } from 'node:http'
import { connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { Secret } from '../crypto/secret.ts'
import { type Allowed, isAllowed, parseAddress } from './address.ts'
import { addressText, opened, straight, type Wire } from './dial.ts'
import { EgressError } from './failure.ts'

export type ForwardProxy = {
  secure: boolean
  host: string
  port: number
  /** The value of Proxy-Authorization. */
  authorization: Secret | null
  /** A private authority in place of the public ones, for a proxy that is itself reached by TLS. */
  ca: string | null
  /** Called without the proxy, because the operator named them. */
  except: readonly Allowed[]
}

const HEADER_BYTES = 16_384

/** Throws what the text should have been, as the end of the sentence "NAME …". Nothing of it is in the message: it may hold a password. */
export function parseProxy(text: string): Pick<ForwardProxy, 'secure' | 'host' | 'port' | 'authorization'> {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search || url.hash)
    throw new Error('must be a URL such as http://user:password@proxy.example.com:3128, without path and query.')
  const secure = url.protocol === 'https:'
  const credentials = url.username || url.password ? `${decoded(url.username)}:${decoded(url.password)}` : null
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port) || (secure ? 443 : 80),
    authorization: credentials === null ? null : new Secret(`Basic ${Buffer.from(credentials).toString('base64')}`),
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw new Error('has a % in user or password that begins no escape; write it as %25.', { cause: error })
  }
}

/** Connections through the proxy, but for what the operator excepted. */
export function wireThrough(proxy: ForwardProxy, connect: typeof netConnect): Wire {
  const direct = straight(connect)
  return (route, address, ms) =>
    isAllowed(proxy.except, route.host, route.port, address)
      ? direct(route, address, ms)
      : openTunnel(proxy, authorityOf(addressText(address), route.port), ms)
}

const authorityOf = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

async function openTunnel(proxy: ForwardProxy, authority: string, ms: number): Promise<Socket> {
  const until = performance.now() + ms
  const link = await reach(proxy, ms)
  const status = await ask(link, proxy, authority, until - performance.now())
  if (status >= 200 && status <= 299) return link
  link.destroy()
  // For the log; who called learns no more than that nothing was reached.
  throw new EgressError('unreachable', new Error(`The forward proxy answered ${status} to CONNECT.`))
}

/** The connection to the proxy itself, which the operator named: its name is resolved as the machine resolves names. */
async function reach(proxy: ForwardProxy, ms: number): Promise<Socket> {
  const until = performance.now() + ms
  const socket = netConnect({ host: proxy.host, port: proxy.port })
  await opened(socket, 'connect', ms, 'unreachable')
  if (!proxy.secure) return socket
  const secure = tlsConnect({
    socket,
    host: proxy.host,
    ...(parseAddress(proxy.host) ? {} : { servername: proxy.host }),
    ...(proxy.ca === null ? {} : { ca: proxy.ca }),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
  })
  await opened(secure, 'secureConnect', until - performance.now(), 'unreachable')
  return secure
}

/** What the proxy says to CONNECT. After a yes the socket carries what is said behind it, and nothing of this exchange. */
function ask(link: Socket, { authorization }: ForwardProxy, authority: string, ms: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown) => {
      clearTimeout(timer)
      link.destroy()
      reject(new EgressError('unreachable', cause))
    }
    const timer = setTimeout(() => fail(new Error('The forward proxy does not answer.')), Math.max(ms, 0))
    const asking = request({
      method: 'CONNECT',
      path: authority,
      maxHeaderSize: HEADER_BYTES,
      createConnection: () => link,
      headers: {
        host: authority,
        connection: 'keep-alive',
        ...(authorization === null ? {} : { 'proxy-authorization': authorization.reveal() }),
      },
    })
    asking.on('error', fail)
    asking.once('connect', (answer, socket: Socket, head: Buffer) => {
      clearTimeout(timer)
      // A server that speaks first (of mail) may have begun behind the yes of the proxy.
      if (head.length > 0) socket.unshift(head)
      resolve(answer.statusCode ?? 0)
    })
    asking.end()
  })
}

/** For the doctor: whether the proxy answers, and takes the credentials. Asked for a name that cannot exist, so that nothing behind it is reached. */
export async function asksProxy(proxy: ForwardProxy, ms: number): Promise<'answers' | 'refuses_credentials' | 'silent'> {
  try {
    const link = await reach(proxy, ms)
    const status = await ask(link, proxy, 'countersign.invalid:443', ms)
    link.destroy()
    return status === 407 ? 'refuses_credentials' : 'answers'
  } catch (error) {
    if (error instanceof EgressError) return 'silent'
    throw error
  }
}

export const describeProxy = ({ secure, host, port }: ForwardProxy): string =>
  `${secure ? 'https' : 'http'}://${authorityOf(host, port)}`
