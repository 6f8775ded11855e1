// The upstream of the proxy's benchmark, a process of its own: TLS, keep-alive, one KiB of JSON.
import { createServer } from 'node:https'

process.on('message', ({ cert, key }: { cert: string; key: string }) => {
  const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(1_024 - 11) }))
  const server = createServer({ cert, key, keepAliveTimeout: 60_000 }, (_, answer) => {
    answer.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    answer.end(body)
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
})
