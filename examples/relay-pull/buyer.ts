// The caller's agent: buys a lamp, and pays no more than it was told. It follows the thread by its events, which come once and in order whatever breaks in between.
import { relay } from '@countersign/sdk'

const { COUNTERSIGN_URL: url, RELAY_TOKEN: token, AGENT: agent = 'lamp-shop' } = process.env
const most = Number(process.argv[2] ?? 80)

const calls = relay(url, token)
let offer = Math.round(most / 2)
const { thread_id: id } = await calls.start(
  agent,
  { data: { offer }, want_thread_token: true },
  { idempotencyKey: process.argv[3] },
)

let asked: number | null = null
for await (const event of calls.events(id)) {
  if (event.type !== 'thread.waiting_caller') continue
  for await (const message of calls.messages(id)) {
    const said = message.side === 'owner' ? (message.parts?.[0]?.data as { ask?: number } | undefined) : undefined
    if (typeof said?.ask === 'number') asked = said.ask
  }
  if (asked === null) break
  console.log(`offered ${offer}, they ask ${asked}`)
  if (offer === most) {
    await calls.close(id, { reason: 'too expensive' })
    break
  }
  offer = Math.min(asked, most)
  await calls.send(id, { data: { offer } })
}

const [invoice] = await calls.artifacts(id)
const { state } = await calls.read(id)
console.log(invoice ? `bought: ${JSON.stringify(invoice.parts[0]?.data)}` : `not bought: ${state}`)
