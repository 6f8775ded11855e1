// Jobs that run behind an HTTP address (Q103): a kind whose handler posts the job, signed, and takes the status for the outcome. An asynchronous
// endpoint answers later, by the job's callback; a synchronous one with its answer. Never follows a redirect, and opens no connection but by the
// `fetch` it is handed.
import { fixedKeys, type KeySource, signingKey } from './callback-keys.ts'
import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import { storableText } from './json.ts'
import { type CallbackOptions, type Context, defineKind, type Job, type Kind, type KindOptions } from './kind.ts'
import { discard, type Outcome, park, retry, snooze } from './outcome.ts'
import { AWA_SIGNATURE_HEADER, type CallbackKey, SIGNATURE_HEADER, signAwa, signCallback } from './signature.ts'

/** This package's, as a test holds it against package.json. */
export const VERSION = '0.1.0'

/** The platform's `fetch`, or one that refuses where it may not go by throwing `DispatchRefused`. */
export type Fetch = (
  url: string,
  init: { method: 'POST'; headers: Record<string, string>; body: string; redirect: 'manual'; signal: AbortSignal },
  job: { id: string; tenantId: string },
) => Promise<Response>

/** This address may not be called, now or later: the job is a dead letter at once. */
export class DispatchRefused extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DispatchRefused'
  }
}

export type HttpKindOptions<In, Out> = Omit<KindOptions<In, Out>, 'run' | 'batch' | 'isolate'> & {
  /** http or https, without credentials; or a function of the job. */
  url: string | ((job: Job<Out>) => string)
  headers?: Record<string, string> | ((job: Job<Out>) => Record<string, string>)
  /** async (default): 2xx means accepted, and the callback ends the job. sync: 2xx means done, and a JSON body is the output. */
  mode?: 'async' | 'sync'
  /** How long an answer may take; default 30s. */
  timeout?: Duration
  /** Of an asynchronous endpoint: how long its answer may take (1h), and what it means. */
  callback?: CallbackOptions
  /** Signs the dispatch: the first key that is live. */
  keys?: readonly CallbackKey[] | KeySource
  /** Also sends X-Awa-Signature over the callback's id, for receivers of awa. */
  signV1?: boolean
  fetch?: Fetch
  now?: () => Date
  /**
   * The endpoint said 410: it is gone for good. Pause the kind here, so that every process stops calling it. Without this, only this process
   * stops, and puts jobs for that URL off until it starts again.
   */
  onGone?(gone: { kind: string; url: string }): unknown
}

const GONE_FOR = '10m'
const LONGEST_WAIT = 86_400_000
const MOST_OUTPUT = 1_048_576
const EXCERPT = 1_024

/**
 * Declares a kind that an endpoint works.
 * @example
 * const render = defineHttpKind('pdf.render', { url: 'https://pdf.example.com/render', keys, onGone: ({ kind }) => queue.pause({ kind }) })
 */
export function defineHttpKind<In = unknown, Out = In>(name: string, options: HttpKindOptions<In, Out>): Kind<In, Out> {
  const { url, headers, mode = 'async', timeout, callback, keys, signV1, fetch, now, onGone, ...settings } = options
  if (mode !== 'async' && mode !== 'sync') throw QueueError.invalid('/mode', 'is async or sync')
  if (typeof url === 'string' && !isCallable(url))
    throw QueueError.invalid('/url', 'an endpoint is an http or https URL without credentials')
  const work: HttpWork<Out> = {
    name,
    url,
    headers: headers ?? {},
    mode,
    timeoutMs: milliseconds(timeout ?? '30s', '/timeout'),
    callback: { timeout: '1h', ...callback },
    source: keys === undefined ? null : 'read' in keys ? keys : fixedKeys(keys),
    signV1: signV1 === true,
    fetch: fetch ?? globalThis.fetch,
    now: now ?? (() => new Date()),
    onGone,
    gone: new Set(),
  }
  return defineKind<In, Out>(name, { ...settings, run: (job, ctx) => dispatch(work, job, ctx) })
}

type HttpWork<Out> = {
  name: string
  url: string | ((job: Job<Out>) => string)
  headers: Record<string, string> | ((job: Job<Out>) => Record<string, string>)
  mode: 'async' | 'sync'
  timeoutMs: number
  callback: CallbackOptions
  source: KeySource | null
  signV1: boolean
  fetch: Fetch
  now: () => Date
  onGone: ((gone: { kind: string; url: string }) => unknown) | undefined
  gone: Set<string>
}

function isCallable(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}

