// A counterpart of Vault's transit engine for tests, on loopback: the published shapes of encrypt and decrypt, real AES-256-GCM with associated data,
// versions of its own key, tokens and errors as Vault writes them.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export type TestTransit = {
  url: string
  host: string
  token: string
  asked: { path: string; body: Record<string, string> }[]
  /** Rotates the key there, as an operator of Vault does: what older versions sealed still opens. */
  rotate(): void
  setAway(away: boolean): void
}

export async function startTransit(): Promise<TestTransit> {
  const keys = [randomBytes(32)]
  const token = `hvs.${randomBytes(18).toString('base64url')}`
  const asked: TestTransit['asked'] = []
  let away = false
  const answer = (path: string, given: string | undefined, body: Record<string, string>): [number, unknown] => {
    if (given !== token) return [403, { errors: ['permission denied'] }]
    const aad = Buffer.from(body.associated_data ?? '', 'base64')
    if (path === '/v1/transit/encrypt/countersign') {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', keys.at(-1) as Buffer, nonce).setAAD(aad)
      const sealed = Buffer.concat([
        nonce,
        cipher.update(Buffer.from(body.plaintext ?? '', 'base64')),
        cipher.final(),
        cipher.getAuthTag(),
      ])
      return [200, { data: { ciphertext: `vault:v${keys.length}:${sealed.toString('base64')}`, key_version: keys.length } }]
    }
    if (path !== '/v1/transit/decrypt/countersign') return [404, { errors: [] }]
    const [, version, text = ''] = /^vault:v(\d+):(.+)$/.exec(body.ciphertext ?? '') ?? []
    const bytes = Buffer.from(text, 'base64')
    try {
      const decipher = createDecipheriv('aes-256-gcm', keys[Number(version) - 1] as Buffer, bytes.subarray(0, 12))
      decipher.setAAD(aad).setAuthTag(bytes.subarray(-16))
      const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()])
      return [200, { data: { plaintext: plain.toString('base64') } }]
    } catch (error) {
      return [400, { errors: [`cipher: message authentication failed ${error instanceof Error ? error.name : ''}`] }]
    }
  }
  const server = createServer(async (request, response) => {
    if (away) return void request.socket.destroy()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>
    asked.push({ path: request.url ?? '', body })
    const [status, value] = answer(request.url ?? '', request.headers['x-vault-token'] as string | undefined, body)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  })
  await new Promise<void>((resume) => server.listen(0, '127.0.0.1', resume))
  onTestFinished(() => new Promise<void>((resume) => void server.close(() => resume())))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    token,
    asked,
    rotate: () => void keys.push(randomBytes(32)),
    setAway: (is) => {
      away = is
      server.closeAllConnections()
    },
  }
}
