// Jobs that an endpoint works (queue.md Q103), declared by the operator in a file: dispatched through egress, signed with the callback keys.
// Never calls an address that the guard refuses, and never keeps what an endpoint said but in the error of its job, scrubbed.
import { readFileSync, statSync } from 'node:fs'
import { DispatchRefused, defineHttpKind, type Fetch, type KeySource, type Kind, QueueError } from '@countersign/queue'
import type { Door } from '../egress/fetch.ts'
import { s } from '../http/route.ts'
import { scrubText } from '../std/log.ts'

export type HttpWorkerHouse = {
  door: Door
  keys: KeySource
  now(): Date
  /** The endpoint of a kind is gone for good: nobody is to call it until an operator says so. */
  pause(kind: string, url: string): Promise<unknown>
}

const seconds = (most: number) => s.int({ min: 1, max: most })

const Declared = s.object({
  kind: s.pattern(/^[a-z][a-z0-9_.:-]{0,199}$/, 'Must be a kind.'),
  url: s.text({ min: 1, max: 2_048 }),
  mode: s.optional(s.oneOf('async', 'sync')),
  headers: s.optional(s.record(s.text({ max: 8_192 }))),
  queue: s.optional(s.pattern(/^[a-z0-9][a-z0-9_.:-]{0,199}$/, 'Must be a queue.')),
  max_attempts: s.optional(s.int({ min: 1, max: 1_000 })),
  timeout_seconds: s.optional(seconds(3_600)),
  callback_timeout_seconds: s.optional(seconds(31_622_400)),
  sign_v1: s.optional(s.boolean()),
})
const List = s.array(Declared, { max: 500 })

/** What HTTP_KINDS_FILE declares; none without a file. Throws what is wrong with it as a sentence. */
export function httpKinds(house: HttpWorkerHouse, file: string | null): Kind[] {
  if (file === null) return []
  const fetch = egressFetch(house.door)
  return readKinds(file).map((one) => {
    const { kind, url, mode, headers, queue, timeout_seconds = 30, callback_timeout_seconds = 3_600 } = one
    // A minute more than the call may take, so that what it came to is still said by the attempt.
    const deadline = Math.max(300, timeout_seconds + 60) * 1_000
    return defineHttpKind(kind, {
      url,
      mode,
      headers,
      queue,
      maxAttempts: one.max_attempts,
      deadline,
      timeout: timeout_seconds * 1_000,
      callback: { timeout: callback_timeout_seconds * 1_000 },
      keys: house.keys,
      signV1: one.sign_v1,
      fetch,
      now: house.now,
      onGone: (gone) => house.pause(gone.kind, gone.url),
    })
  })
}

function readKinds(file: string) {
  // Headers may carry what the endpoint knows us by.
  const mode = statSync(file).mode & 0o777
  if (mode & 0o077)
    throw new QueueError('validation_failed', `${file} has mode ${mode.toString(8)}: others can reach it. Run chmod 600 on it.`)
  const read = List.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new QueueError(
    'validation_failed',
    `${file} is not a list of HTTP kinds: /${issue?.path.join('/') ?? ''} ${issue?.message ?? ''}`,
  )
}

const MOST_BYTES = 1_048_577
/** The dispatch brings its own limit of time. */
const LONGEST_MS = 3_600_000
const CAPS = { bodyBytes: MOST_BYTES, headersMs: LONGEST_MS, idleMs: LONGEST_MS, wholeMs: LONGEST_MS }
/** Responses that may have no body. */
const BARE = [204, 205, 304]

/** The door as the queue's `fetch`. */
export function egressFetch(door: Door): Fetch {
  return async (url, { headers, body, signal }, { tenantId }) => {
    const answer = await door.fetch({ tenantId, url, method: 'POST', headers, body, onLarge: 'cut', caps: CAPS, signal })
    if ('failed' in answer) {
      if (answer.failed === 'url_not_allowed') throw new DispatchRefused('this address may not be called from here')
      throw new Error(answer.failed)
    }
    const { status } = answer
    const shown = status >= 400 ? scrubText(answer.body.toString('utf8')) : new Uint8Array(answer.body)
    const [retryAfter] = [answer.headers['retry-after']].flat()
    return new Response(BARE.includes(status) ? null : shown, {
      status,
      headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
    })
  }
}
