#!/usr/bin/env node
// A small KMS of its own for tests of `exec:` (V64): one question on standard input, one answer, AES-256-GCM with the context as associated data.
// Its key lies beside it in `kms.key`; a file `kms.away` makes it fail as a KMS that cannot be reached does.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const home = process.env.KMS_HOME ?? join(process.argv[1], '..')
if (existsSync(join(home, 'kms.away'))) {
  process.stderr.write('dial tcp: connection refused\n')
  process.exit(3)
}
const key = readFileSync(join(home, 'kms.key'))
const { v, op, key: plain, wrapped, context } = JSON.parse(readFileSync(0, 'utf8'))
appendFileSync(join(home, 'kms.log'), `${JSON.stringify({ v, op, context })}\n`)
const aad = Buffer.from(JSON.stringify(context ?? null))
const answer = () => {
  if (op === 'check') return { id: 'test' }
  if (op === 'wrap') {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad)
    const sealed = Buffer.concat([cipher.update(Buffer.from(plain, 'base64')), cipher.final()])
    return { wrapped: Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64') }
  }
  const bytes = Buffer.from(wrapped, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(aad).setAuthTag(bytes.subarray(-16))
  return { key: Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64') }
}
process.stdout.write(JSON.stringify(answer()))
