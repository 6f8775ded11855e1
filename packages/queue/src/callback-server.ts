// The receiver on a listener of its own (Q135): the three routes and nothing else, for a login that may do nothing else. Refuses to start where
// everybody could end jobs, or where nothing could be written. Serves no page, no admin route and no CORS, and opens no connection but the database's.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { QueueError } from './error.ts'
import { type CallbackQueue, hasKey, nodeCallbackHandler, type ReceiverOptions } from './receiver.ts'
import { isReadOnly } from './sql.ts'

export type CallbackServerOptions = ReceiverOptions & {
  /** default 127.0.0.1 */
  host?: string
  /** 0: any that is free */
  port?: number
}

const PRIVATE = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|localhost$|f[cd][0-9a-f]{2}:)/i

/**
 * Listens for answers to callbacks.
 * @example
 * const queue = createQueue({ database: { url }, listen: false }) // as a member of countersign_callback
 * const server = await serveCallbacks(queue, { keys: openKeyFile('/run/secrets/callback-keys.json'), port: 3002 })
 */
export async function serveCallbacks(
  queue: CallbackQueue,
  options: CallbackServerOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const { host = '127.0.0.1', port = 0, allowUnsigned = false } = options
  if (allowUnsigned && !PRIVATE.test(host))
    throw QueueError.invalid('/host', `unsigned callbacks may only be received at a private address, which ${host} is not`)
  if (!allowUnsigned && !(await hasKey(options)))
    throw QueueError.invalid('/keys', 'a receiver needs at least one key; without any, everybody could end jobs')
  const handler = nodeCallbackHandler(queue, options)
  if (await isReadOnly(queue.house.store))
    throw new QueueError('validation_failed', 'the database is read-only: no callback could be stored')
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 72_000, maxHeaderSize: 16_384 },
    handler,
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = (server.address() as AddressInfo).port // it listens on TCP, so it is one
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}
