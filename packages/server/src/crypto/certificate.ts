// Reads certificates and keys in PEM as far as it takes to refuse what is none. Judges no chain and no date: whoever dials does.
import { createPrivateKey, X509Certificate } from 'node:crypto'

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

function parsed(block: string): X509Certificate | null {
  try {
    return new X509Certificate(block)
  } catch (error) {
    if (error instanceof Error) return null
    throw error
  }
}

/** Null: not one or more certificates. */
export function readCertificates(pem: string): X509Certificate[] | null {
  const all = (pem.match(BLOCK) ?? []).map(parsed)
  const rest = pem.replace(BLOCK, '').trim()
  return all.length > 0 && rest === '' && all.every((one) => one !== null) ? (all as X509Certificate[]) : null
}

/** Whether this private key is the first certificate's. */
export function belongTogether(cert: string, key: string): boolean {
  const [first] = readCertificates(cert) ?? []
  if (!first) return false
  try {
    return first.checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}

/** SHA-256 of the first certificate's DER, as lower-case hex: by this both ends of the gate know each other. */
export const fingerprintOfCertificate = (pem: string): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
