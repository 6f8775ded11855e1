// Opens the connection of a checked route: only to its addresses, proved by the peer's address after connect, and by the name in TLS (P100). Whether a wire goes
// straight there or through a proxy of the operator's (proxy.ts) is decided by who opens the door.
// Never resolves, never retries, never lets a caller see why exactly it failed.
import type { connect as netConnect, Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import ipaddr from 'ipaddr.js'
import { sameBytes } from '../crypto/token.ts'
import { parseAddress } from './address.ts'
import { EgressError, type Failed } from './failure.ts'
import type { Route } from './guard.ts'
import { rememberDial, rounded } from './timing.ts'

/** A private authority in place of the public ones, what we show of ourselves, and which protocols are offered: HTTP/1.1 unless said otherwise. */
export type Trust = { ca?: string; cert?: string; key?: string; alpn?: readonly string[] }

/** Opens a connection to one address of a checked route, before any TLS with who is there. */
export type Wire = (route: Route, address: Uint8Array, ms: number) => Promise<Socket>

/** A connection to one of the checked addresses, in their order, TLS included. */
export async function dial(route: Route, ms: number, trust: Trust, wire: Wire): Promise<Socket> {
  const until = performance.now() + ms
  let last: unknown
  for (const address of route.addresses) {
    const left = until - performance.now()
    if (left <= 0) break
    try {
      const began = performance.now()
      const socket = await wire(route, address, left)
      const connected = performance.now()
      const isTls = route.url.protocol === 'https:'
      const ready = isTls ? await openTls(socket, route, until - connected, trust) : socket
      const tlsMs = isTls ? rounded(performance.now() - connected) : null
      rememberDial(ready, { connectMs: rounded(connected - began), tlsMs, address: addressText(address) })
      return ready
    } catch (error) {
      last = error
      if (error instanceof EgressError && error.failed !== 'unreachable') throw error
    }
  }
  throw last ?? new EgressError('unreachable')
}

/** Straight to the address. */
export const straight =
  (connect: typeof netConnect): Wire =>
  async (route, address, ms) => {
    // The address is dialled, not the name: one that rebinds meanwhile changes nothing.
    const literal = ipaddr.fromByteArray([...address])
    const socket = connect({ host: literal.toString(), port: route.port })
    await opened(socket, 'connect', ms, 'unreachable')
    const peer = socket.remoteAddress ? parseAddress(socket.remoteAddress.replace(/^::ffff:/i, '')) : null
    const wanted = isMapped(literal) ? address.subarray(12) : address
    if (peer && sameBytes(Buffer.from(peer), Buffer.from(wanted))) return socket
    socket.destroy()
    throw new EgressError('url_not_allowed')
  }

const isMapped = (literal: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  literal.kind() === 'ipv6' && (literal as ipaddr.IPv6).isIPv4MappedAddress()

/** As it is written: an IPv4 address inside of an IPv6 one as the former. */
export function addressText(address: Uint8Array): string {
  const literal = ipaddr.fromByteArray([...address])
  return isMapped(literal) ? (literal as ipaddr.IPv6).toIPv4Address().toString() : literal.toString()
}

async function openTls(socket: Socket, route: Route, ms: number, { alpn = ['http/1.1'], ...trust }: Trust): Promise<Socket> {
  // The name is proved and sent as SNI though the address was dialled; an IP literal has no SNI.
  const servername = parseAddress(route.host) ? undefined : route.host
  const secure = tlsConnect({
    socket,
    host: route.host,
    servername,
    ...trust,
    ALPNProtocols: [...alpn],
    minVersion: 'TLSv1.2',
  })
  await opened(secure, 'secureConnect', ms, 'tls')
  return secure
}

/** Once the event has come; a socket that fails or is late is closed. */
export function opened(socket: Socket, event: 'connect' | 'secureConnect', ms: number, failed: Failed): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      clearTimeout(timer)
      socket.removeListener(event, done)
      socket.removeListener('error', fail)
      socket.removeListener('close', closed)
      finish()
    }
    const fail = (cause?: unknown) =>
      end(() => {
        // What breaks later on this socket has nobody left to tell.
        socket.on('error', () => undefined)
        socket.destroy()
        reject(new EgressError(failed, cause))
      })
    const done = () => end(resolve)
    const closed = () => fail()
    const timer = setTimeout(fail, Math.max(ms, 0))
    socket.once(event, done)
    socket.once('error', fail)
    socket.once('close', closed)
  })
}
