// A checked connection for somebody who speaks HTTP over it themselves and streams (the proxy): shape, names, every address and the peer are judged as for
// each request out (P96–P100), and its time and size caps are the caller's. Carries one origin and never a second one; never resolves twice for one dial.
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Trust, Wire } from './dial.ts'
import { dial } from './dial.ts'
import { EgressError, type Failed } from './failure.ts'
import type { Guard } from './guard.ts'
import { reachedBy } from './timing.ts'

export type LaneRequest = {
  tenantId: string
  /** `https://host:port`: nothing else of a URL is needed to get there. */
  origin: string
  /** What is offered in TLS, best first. */
  offer: readonly ('h2' | 'http/1.1')[]
  connectMs: number
  /** Without TLS of ours: the two ends speak their own through it. */
  bare?: true
  trust?: Omit<Trust, 'alpn'>
}

export type Lane = { socket: Socket; protocol: 'h2' | 'http/1.1'; address: string | null }

export async function openLane(
  guard: Guard,
  wire: Wire,
  request: LaneRequest,
): Promise<Lane | { failed: Failed; cause?: unknown }> {
  try {
    const verdict = await guard.check(`${request.origin}/`, request.tenantId)
    if ('refused' in verdict) return { failed: verdict.refused === 'unreachable' ? 'unreachable' : 'url_not_allowed' }
    const route = request.bare ? { ...verdict.route, url: new URL(request.origin.replace(/^https:/, 'http:')) } : verdict.route
    const socket = await dial(route, request.connectMs, { ...request.trust, alpn: request.offer }, wire)
    // Small pieces of a stream leave at once: an event must not wait for an acknowledgement.
    socket.setNoDelay(true)
    const agreed = 'alpnProtocol' in socket ? (socket as TLSSocket).alpnProtocol : false
    return { socket, protocol: agreed === 'h2' ? 'h2' : 'http/1.1', address: reachedBy(socket) }
  } catch (error) {
    if (error instanceof EgressError) return { failed: error.failed, cause: error.cause }
    throw error
  }
}
