// A receiver of webhooks: whatever is posted to it is kept with its headers and with what verifying its signature says, by the SDK's own verifier and the secrets that this
// installation signs with. It answers 204 and does nothing else.
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { verifyWebhook, WebhookRefused } from '@countersign/sdk'
import { MOST_KEPT } from './mail.ts'
import { listenOn, type Party } from './party.ts'

export type ReceivedWebhook = {
  id: string
  at: string
  path: string
  headers: Record<string, string>
  body: string
  /** `mode`: how it was signed, where the signature holds; else why it does not. */
  signature: { holds: true; mode: string } | { holds: false; why: string }
}

export type WebhookParty = Party & { url: string; got: ReceivedWebhook[] }

/** What deliveries to a path are signed with. */
type Secrets = (path: string) => Promise<string[]>

/** Where the endpoint of all events posts to. */
export const EVENTS_PATH = '/events'

const SHOWN = /^(?:content-type|user-agent|webhook-|x-|countersign-)/
const MOST_BYTES = 5 * 1_048_576

export async function openWebhookParty(port: number, now: () => Date, secrets: Secrets): Promise<WebhookParty> {
  const got: ReceivedWebhook[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MOST_BYTES) incoming.destroy()
      else chunks.push(chunk)
    })
    incoming.on('end', () => {
      const body = Buffer.concat(chunks)
      const headers = shownOf(incoming.headers)
      void judge(headers, body, now, () => secrets(incoming.url ?? '/')).then((signature) => {
        const at = now().toISOString()
        got.unshift({ id: crypto.randomUUID(), at, path: incoming.url ?? '/', headers, body: body.toString('utf8'), signature })
        got.splice(MOST_KEPT)
        outgoing.writeHead(204).end()
      })
    })
  })
  const party = await listenOn(server, port)
  return Object.assign(party, { url: `http://127.0.0.1:${party.port}`, got })
}

const shownOf = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (SHOWN.test(name) && value !== undefined ? [[name, String(value)]] : [])),
  )

async function judge(
  headers: Record<string, string>,
  body: Buffer,
  now: () => Date,
  secrets: () => Promise<string[]>,
): Promise<ReceivedWebhook['signature']> {
  try {
    return { holds: true, mode: (await verifyWebhook({ headers, body, now, secrets: await secrets() })).mode }
  } catch (error) {
    if (error instanceof WebhookRefused) return { holds: false, why: error.message }
    return { holds: false, why: 'It could not be checked.' }
  }
}
