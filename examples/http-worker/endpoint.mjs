// A worker in any language: an HTTP endpoint that takes signed jobs, answers 202 at once and sends the result later, signed. Nothing but the standard
// library, so that it reads the same in Python or Go.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const KEY = { id: process.env.KEY_ID, secret: Buffer.from(process.env.KEY_SECRET, 'base64') }

const sign = (kid, seconds, action, subject, body) => {
  const digest = createHash('sha256').update(body).digest('hex')
  const lines = ['countersign-callback-v2', kid, seconds, action, subject, digest]
  return createHmac('sha256', KEY.secret).update(lines.join('\n')).digest('hex')
}

/** Whether the engine sent this, within the last five minutes. */
function isGenuine(header, subject, body) {
  const [, kid, seconds, signature] = /^v2;kid=([\w-]+);t=(\d+);sig=([0-9a-f]{64})$/.exec(header ?? '') ?? []
  if (kid !== KEY.id || Math.abs(Date.now() / 1000 - seconds) > 300) return false
  return timingSafeEqual(Buffer.from(signature), Buffer.from(sign(kid, seconds, 'dispatch', subject, body)))
}

async function answer(url, payload) {
  const [id, action] = new URL(url).pathname.split('/').slice(-2)
  const body = JSON.stringify({ payload })
  const seconds = Math.floor(Date.now() / 1000)
  const signature = `v2;kid=${KEY.id};t=${seconds};sig=${sign(KEY.id, seconds, action, id, body)}`
  const headers = { 'content-type': 'application/json', 'countersign-callback-signature': signature }
  const { status } = await fetch(url, { method: 'POST', headers, body })
  console.log(`answered: ${status}`)
}

const server = createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const job = JSON.parse(body)
  if (!isGenuine(request.headers['countersign-callback-signature'], job.job_id, body)) return response.writeHead(401).end()
  response.writeHead(202).end()
  // The work, which may take an hour: the job waits, no worker is held.
  await answer(job.callback_url, { pages: 3, title: job.payload.title.toUpperCase() })
})
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () =>
  console.log(`listening on http://127.0.0.1:${server.address().port}/render`),
)
