// A certificate authority for the proxy (V118): P-256, one link long, good for nothing but signing leaves; and the certificate by which one end of the gate is known
// to the other (V80). Makes keys and certificates; stores none and signs no leaf.
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { randomBytes } from './token.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** `name` is what a person reads in the certificate; `key` is PKCS#8 in PEM. `names`: clients take it for these, and for what lies below them, alone. */
export const makeAuthority = async (
  name: string,
  notBefore: Date,
  notAfter: Date,
  names?: readonly string[],
): Promise<MadeCertificate> =>
  selfSigned(name, notBefore, notAfter, [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ...(names ? [constrainedTo(names)] : []),
  ])

/** RFC 5280 §4.2.1.10, critical: names and what lies below them. Addresses are a kind of their own, and would be free unless all of them were excluded. */
function constrainedTo(names: readonly string[]): Extension {
  const subtree = (kind: number, base: Buffer): Buffer => der(0x30, der(kind, base))
  const permitted = names.map((one) => subtree(0x82, Buffer.from(one, 'ascii')))
  const excluded = [4, 16].map((length) => subtree(0x87, Buffer.alloc(2 * length)))
  return new Extension('2.5.29.30', true, new Uint8Array(der(0x30, der(0xa0, ...permitted), der(0xa1, ...excluded))))
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const size: number[] = []
  for (let left = body.length; left > 0; left >>= 8) size.unshift(left & 0xff)
  return Buffer.concat([Buffer.from(body.length < 0x80 ? [tag, body.length] : [tag, 0x80 + size.length, ...size]), body])
}

/** For who is known by a fingerprint alone: it signs nothing, and nobody reads its dates. */
export const makeIdentity = async (name: string, notBefore: Date, notAfter: Date): Promise<MadeCertificate> =>
  selfSigned(name, notBefore, notAfter, [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  ])

export type MadeCertificate = { certificate: string; key: string }

async function selfSigned(name: string, notBefore: Date, notAfter: Date, extensions: Extension[]): Promise<MadeCertificate> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const serial = randomBytes(16)
  // Positive and of its full length.
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: `CN=${name}`,
    notBefore,
    notAfter,
    keys: pair,
    signingAlgorithm: ALGORITHM,
    extensions: [...extensions, await SubjectKeyIdentifierExtension.create(pair.publicKey)],
  })
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', pair.privateKey), 'PRIVATE KEY')
  return { certificate: certificate.toString('pem'), key }
}
