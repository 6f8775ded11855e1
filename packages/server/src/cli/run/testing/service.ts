// A service on loopback that clients of a run call by its name over TLS: it writes down what it was shown, and keeps git repositories behind the same door, through
// git's own CGI. Its authority is of this test and trusted by the proxy alone.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { makeAuthority } from '../../../proxy/testing/authority.ts'

export type Service = {
  port: number
  /** Whose certificates its clients have to trust. */
  ca: string
  seen: { method: string; url: string; authorization: string | undefined }[]
}

export async function openService(host: string, folder: string): Promise<Service> {
  const origin = await makeAuthority('aut_origin')
  const seen: Service['seen'] = []
  const server = createServer(await origin.issue([host]), (request, answer) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, url, authorization: headers.authorization })
    if (url.startsWith('/git/')) return git(folder, request, answer)
    request.resume()
    request.on('end', () => answer.setHeader('content-type', 'text/plain').end(`${method} ${url}`))
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return { port: (server.address() as AddressInfo).port, ca: origin.certificate, seen }
}

/** An empty repository under `/git/<name>` that may be pushed to. */
export function makeRepository(folder: string, name: string): void {
  const path = join(folder, 'git', name)
  mkdirSync(path, { recursive: true })
  for (const words of [
    ['init', '-q', '--bare', '-b', 'main', path],
    ['-C', path, 'config', 'http.receivepack', 'true'],
  ]) {
    const { status, stderr } = spawnSync('git', words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`)
  }
}

/** RFC 3875 as git wants it: the head of the answer is written by the program. */
function git(folder: string, request: IncomingMessage, answer: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'https://any')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH ?? '',
      GIT_PROJECT_ROOT: join(folder, 'git'),
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: pathname.slice('/git'.length),
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'agent',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  request.pipe(child.stdin)
  const parts: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => parts.push(chunk))
  child.on('close', () => {
    const all = Buffer.concat(parts)
    const at = all.indexOf('\r\n\r\n')
    for (const line of all.subarray(0, at).toString('latin1').split('\r\n')) {
      const [name = '', value = ''] = line.split(/: (.*)/)
      if (name.toLowerCase() === 'status') answer.statusCode = Number(value.slice(0, 3))
      else answer.setHeader(name, value)
    }
    answer.end(all.subarray(at + 4))
  })
}
