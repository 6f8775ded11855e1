// How one end of the gate is known to the other (V80): a key and a certificate in one file that nobody else reads, made where it is used. Never leaves the machine;
// what others are told is the fingerprint.
import { makeIdentity } from '../../crypto/authority.ts'
import { belongTogether, fingerprintOfCertificate, readCertificates } from '../../crypto/certificate.ts'
import { KeyRefused } from '../../crypto/keyring.ts'
import { createClosedFile, readClosedFile, statOf } from '../../crypto/keyring-file.ts'
import type { Identity } from '../../proxy/gate/channel.ts'
import { systemClock } from '../../std/clock.ts'
import { BootRefused } from '../refused.ts'

export type Known = Identity & { fingerprint: string }

// Nobody reads the dates of a certificate that is known by its fingerprint.
const LASTS_MS = 20 * 365 * 86_400_000
const BEFORE_MS = 86_400_000

export async function newIdentity(name: string): Promise<Known> {
  const now = systemClock.now().getTime()
  const { key, certificate } = await makeIdentity(name, new Date(now - BEFORE_MS), new Date(now + LASTS_MS))
  return { key, certificate, fingerprint: fingerprintOfCertificate(certificate) }
}

/** The one in the file, which is made when it is not there. `rule` names the check that a fault belongs to. */
export async function keptIdentity(file: string, name: string, rule: string): Promise<Known> {
  if ((await refusing(rule, () => statOf(file, name))) === null) {
    const { key, certificate } = await newIdentity(`Countersign ${name}`)
    await createClosedFile(file, `${key.trim()}\n${certificate.trim()}\n`)
  }
  return readIdentity(file, name, rule)
}

export async function readIdentity(file: string, name: string, rule: string): Promise<Known> {
  const text = await refusing(rule, () => readClosedFile(file, name))
  const [key] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(text) ?? []
  const [certificate] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text) ?? []
  if (key === undefined || certificate === undefined || !readCertificates(certificate) || !belongTogether(certificate, key))
    throw new BootRefused([`${rule}: ${file} does not hold a private key and the certificate that belongs to it, in PEM.`])
  return { key: `${key}\n`, certificate: `${certificate}\n`, fingerprint: fingerprintOfCertificate(certificate) }
}

async function refusing<T>(rule: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    throw error instanceof KeyRefused ? new BootRefused([`${rule}: ${error.message}`]) : error
  }
}
