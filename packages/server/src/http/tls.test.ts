import { chmodSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { connect, type DetailedPeerCertificate, type SecureVersion, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { route, s } from './route.ts'
import { makeCertificate, type Pem, tlsFolder } from './testing/certificate.ts'
import { openDoor } from './testing/door.ts'
import { readCertificate, TlsRefused } from './tls.ts'

const hello = () => [
  route(
    'GET /hello',
    { summary: 'Hello', tag: 'notes', auth: 'none', bucket: 'none', answers: { 200: s.object({ hello: s.boolean() }) } },
    async () => ({ hello: true }),
  ),
]

async function openTls() {
  const first = await makeCertificate()
  const files = tlsFolder(first)
  const door = await openDoor(hello, { tls: files })
  return { ...door, first, files }
}

type Met = { socket: TLSSocket; protocol: string | null; serial: string }

/** A handshake as a strict client makes it: the chain is verified against `trusts`. */
function shake(
  port: number,
  trusts: Pem,
  versions: { minVersion?: SecureVersion; maxVersion?: SecureVersion } = {},
): Promise<Met> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: trusts.cert, ...versions }, () => {
      const { serialNumber } = socket.getPeerCertificate() as DetailedPeerCertificate
      resolve({ socket, protocol: socket.getProtocol(), serial: serialNumber })
    })
    onTestFinished(() => void socket.destroy())
    socket.on('error', reject)
  })
}

/** One request over a socket that is there already. */
function ask(socket: TLSSocket, port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const more = (chunk: Buffer) => {
      text += chunk
      if (!text.includes('{"hello":true}')) return
      socket.off('data', more)
      resolve(text)
    }
    socket.on('data', more)
    socket.write(`GET /api/v1/hello HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`)
  })
}

test('P140 P134 built-in TLS speaks 1.3 and refuses 1.2; its address is https and HSTS is on', async () => {
  const { port, url, app, first } = await openTls()
  expect(url).toBe(`https://127.0.0.1:${port}`)
  expect(app.origin()).toBe(url)
  expect(await shake(port, first)).toMatchObject({ protocol: 'TLSv1.3', serial: first.serial })
  await expect(shake(port, first, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
    code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  })
  const answer = await new Promise<{ status?: number; hsts?: string }>((resolve, reject) =>
    httpsRequest({ port, host: 'localhost', path: '/api/v1/hello', ca: first.cert, agent: false }, (got) => {
      got.resume()
      got.on('end', () => resolve({ status: got.statusCode, hsts: got.headers['strict-transport-security'] }))
    })
      .on('error', reject)
      .end(),
  )
  expect(answer).toEqual({ status: 200, hsts: 'max-age=31536000; includeSubDomains' })
})

test('P140 a renewed certificate is served to new connections without a restart, and existing ones go on', async () => {
  const { port, first, files, clock, logs } = await openTls()
  const before = await shake(port, first)
  expect(await ask(before.socket, port)).toContain('200')
  const second = await makeCertificate()
  files.write(second)
  await clock.advance('5s')
  expect((await shake(port, second)).serial).toBe(second.serial)
  await expect(shake(port, first)).rejects.toThrow()
  await expect(shake(port, second, { maxVersion: 'TLSv1.2' })).rejects.toMatchObject({
    code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  })
  expect(await ask(before.socket, port)).toContain('200')
  expect(logs.join()).toContain('a new TLS certificate is served')
})

test('P140 files that do not work keep the old certificate and are said once; mended, they are served', async () => {
  const { port, first, files, clock, logs } = await openTls()
  const complaints = () => logs.filter((line) => line.includes('cannot be used; the old certificate stays')).length
  const second = await makeCertificate()
  const broken: Pick<Pem, 'cert' | 'key'>[] = [
    { cert: 'half a certif', key: first.key },
    { cert: second.cert, key: first.key },
    { cert: '', key: '' },
  ]
  for (const [n, pair] of broken.entries()) {
    files.write(pair)
    await clock.advance('5s')
    await clock.advance('5s')
    expect((await shake(port, first)).serial).toBe(first.serial)
    expect(complaints(), `broken pair ${n}`).toBeGreaterThan(n === 0 ? 0 : 1)
    expect(complaints()).toBeLessThanOrEqual(n + 1)
  }
  files.write(second)
  chmodSync(files.keyFile, 0o644)
  await clock.advance('5s')
  expect((await shake(port, first)).serial).toBe(first.serial)
  expect(logs.at(-1)).toContain('others can reach it')
  expect(logs.join()).not.toContain('PRIVATE KEY')
  chmodSync(files.keyFile, 0o600)
  await clock.advance('5s')
  expect((await shake(port, second)).serial).toBe(second.serial)
})

test('P140 a server does not start with a key that others can read, a missing file, or files that do not belong together', async () => {
  const one = await makeCertificate()
  const files = tlsFolder(one)
  const why = () => {
    try {
      return readCertificate(files).cert.length
    } catch (error) {
      if (error instanceof TlsRefused) return error.message
      throw error
    }
  }
  expect(why()).toBe(one.cert.length)
  for (const mode of [0o644, 0o640, 0o604]) {
    chmodSync(files.keyFile, mode)
    expect(why()).toContain(`has mode ${mode.toString(8)}: others can reach it. Run chmod 600`)
  }
  files.write({ cert: one.cert, key: (await makeCertificate()).key })
  expect(why()).toContain('are not a PEM certificate and its key')
  await expect(openDoor(hello, { tls: files })).rejects.toBeInstanceOf(TlsRefused)
  expect(() => readCertificate({ ...files, certFile: `${files.certFile}.gone` })).toThrow('cannot be read (ENOENT)')
})

test('P140 what does not speak TLS gets no answer, and neither it nor a handshake half done holds up the end', async () => {
  const { port, close } = await openTls()
  const plain = await new Promise<string>((resolve) => {
    const socket = connectPlain(port, '127.0.0.1', () => socket.write('GET /api/v1/hello HTTP/1.1\r\nHost: x\r\n\r\n'))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
  expect(plain).not.toContain('HTTP/1.1')
  const idle = connectPlain(port, '127.0.0.1')
  const ended = new Promise<void>((resolve) => idle.on('close', () => resolve()))
  idle.on('error', () => undefined)
  await new Promise<void>((resolve) => idle.on('connect', () => resolve()))
  await Promise.all([close(), ended])
})
