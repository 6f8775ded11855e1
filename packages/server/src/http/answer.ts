// One answer on its way out, and the two ways to send it: straight onto the socket, or as a Response for callers in this process.
import type { ServerResponse } from 'node:http'

export type Answer = {
  status: number
  headers: Record<string, string | string[]>
  body: string | Buffer | null
  /** A document or what belongs to one: it gets the headers of pages. */
  isPage?: boolean
}

/** The headers that every answer starts with, and the same as the flat list that Node writes without copying. */
export type BaseHeaders = { readonly named: Record<string, string>; readonly flat: readonly string[] }

export const baseHeaders = (named: Record<string, string>): BaseHeaders => ({ named, flat: Object.entries(named).flat() })

/** HTTP wants a length on everything but 204 and 304; Node leaves the body of an answer to HEAD out by itself. */
export function writeAnswer(outgoing: ServerResponse, answer: Answer, base: BaseHeaders): void {
  const bodyless = answer.status === 204 || answer.status === 304
  const body = answer.body ?? ''
  const headers = merged(base, answer.headers)
  if (!bodyless) headers.push('Content-Length', String(Buffer.byteLength(body)))
  outgoing.writeHead(answer.status, headers as string[])
  outgoing.end(bodyless ? undefined : body)
}

/** An answer's own header replaces the one of its name in the base; an empty one takes it away. */
function merged(base: BaseHeaders, own: Answer['headers']): (string | string[])[] {
  for (const name in own)
    if (name in base.named) {
      const all = Object.entries({ ...base.named, ...own })
      return all.filter(([, value]) => value !== '').flat()
    }
  const flat: (string | string[])[] = base.flat.slice()
  for (const name in own) flat.push(name, own[name] as string | string[])
  return flat
}

export function toResponse(answer: Answer, base: BaseHeaders): Response {
  const headers = new Headers(base.named)
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === '') headers.delete(name)
    else if (typeof value === 'string') headers.set(name, value)
    else for (const one of value) headers.append(name, one)
  }
  const bodyless = answer.status === 204 || answer.status === 304
  return new Response(bodyless ? null : (answer.body as string | null), { status: answer.status, headers })
}
