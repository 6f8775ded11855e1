import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { answers } from './whoami.ts'

async function serverWith(status: number): Promise<{ url: string; close(): Promise<unknown> }> {
  const server = createServer((_, response) => response.writeHead(status, { 'proxy-authenticate': 'Basic realm="x"' }).end())
  await new Promise<void>((resume) => server.listen(0, '127.0.0.1', resume))
  const close = () => new Promise((done) => server.close(done))
  onTestFinished(() => void (server.listening && server.close()))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

test.each([200, 400, 407])('V125 a proxy that answers with %i is there', async (status) => {
  const { url } = await serverWith(status)
  expect(await answers(url)).toBe(true)
})

test('V125 a proxy that nobody listens for is not there', async () => {
  const { url, close } = await serverWith(200)
  await close()
  expect(await answers(url)).toBe(false)
})