async function dispatch<Out>(work: HttpWork<Out>, job: Job<Out>, ctx: Context): Promise<unknown | Outcome> {
  const url = typeof work.url === 'string' ? work.url : work.url(job)
  if (!isCallable(url)) return discard('the endpoint of this job is not an http or https URL without credentials')
  if (work.gone.has(url)) return snooze(GONE_FOR)
  const callback = work.mode === 'async' ? await ctx.callback('http', work.callback) : null
  // It may have been answered since an attempt before this one, which then must not dispatch again.
  if (callback?.resolved) return callback.payload
  if (callback && callback.state !== 'open') return park(callback)
  const body = JSON.stringify({
    job_id: job.id,
    kind: job.kind,
    payload: job.payload,
    args: job.payload,
    attempt: job.attempt,
    max_attempts: job.maxAttempts,
    lease: job.lease,
    deadline_at: job.deadlineAt?.toISOString() ?? null,
    ...(callback ? { callback_id: callback.id } : {}),
    ...(callback?.url ? { callback_url: callback.url } : {}),
  })
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(work.timeoutMs)])
  let response: Response
  try {
    const headers = await headersOf(work, job, body, callback?.id ?? null)
    response = await work.fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal }, job)
    if (response.ok && callback) {
      leave(response, ctx)
      return park(callback)
    }
    if (response.ok) return await outputOf(response)
  } catch (error) {
    // Asked to end: what that means is the worker's to say.
    if (ctx.signal.aborted) throw error
    if (error instanceof DispatchRefused) return discard(`the endpoint may not be called: ${error.message}`)
    if (error instanceof QueueError) throw error
    return retry({ error: signal.aborted ? 'the endpoint took too long' : 'the endpoint could not be reached' })
  }
  return refused(work, url, response, signal, ctx)
}

/** What the endpoint still says is not waited for. */
function leave(response: Response, ctx: Context): void {
  response.body?.cancel().catch((error: unknown) => ctx.log.debug({ err: error }, 'an answer broke off after its status'))
}

async function headersOf<Out>(
  work: HttpWork<Out>,
  job: Job<Out>,
  body: string,
  callbackId: string | null,
): Promise<Record<string, string>> {
  const given = typeof work.headers === 'function' ? work.headers(job) : work.headers
  const ours: Record<string, string> = { 'content-type': 'application/json', 'user-agent': `countersign-queue/${VERSION}` }
  if (work.source) {
    const known = await work.source.read()
    const key = signingKey(known, work.now())
    if (!key) throw new QueueError('signature_invalid', 'no key that is live could sign the dispatch')
    ours[SIGNATURE_HEADER.toLowerCase()] = await signCallback(key, { action: 'dispatch', subject: job.id, body }, work.now())
    const [awa] = known.awa
    if (work.signV1 && awa && callbackId) ours[AWA_SIGNATURE_HEADER.toLowerCase()] = signAwa(awa, callbackId)
  }
  return { ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value])), ...ours }
}

/** The JSON of the answer; no output when it is none. What is over the cap is given back as it is, for the engine to refuse. */
async function outputOf(response: Response): Promise<unknown> {
  const text = await readText(response, MOST_OUTPUT + 1)
  if (text.length > MOST_OUTPUT) return text
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

async function refused<Out>(
  work: HttpWork<Out>,
  url: string,
  response: Response,
  signal: AbortSignal,
  ctx: Context,
): Promise<Outcome> {
  const { status } = response
  // A redirect that a browser hides has status 0.
  if (status < 400) {
    leave(response, ctx)
    return discard(`the endpoint answered with a redirect (${status}), which is never followed`)
  }
  const said = await readText(response, EXCERPT).catch((error: unknown) => {
    if (signal.aborted) return ''
    throw error
  })
  const error = storableText(`the endpoint answered ${status}${said.trim() === '' ? '' : `: ${said.trim()}`}`)
  if (status >= 500 || status === 429 || status === 408) {
    const after = retryAfterMs(response.headers.get('retry-after'), work.now())
    return retry(after === null ? { error } : { error, after })
  }
  if (status === 410) {
    if (work.onGone) await work.onGone({ kind: work.name, url })
    else work.gone.add(url)
  }
  return discard(error)
}

/** Seconds, or an HTTP date (RFC 9110 §10.2.3); at most a day. Rubbish is no wish. */
export function retryAfterMs(header: string | null, now: Date): number | null {
  if (header === null) return null
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_WAIT)
  const at = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? null : Math.min(Math.max(at - now.getTime(), 0), LONGEST_WAIT)
}

/** At most so many bytes; the rest is not waited for. */
async function readText(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= most) break
  }
  return Buffer.concat(chunks).subarray(0, most).toString('utf8')
}
