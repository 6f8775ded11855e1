// A certificate authority for the proxy (V118): P-256, one link long, good for nothing but signing leaves. Makes keys and certificates; stores none and signs no leaf.
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { randomBytes } from './token.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** `name` is what a person reads in the certificate; `key` is PKCS#8 in PEM. */
export async function makeAuthority(
  name: string,
  notBefore: Date,
  notAfter: Date,
): Promise<{ certificate: string; key: string }> {
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
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  })
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', pair.privateKey), 'PRIVATE KEY')
  return { certificate: certificate.toString('pem'), key }
}
