// One answer on its way out, and the two ways to send it: straight onto the socket, or as a Response for callers in this process.
import type { ServerResponse } from 'node:http'

export type Answer = { status: number; headers: Record<string, string | string[]>; body: string | Buffer | null }

/** HTTP wants a length on everything but 204 and 304; Node leaves the body of an answer to HEAD out by itself. */
export function writeAnswer(outgoing: ServerResponse, answer: Answer): void {
  const bodyless = answer.status === 204 || answer.status === 304
  const body = answer.body ?? ''
  const length = bodyless ? {} : { 'Content-Length': Buffer.byteLength(body) }
  outgoing.writeHead(answer.status, { ...answer.headers, ...length })
  outgoing.end(bodyless ? undefined : body)
}

export function toResponse(answer: Answer): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    if (typeof value === 'string') headers.set(name, value)
    else for (const one of value) headers.append(name, one)
  }
  const bodyless = answer.status === 204 || answer.status === 304
  return new Response(bodyless ? null : (answer.body as string | null), { status: answer.status, headers })
}
