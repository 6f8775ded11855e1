// The SDK's client of an agent that answers elsewhere, over our own door (relay.md R44, R116): each request passes the guard, goes to one origin and follows no redirect, and the
// owner's credentials are added on the way out, for the declared origin alone. Never carries a credential of a caller. `wire` says of the last request how far it came.
import { Readable } from 'node:stream'
import { AgentCard } from '@a2a-js/sdk'
import { type Client, ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client'
import { noTimings, type Timings } from '../../../egress/timing.ts'
import type { DeliveryHouse } from '../house.ts'
import { interfacesOf } from './card.ts'
import type { UpstreamRow } from './sql.ts'

/** `wasWritten`: something of the request may have arrived. */
export type Wire = { status: number | null; retryAfter: string | null; wasWritten(): boolean }
export type Opened = { client: Client; wire: Wire; isStreaming: boolean }

/** Of one answer, streams included. */
const ANSWER_BYTES = 16_777_216
const HEADERS_MS = 30_000
/** Of one tenant to one agent: each stream that is open has one to itself, so that whoever works long keeps nobody else waiting. */
const MOST_CONNECTIONS = 256
/** A stream says something at least so often, a comment if nothing else, or it is taken for dead. */
const IDLE_MS = 90_000

/** Why a request could not be made, or came to nothing; the class alone. */
export class Unreached extends Error {
  readonly failed: string
  constructor(failed: string) {
    super(failed)
    this.name = 'Unreached'
    this.failed = failed
  }
}

export async function openClient(house: DeliveryHouse, tenantId: string, upstream: UpstreamRow): Promise<Opened> {
  const wire = { status: null as number | null, retryAfter: null as string | null, timings: noTimings() as Timings }
  const fetchImpl = (async (input: string | URL | Request, init: RequestInit = {}) => {
    const url = String(input)
    wire.status = null
    wire.retryAfter = null
    wire.timings = noTimings()
    const answer = await house.door.stream({
      tenantId,
      url,
      method: init.method === 'GET' ? 'GET' : 'POST',
      headers: { ...namesOf(init.headers), ...(await opensOf(house, tenantId, upstream, url)) },
      ...(typeof init.body === 'string' ? { body: Buffer.from(init.body) } : {}),
      timings: wire.timings,
      pool: { name: 'relay', connections: MOST_CONNECTIONS },
      caps: { headersMs: HEADERS_MS, idleMs: IDLE_MS, bodyBytes: ANSWER_BYTES },
      ...(init.signal ? { signal: init.signal } : {}),
    })
    if ('failed' in answer) throw new Unreached(answer.failed)
    wire.status = answer.status
    wire.retryAfter = [answer.headers['retry-after']].flat()[0] ?? null
    return responseOf(answer)
  }) as typeof fetch
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
    clientConfig: { polling: true },
  })
  const card = AgentCard.fromJSON(upstream.card)
  const client = await factory.createFromAgentCard({ ...card, supportedInterfaces: interfacesOf(upstream.card) })
  return {
    client,
    wire: {
      get status() {
        return wire.status
      },
      get retryAfter() {
        return wire.retryAfter
      },
      wasWritten: () => wire.timings.address !== null,
    },
    isStreaming: card.capabilities?.streaming === true,
  }
}

/** The owner declared one origin; what lies elsewhere is called without. */
async function opensOf(house: DeliveryHouse, tenantId: string, upstream: UpstreamRow, url: string) {
  const { connection_id, origin } = upstream
  if (connection_id === null || new URL(url).origin !== origin) return {}
  const opens = await house.credentialFor(tenantId, connection_id, origin)
  if (!opens) throw new Unreached('no_credential')
  return opens
}

const namesOf = (headers: RequestInit['headers']): Record<string, string> => Object.fromEntries(new Headers(headers ?? {}))

const WITHOUT_BODY = [204, 205, 304]

function responseOf({ status, headers, body }: { status: number; headers: object; body: AsyncIterable<Buffer> }): Response {
  const named = new Headers()
  for (const [name, value] of Object.entries(headers) as [string, string | string[] | undefined][])
    for (const one of [value ?? []].flat()) named.append(name, one)
  return new Response(WITHOUT_BODY.includes(status) ? null : (Readable.toWeb(Readable.from(body)) as never), {
    status,
    headers: named,
  })
}
