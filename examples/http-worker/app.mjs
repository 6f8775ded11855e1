// The side of the engine: a kind that an endpoint works, and the receiver where the endpoint answers. One key signs both ways.
import { CALLBACK_PREFIX, callbackUrl, createQueue, defineHttpKind, migrate, serveCallbacks } from '@countersign/queue'

const url = process.env.DATABASE_URL
const keys = [{ id: process.env.KEY_ID, secret: Buffer.from(process.env.KEY_SECRET, 'base64') }]
await migrate(url)

const renderPdf = defineHttpKind('pdf.render', { url: process.env.ENDPOINT, keys, callback: { timeout: '1h' } })
let receiver
const queue = createQueue({
  database: { url },
  kinds: [renderPdf],
  callbackUrl: (id) => callbackUrl(receiver.url, CALLBACK_PREFIX, id, 'complete'),
})
receiver = await serveCallbacks(queue, { keys })
const worker = queue.work()

const job = await queue.enqueue(renderPdf, { title: 'the terms' })
console.log(await queue.result(job, { timeout: '30s' }))

await worker.stop({ grace: '10s' })
await receiver.close()
await queue.close()
