// A provider on this machine that answers what a test says, in the form in which vendors document their answers, and writes down what it was asked.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export type Asked = { method: string; path: string; headers: IncomingHttpHeaders; body: string; form: Record<string, string> }
export type Says =
  | {
      status?: number
      headers?: Record<string, string>
      json?: unknown
      form?: Record<string, string>
      text?: string
      type?: string
    }
  | 'hang'
  | 'reset'
type Handler = Says | ((asked: Asked) => Says | Promise<Says>)

export type Vendor = {
  origin: string
  port: number
  asked: Asked[]
  /** Of one path, in order. */
  askedAt(path: string): Asked[]
  /** What stands at a path from now on; `DELETE /x` for one method alone. */
  at(path: string, says: Handler): void
  /** Refuses every connection until it is called again with false. */
  down(is: boolean): Promise<void>
}

export async function openVendor(paths: Record<string, Handler> = {}): Promise<Vendor> {
  const handlers = new Map(Object.entries(paths))
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let server: Server = createServer()
  const make = () =>
    createServer(async (request, answer) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks).toString()
      const path = (request.url ?? '').split('?')[0] ?? ''
      const form = Object.fromEntries(new URLSearchParams(body))
      const one: Asked = { method: request.method ?? '', path, headers: request.headers, body, form }
      asked.push(one)
      const found = handlers.get(`${one.method} ${path}`) ?? handlers.get(path) ?? { status: 404, json: { error: 'not_here' } }
      const says = typeof found === 'function' ? await found(one) : found
      if (says === 'hang') return
      if (says === 'reset') return void request.socket.destroy()
      const [type, text] =
        says.json !== undefined
          ? ['application/json', JSON.stringify(says.json)]
          : says.form !== undefined
            ? ['application/x-www-form-urlencoded', new URLSearchParams(says.form).toString()]
            : ['text/plain', says.text ?? '']
      answer.writeHead(says.status ?? 200, { 'content-type': says.type ?? type, ...says.headers }).end(text)
    }).on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    })
  const listen = async (port: number) => {
    server = make()
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  }
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await listen(0)
  onTestFinished(() => (server.listening ? close() : undefined))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    asked,
    askedAt: (path) => asked.filter((one) => one.path === path),
    at: (path, says) => void handlers.set(path, says),
    down: (is) => (is ? close() : listen(port)),
  }
}
