// Requests over kept TLS connections, straight or through a tunnel: the same client for everybody that is compared.
import { connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'

export type Way = { host: string; upstream: number; ca: string; proxy?: { port: number; token: string } }

export async function reach({ host, upstream, ca, proxy }: Way): Promise<Socket> {
  const socket = netConnect({ host: '127.0.0.1', port: proxy?.port ?? upstream })
  socket.setNoDelay(true)
  if (proxy) await tunnel(socket, `${host}:${upstream}`, proxy.token)
  return new Promise((resolve, reject) => {
    const secure = tlsConnect({ socket, ca, servername: host, ALPNProtocols: ['http/1.1'] }, () => resolve(secure))
    secure.once('error', reject)
  })
}

function tunnel(socket: Socket, to: string, token: string): Promise<void> {
  const shown = Buffer.from(`run:${token}`).toString('base64')
  socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\nProxy-Authorization: Basic ${shown}\r\n\r\n`)
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', (chunk: Buffer) => {
      const line = chunk.toString('latin1').split('\r\n', 1)[0] as string
      if (line.includes(' 200 ')) resolve()
      else reject(new Error(`The proxy said: ${line}`))
    })
  })
}

/** So many connections, one request after the other on each, for so long: the milliseconds of each. */
export async function load(way: Way, connections: number, ms: number): Promise<number[]> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => reach(way)))
  const until = performance.now() + ms
  const took: number[] = []
  await Promise.all(sockets.map((socket) => talk(socket, way, until, took)))
  return took
}

function talk(socket: Socket, { host, upstream }: Way, until: number, took: number[]): Promise<void> {
  const request = `GET /v1/things?page=1 HTTP/1.1\r\nHost: ${host}:${upstream}\r\nAccept: application/json\r\nUser-Agent: bench/1\r\n\r\n`
  return new Promise((resolve, reject) => {
    let began = 0
    let text = ''
    const send = () => {
      began = performance.now()
      if (began >= until) {
        socket.removeAllListeners()
        socket.on('error', () => undefined)
        socket.destroy()
        return resolve()
      }
      socket.write(request)
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
      if (text.length < end + 4 + length) return
      const status = text.slice(9, 12)
      // A machine that stood still for a second makes the proxy refuse for a moment, as it should: such an answer counts as none.
      if (status === '503') {
        text = ''
        return void setTimeout(send, 50)
      }
      if (status !== '200') return reject(new Error(text))
      text = ''
      took.push(performance.now() - began)
      send()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The connection was closed.')))
    send()
  })
}
