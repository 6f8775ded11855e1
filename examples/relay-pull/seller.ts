// The owner's agent: sells lamps, from wherever it runs. It asks for its messages, so that nothing has to reach it. What it knows of a negotiation is in the thread, and nowhere else:
// kill it in the middle and start it again, and it goes on.
import { serveRelay } from '@countersign/sdk'

const { COUNTERSIGN_URL: url, COUNTERSIGN_KEY: key, AGENT: agent = 'lamp-shop' } = process.env

const LIST_PRICE = 100
/** What nobody is told. */
const LOWEST = 70

const worker = serveRelay({
  url,
  key,
  agent,
  concurrency: 4,
  async handler({ message, progress }) {
    const { offer } = (message.parts?.[0]?.data ?? {}) as { offer?: unknown }
    if (typeof offer !== 'number' || !(offer > 0)) return { outcome: 'ask', data: { ask: LIST_PRICE, say: 'What do you offer?' } }
    console.log(`offered ${offer}`)
    if (offer < LOWEST)
      return { outcome: 'ask', data: { ask: Math.max(LOWEST, Math.round((offer + LIST_PRICE) / 2)), say: 'Too little.' } }
    await progress(`writing the invoice over ${offer}`)
    const invoice = { artifact_id: 'invoice', name: 'Invoice', parts: [{ data: { item: 'lamp', price: offer } }] }
    return { outcome: 'completed', data: { sold: offer }, artifacts: [invoice] }
  },
  onError: (error) => console.error(error),
})
console.log('serving')
await worker.done
