// One signed post to an address that somebody chose: a callback or a webhook. The signature is the caller's; this only carries it.
// Never follows a redirect, never decompresses a reply, reads little of it and keeps less (P86, P88).
import { Problem } from '@countersign/sdk'
import { scrubText } from '../std/log.ts'
import type { Failed } from './failure.ts'
import type { Caps, Door } from './fetch.ts'
import { noTimings, type Timings } from './timing.ts'

export type Post = {
  tenantId: string
  url: string
  /** These bytes were signed, so these bytes leave. */
  body: string | Buffer
  headers: Record<string, string>
  caps?: Partial<Caps>
  ca?: string
  client?: { cert: string; key: string }
  pool?: { name: string; connections: number }
  /** The reply is asked for and may have so many bytes; a longer one is a failure. Left out: a little of it is looked at. */
  replyBytes?: number
  signal?: AbortSignal
}

export type Posted = {
  status: number
  retryAfter: string | null
  excerpt: string
  /** Where it was asked for. */
  reply?: { type: string | null; body: Buffer }
}
export type Timed<T> = T & { timings: Timings }

const READ_BYTES = 65_536
const KEPT_CHARACTERS = 4_096

export async function postSigned(door: Door, post: Post): Promise<Timed<Posted | { failed: Failed }>> {
  const timings = noTimings()
  const answer = await door.fetch({
    tenantId: post.tenantId,
    url: post.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...post.headers },
    // A buffer of this request's own: its identity is how its timings are told from others'.
    body: Buffer.from(post.body),
    ca: post.ca,
    client: post.client,
    pool: post.pool,
    timings,
    onLarge: post.replyBytes === undefined ? 'cut' : 'fail',
    encoding: 'raw',
    caps: { wholeMs: 15_000, ...post.caps, bodyBytes: post.replyBytes ?? READ_BYTES },
    signal: post.signal,
  })
  if ('failed' in answer) return { ...answer, timings }
  const [retryAfter = null] = [answer.headers['retry-after']].flat()
  const excerpt = scrubText(answer.body.toString('utf8')).slice(0, KEPT_CHARACTERS)
  const [type = null] = [answer.headers['content-type']].flat()
  const reply = post.replyBytes === undefined ? {} : { reply: { type, body: answer.body } }
  return { status: answer.status, retryAfter, excerpt, ...reply, timings }
}

/** The same for a caller that wants a Problem of the class in place of a failure. */
export async function postOrProblem(door: Door, post: Post): Promise<Posted> {
  const posted = await postSigned(door, post)
  if ('failed' in posted) throw new Problem(posted.failed)
  return posted
}
