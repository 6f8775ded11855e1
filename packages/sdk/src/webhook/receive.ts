// Handlers that receive deliveries: they read the raw body within its cap, verify it, run the given function and answer so that a sender
// knows whether to come again. 400: not one of ours, 401: not to be trusted, 413: too large, 200: taken, 500: please repeat.

import { type VerifiedWebhook, type VerifyOptions, verifyWebhook, WebhookRefused } from './verify.ts'

/** How to receive deliveries. */
export type ReceiveOptions = Omit<VerifyOptions, 'headers' | 'body'> & {
  /** Runs for every proved delivery. What it throws makes the sender repeat the delivery. */
  onDelivery: (delivery: VerifiedWebhook) => unknown
  /** Default 1 MiB. */
  maxBytes?: number
}

type Answer = { status: 200 | 400 | 401 | 413 | 500; text: string }

/** A request as `node:http` and Express give it. */
export type NodeRequest = AsyncIterable<Uint8Array | string> & {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined }
  readonly body?: unknown
}

/** A response as `node:http` and Express give it. */
export type NodeResponse = { statusCode: number; setHeader(name: string, value: string): unknown; end(text: string): unknown }

const MAX_BYTES = 1_048_576

/**
 * A handler for everything that speaks Fetch: Cloudflare, Deno, Bun, Next.js.
 *
 * @example
 * ```ts
 * import { webhookFetchHandler } from '@countersign/sdk'
 * export default {
 *   fetch: webhookFetchHandler({ secrets: process.env.WEBHOOK_SECRET as string, onDelivery: ({ json }) => console.log(json()) }),
 * }
 * ```
 */
export function webhookFetchHandler(options: ReceiveOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const { status, text } = await receive(options, request.headers, () => readStream(request.body ?? [], options.maxBytes))
    return new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })
  }
}

/**
 * A handler for Hono.
 *
 * @example
 * ```ts
 * import { webhookHonoHandler } from '@countersign/sdk'
 * const handler = webhookHonoHandler({ secrets: process.env.WEBHOOK_SECRET as string, onDelivery: ({ json }) => console.log(json()) })
 * // app.post('/webhooks', handler)
 * ```
 */
export function webhookHonoHandler(
  options: ReceiveOptions,
): (context: { readonly req: { readonly raw: Request } }) => Promise<Response> {
  const handler = webhookFetchHandler(options)
  return ({ req }) => handler(req.raw)
}

/**
 * A handler for `node:http`.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { webhookNodeHandler } from '@countersign/sdk'
 * const handler = webhookNodeHandler({ secrets: process.env.WEBHOOK_SECRET as string, onDelivery: ({ json }) => console.log(json()) })
 * createServer(handler).listen(8080)
 * ```
 */
export function webhookNodeHandler(options: ReceiveOptions): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => {
    const { status, text } = await receive(options, request.headers, () => readNode(request, options.maxBytes))
    response.statusCode = status
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(text)
  }
}

/**
 * A handler for Express. Mount it before a JSON parser, or behind `express.raw({ type: '*' + '/*' })`: the signature is over the bytes.
 *
 * @example
 * ```ts
 * import { webhookExpressHandler } from '@countersign/sdk'
 * const handler = webhookExpressHandler({ secrets: process.env.WEBHOOK_SECRET as string, onDelivery: ({ json }) => console.log(json()) })
 * // app.post('/webhooks', handler)
 * ```
 */
export function webhookExpressHandler(options: ReceiveOptions): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return webhookNodeHandler(options)
}

async function receive(
  options: ReceiveOptions,
  headers: VerifyOptions['headers'],
  read: () => Promise<Uint8Array | null>,
): Promise<Answer> {
  let delivery: VerifiedWebhook
  try {
    const body = await read()
    if (!body) return { status: 413, text: 'too large' }
    delivery = await verifyWebhook({ ...options, headers, body })
  } catch (error) {
    if (!(error instanceof WebhookRefused)) return notHandled(error)
    if (error.reason === 'replayed') return { status: 200, text: 'handled before' } // coming again would not help anybody
    return { status: error.reason === 'missing' || error.reason === 'malformed' ? 400 : 401, text: error.reason }
  }
  try {
    await options.onDelivery(delivery)
    return { status: 200, text: 'ok' }
  } catch (error) {
    return notHandled(error)
  }
}

/** The sender only needs to know that it should come again; the reason belongs into the receiver's own log. */
function notHandled(error: unknown): Answer {
  console.error('A webhook delivery was not handled:', error)
  return { status: 500, text: 'not handled' }
}

/** All bytes, or null when there are more than allowed. */
async function readStream(
  stream: AsyncIterable<Uint8Array | string> | Iterable<never> | ReadableStream<Uint8Array>,
  maxBytes = MAX_BYTES,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of iterate(stream)) {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
    size += bytes.length
    if (size > maxBytes) return null
    chunks.push(bytes)
  }
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

type Chunks = AsyncIterable<Uint8Array | string> | Iterable<never>

// Not every runtime can iterate a ReadableStream.
function iterate(stream: Chunks | ReadableStream<Uint8Array>): Chunks {
  return 'getReader' in stream ? readerChunks(stream.getReader()) : stream
}

async function* readerChunks(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined) // the sender may be gone, which is what cancelling wants
  }
}

async function readNode(request: NodeRequest, maxBytes = MAX_BYTES): Promise<Uint8Array | null> {
  const { body } = request
  if (body instanceof Uint8Array) return body.length > maxBytes ? null : body
  if (typeof body === 'string') return new TextEncoder().encode(body)
  if (body !== undefined) throw new TypeError('The body was parsed before it reached the webhook handler; give it the raw bytes')
  return readStream(request, maxBytes)
}
