// Leaves for the names that clients ask for (V119): signed by the authority of their run, one key a process and authority, made off the request path once per
// name at a time. Never writes a key anywhere; an authority's key is forgotten with its runs.
import 'reflect-metadata'
import { createSecureContext, type SecureContext } from 'node:tls'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Clock } from '../std/clock.ts'
import type { OpenRun } from './gatekeeper.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const BEFORE_MS = 5 * 60_000
const LASTS_MS = 24 * 3_600_000
const RENEWED_MS = LASTS_MS - 3_600_000
const NAMES_PER_SECOND = 20

export type Leaves = {
  /** Null: this run asks for too many new names. */
  contextFor(run: OpenRun, host: string): Promise<SecureContext | null>
}

type Signer = { certificate: X509Certificate; key: CryptoKey; leaf: CryptoKeyPair; leafPem: string }
type Leaf = { context: Promise<SecureContext>; until: number }

export function openLeaves(options: { clock: Clock; most: number }): Leaves {
  const { clock } = options
  const leaves = new Map<string, Leaf>()
  const signers = new Map<string, Promise<Signer>>()
  const asked = new Map<string, number[]>()

  function mayIssue(runId: string, now: number): boolean {
    const recent = (asked.get(runId) ?? []).filter((at) => at > now - 1_000)
    if (recent.length >= NAMES_PER_SECOND) return false
    recent.push(now)
    asked.delete(runId)
    asked.set(runId, recent)
    const [oldest] = asked.size > options.most ? asked.keys() : []
    if (oldest !== undefined) asked.delete(oldest)
    return true
  }

  function signerOf({ authority }: OpenRun): Promise<Signer> {
    const known = signers.get(authority.id)
    if (known) return known
    const made = openSigner(authority)
    signers.set(authority.id, made)
    made.catch(() => signers.delete(authority.id))
    const [oldest] = signers.size > options.most ? signers.keys() : []
    if (oldest !== undefined) signers.delete(oldest)
    return made
  }

  return {
    async contextFor(run, host) {
      const key = `${run.authority.id} ${host}`
      const now = clock.now().getTime()
      const known = leaves.get(key)
      if (known && known.until > now) {
        leaves.delete(key)
        leaves.set(key, known)
        return known.context
      }
      if (!mayIssue(run.id, now)) return null
      const context = signerOf(run).then((signer) => issue(signer, host, now))
      leaves.set(key, { context, until: now + RENEWED_MS })
      context.catch(() => leaves.delete(key))
      const [oldest] = leaves.size > options.most ? leaves.keys() : []
      if (oldest !== undefined) leaves.delete(oldest)
      return context
    },
  }
}

async function openSigner(authority: OpenRun['authority']): Promise<Signer> {
  const pkcs8 = PemConverter.decodeFirst(authority.key.reveal())
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
  const leaf = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const leafPem = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', leaf.privateKey), 'PRIVATE KEY')
  return { certificate: new X509Certificate(authority.certificate), key, leaf, leafPem }
}

async function issue({ certificate, key, leaf, leafPem }: Signer, host: string, now: number): Promise<SecureContext> {
  const serial = crypto.getRandomValues(new Uint8Array(16))
  // Positive and of its full length.
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40
  const isAddress = host.includes(':') || /^\d+(?:\.\d+){3}$/.test(host)
  const made = await X509CertificateGenerator.create({
    serialNumber: Buffer.from(serial).toString('hex'),
    issuer: certificate.subject,
    // A common name has at most 64 characters; readers take the alternative name.
    subject: '',
    notBefore: new Date(now - BEFORE_MS),
    notAfter: new Date(Math.min(now + LASTS_MS, certificate.notAfter.getTime())),
    publicKey: leaf.publicKey,
    signingKey: key,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      // Critical, for the subject is empty (RFC 5280 §4.2.1.6).
      new SubjectAlternativeNameExtension([{ type: isAddress ? 'ip' : 'dns', value: host }], true),
      await SubjectKeyIdentifierExtension.create(leaf.publicKey),
      await AuthorityKeyIdentifierExtension.create(certificate),
    ],
  })
  return createSecureContext({ cert: made.toString('pem'), key: leafPem, minVersion: 'TLSv1.2' })
}
