// How long each step of a request out took, for the log of deliveries (P89). Measures only; changes nothing about how a request goes.
// undici pools its connections, so which socket a request got is told by its own diagnostics channel, found again by the body's identity.
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Milliseconds; null where a step did not happen: on a connection that was open already nothing is dialled. */
export type Timings = {
  dnsMs: number | null
  connectMs: number | null
  tlsMs: number | null
  firstByteMs: number | null
  /** Where it went, once a connection was there; behind a forward proxy all the same. */
  address: string | null
  family: 4 | 6 | null
}

export const noTimings = (): Timings => ({
  dnsMs: null,
  connectMs: null,
  tlsMs: null,
  firstByteMs: null,
  address: null,
  family: null,
})

type Dialled = { connectMs: number; tlsMs: number | null }

const dialled = new WeakMap<Socket, Dialled>()
const reached = new WeakMap<Socket, string>()
const watched = new WeakMap<Buffer, Timings>()

/** What opening this connection took, told once, to the first request that it carries; and where it leads, told to each. */
export function rememberDial(socket: Socket, { address, ...took }: Dialled & { address: string }): void {
  dialled.set(socket, took)
  reached.set(socket, address)
}

/** Where a connection of ours leads. */
export const reachedBy = (socket: Socket): string | null => reached.get(socket) ?? null

/** These timings learn the socket over which this very buffer leaves. */
export const watchBody = (body: Buffer, timings: Timings): void => void watched.set(body, timings)

subscribe('undici:client:sendHeaders', (message) => {
  const { request, socket } = message as { request: { body?: unknown }; socket: Socket }
  const timings = Buffer.isBuffer(request.body) ? watched.get(request.body) : undefined
  if (!timings) return
  const took = dialled.get(socket)
  dialled.delete(socket)
  timings.connectMs = took?.connectMs ?? null
  timings.tlsMs = took?.tlsMs ?? null
  timings.address = reached.get(socket) ?? null
  timings.family = timings.address === null ? null : timings.address.includes(':') ? 6 : 4
})

export const rounded = (ms: number): number => Math.round(ms * 100) / 100
