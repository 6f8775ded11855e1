// The body of a request as a decision may read it (V98): decoded, whole, and no more than so much. Never forwards what it decoded; the bytes that go out are
// those that were sent.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { AskedRequest } from '../gatekeeper.ts'
import { textOf } from './policy-request.ts'

export type Body = Buffer | 'too_large' | 'ambiguous' | null

const DECODERS = { gzip: gunzipSync, 'x-gzip': gunzipSync, deflate: inflateSync, br: brotliDecompressSync }

export async function bodyOf(request: Pick<AskedRequest, 'headers' | 'body'>, limit: number): Promise<Body> {
  const raw = await request.body(limit)
  if (raw === 'too_large') return 'too_large'
  if (raw.length === 0) return null
  let decoded = raw
  for (const coding of codingsOf(request.headers)) {
    const decode = Object.hasOwn(DECODERS, coding) ? DECODERS[coding as keyof typeof DECODERS] : null
    if (!decode) return 'ambiguous'
    try {
      decoded = decode(decoded, { maxOutputLength: limit })
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'ambiguous'
    }
  }
  return decoded
}

/** The last one applied comes off first. */
const codingsOf = (headers: AskedRequest['headers']): string[] =>
  headers
    .filter(([name]) => name === 'content-encoding')
    .flatMap(([, value]) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
    .reverse()

const TEXT = /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml)\b|application\/(?:x-www-form-urlencoded|graphql|javascript)\b)/

/** What policies see of it: the beginning of a body of text. */
export const contentOf = (body: Body, contentType: string | null): string | null =>
  Buffer.isBuffer(body) && contentType !== null && TEXT.test(contentType.toLowerCase()) ? textOf(body) : null
