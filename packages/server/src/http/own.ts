// A route of another protocol (`RouteSpec.own`): it walks in an order of its own and answers whole. Here are the steps that it may take, each the same as on every other
// route; which of them it takes, and when, is its own affair. A cookie is never one of them.
import { Problem } from '@countersign/sdk'
import type { Answer } from './answer.ts'
import { readBytes } from './body.ts'
import type { Exchange } from './exchange.ts'
import { type Left, limitHeaders, type Want } from './limit.ts'
import { refuseOtherBody } from './proven.ts'
import type { STREAMED, Steps } from './route.ts'
import {
  authenticated,
  type Entry,
  entered,
  type Gathered,
  ownKey,
  requestSignal,
  type Service,
  streamed,
  takerOf,
} from './serve.ts'

export async function serveOwn(
  service: Service,
  entry: Entry,
  exchange: Exchange,
  params: Record<string, string>,
  gathered: Gathered,
): Promise<Answer | typeof STREAMED> {
  const { own } = entry.route.spec
  if (!own) throw new TypeError(`${entry.route.path} takes no steps of its own.`)
  const signals = requestSignal(service, exchange)
  const steps: Steps = {
    params,
    request: exchange,
    all: exchange.all,
    get signal() {
      return signals.open()
    },
    refuseLarge(maxBytes) {
      if (Number(exchange.header('content-length') ?? 0) > maxBytes) throw new Problem('body_too_large', { max_bytes: maxBytes })
    },
    async who() {
      const shown: Exchange = Object.create(exchange, { cookie: { value: () => undefined } })
      const asker = await authenticated(service, entry, shown)
      gathered.scope = asker
      const scope = await entered(entry, asker, params, shown)
      gathered.scope = scope
      if (scope.proof?.nonce) gathered.headers['DPoP-Nonce'] = scope.proof.nonce
      return scope
    },
    async count(scope, cost, bucket) {
      const wants: Want[] = [
        { bucket: 'api.key', key: scope.principal, cost },
        { bucket: 'api.tenant', key: scope.tenantId, cost },
        ...(bucket ? [{ bucket, key: ownKey(bucket, scope) }] : []),
      ]
      const lefts: Left[] = await takerOf(service, entry)(...wants)
      Object.assign(gathered.headers, limitHeaders(lefts))
    },
    async read(scope, maxBytes) {
      const bytes = await readBytes(exchange, maxBytes)
      refuseOtherBody(scope.proof, exchange.header('content-digest'), bytes)
      return bytes
    },
    stream(scope, headers, open) {
      Object.assign(gathered.headers, headers)
      return streamed({ service, scope, exchange, gathered, entry }, signals.open(), open, true)
    },
  }
  try {
    return await own(steps)
  } finally {
    signals.close()
  }
}
