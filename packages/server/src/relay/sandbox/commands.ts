// Commands that start a thread as they are pasted (relay.md R3): by curl, by this product's own commands, and by the official A2A client. They hold the token, so that they are shown
// wherever it is and nowhere else.
export type Commands = { curl: string; cli: string; a2a: string }

/** Without a quotation mark of any shell. */
const HELLO = 'echo hello'

export const commandsFor = (origin: string, slug: string, token: string): Commands => ({
  curl: curlFor(origin, slug, token),
  cli: `COUNTERSIGN_URL=${origin} COUNTERSIGN_KEY=${token} npx countersign relay start ${slug} "${HELLO}" --wait 10`,
  a2a: a2aFor(origin, slug, token),
})

export const curlFor = (origin: string, slug: string, token: string): string =>
  [
    `curl -sS ${origin}/api/v1/agents/${slug}/threads`,
    `-H 'Authorization: Bearer ${token}'`,
    `-H 'Content-Type: application/json'`,
    `-d '${JSON.stringify({ text: HELLO, sync: { wait_ms: 10_000 } })}'`,
  ].join(' ')

/** A module of JavaScript: `npm install @a2a-js/sdk`, then `node try.mjs`. */
const a2aFor = (origin: string, slug: string, token: string): string => `import { SendMessageRequest } from '@a2a-js/sdk'
import { ClientFactory, ClientFactoryOptions, JsonRpcTransportFactory } from '@a2a-js/sdk/client'

const fetchImpl = (url, init) => {
  const headers = new Headers(init?.headers)
  headers.set('Authorization', 'Bearer ${token}')
  return globalThis.fetch(url, { ...init, headers })
}
const transports = [new JsonRpcTransportFactory({ fetchImpl })]
const client = await new ClientFactory({ ...ClientFactoryOptions.default, transports }).createFromUrl('${origin}/agents/${slug}/')
const message = { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text: '${HELLO}' }] }
const task = await client.sendMessage(SendMessageRequest.fromJSON({ message }))
console.log(task.status.message.parts[0].content.value)
`
