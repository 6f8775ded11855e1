// Runs orders.sql statement by statement as any client would, then works what it enqueued.
import { readFileSync } from 'node:fs'
import { createQueue, defineKind, migrate } from '@countersign/queue'
import pg from 'pg'

const url = process.env.DATABASE_URL
await migrate(url)
const client = new pg.Client({ connectionString: url })
await client.connect()
await client.query(readFileSync(new URL('orders.sql', import.meta.url), 'utf8'))
await client.end()

const told = []
const tell = (name) => defineKind(name, { run: ({ payload }) => void told.push(`${name} ${payload.item ?? payload.order_id}`) })
const queue = createQueue({ database: { url }, kinds: [tell('order.confirm'), tell('order.audit'), tell('newsletter.send')] })
const worker = queue.work({ queues: ['mail', 'audit'] })
while (told.length < 4) await new Promise((resume) => setTimeout(resume, 10))
await worker.stop({ grace: '10s' })

for (const line of told.sort()) console.log(line)
const { queues } = await queue.counts()
console.log(`scheduled for tomorrow: ${queues.mail?.scheduled}`)
await queue.close()
