// Certificates as Java reads them: PKCS#12 without a password, for what stands in it is public (RFC 7292). Each entry says that it is trusted, in the words that Java asks
// for. Written, never read.
import { rootCertificates } from 'node:tls'

const SEQUENCE = 0x30
const SET = 0x31
const OCTETS = 0x04
const IDENTIFIER = 0x06
const INTEGER = 0x02
const BMP_STRING = 0x1e
const EXPLICIT = 0xa0

const DATA = '1.2.840.113549.1.7.1'
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3'
const X509 = '1.2.840.113549.1.9.22.1'
const FRIENDLY_NAME = '1.2.840.113549.1.9.20'
/** Of Oracle: without it Java takes the certificate for one of a key that is not there. */
const TRUSTED_USAGE = '2.16.840.1.113894.746875.1.1'
const ANY_USAGE = '2.5.29.37.0'

export function trustStore(authorityPem: string): Buffer {
  const all = [authorityPem, ...rootCertificates].map((pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'))
  const bags = der(SEQUENCE, ...all.map((raw, i) => bag(raw, `countersign ${i}`)))
  const safe = der(SEQUENCE, content(bags))
  return der(SEQUENCE, der(INTEGER, Buffer.from([3])), content(safe))
}

const content = (inner: Buffer): Buffer => der(SEQUENCE, oid(DATA), der(EXPLICIT, der(OCTETS, inner)))

function bag(raw: Buffer, name: string): Buffer {
  const certificate = der(SEQUENCE, oid(X509), der(EXPLICIT, der(OCTETS, raw)))
  const label = der(SEQUENCE, oid(FRIENDLY_NAME), der(SET, der(BMP_STRING, Buffer.from(name, 'utf16le').swap16())))
  const usage = der(SEQUENCE, oid(TRUSTED_USAGE), der(SET, oid(ANY_USAGE)))
  return der(SEQUENCE, oid(CERTIFICATE_BAG), der(EXPLICIT, certificate), der(SET, label, usage))
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body])
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return Buffer.from([0x80 + bytes.length, ...bytes])
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const septets = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) septets.unshift(128 + (left % 128))
    return septets
  })
  return der(IDENTIFIER, Buffer.from(bytes))
}
