// Certificates made while a test runs, each its own authority.
import 'reflect-metadata'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { onTestFinished } from 'vitest'
import type { TlsFiles } from '../tls.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export type Pem = { cert: string; key: string; serial: string }

/** A certificate for localhost, 127.0.0.1 and the names given, signed by itself. */
export async function makeCertificate(...names: string[]): Promise<Pem> {
  const keys = await crypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  const serialNumber = `01${crypto.randomUUID().replaceAll('-', '').slice(0, 14)}`
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000),
    keys,
    signingAlgorithm: P256,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        ...names.map((value) => ({ type: 'dns' as const, value })),
      ]),
    ],
  })
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n').trim()}\n-----END PRIVATE KEY-----\n`
  return { cert: made.toString('pem'), key, serial: serialNumber.toUpperCase() }
}

/** A folder with both files, as a server would be given them, gone with the test. */
export function tlsFolder(pem: Pem): TlsFiles & { write(pem: Pick<Pem, 'cert' | 'key'>): void } {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
  const write = ({ cert, key }: Pick<Pem, 'cert' | 'key'>) => {
    writeFileSync(files.certFile, cert)
    writeFileSync(files.keyFile, key)
    chmodSync(files.keyFile, 0o600)
  }
  write(pem)
  return { ...files, write }
}
