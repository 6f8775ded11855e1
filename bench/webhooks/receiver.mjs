// A receiver in a thread of its own: /ok answers, /hang never does. Says its port once, and each arrival by its webhook-id and the clock of the machine.
import { createServer } from 'node:http'
import { parentPort } from 'node:worker_threads'

let arrivals = []
const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    arrivals.push([request.url, request.headers['webhook-id'], performance.timeOrigin + performance.now()])
    if (request.url.startsWith('/ok')) response.writeHead(204).end()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => parentPort.postMessage({ port: server.address().port }))
parentPort.on('message', () => {
  parentPort.postMessage({ arrivals })
  arrivals = []
})
