// A passkey's assertion over a decision, checked long after it was made (T152, T156): the challenge binds the decision's digest, the signature binds the challenge.
// Says yes or no; whether the credential belonged to the person was the server's question at the time.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'

/** All in base64url; `public_key` is the SubjectPublicKeyInfo of the credential. */
export type Passkey = {
  public_key: string
  authenticator_data: string
  client_data_json: string
  signature: string
  nonce: string
}

const USER_VERIFIED = 0x04

export const decisionChallenge = (decisionSha256: string, nonce: Buffer): Buffer =>
  createHash('sha256').update('countersign/decision/v1\n').update(Buffer.from(decisionSha256, 'hex')).update(nonce).digest()

export function verifyAssertion(passkey: Passkey, decisionSha256: string): boolean {
  const read = (text: string) => Buffer.from(text, 'base64url')
  const clientData = read(passkey.client_data_json)
  const authenticator = read(passkey.authenticator_data)
  const expected = decisionChallenge(decisionSha256, read(passkey.nonce)).toString('base64url')
  const said = clientDataOf(clientData)
  if (said?.type !== 'webauthn.get' || said.challenge !== expected) return false
  if (authenticator.length < 37 || ((authenticator[32] as number) & USER_VERIFIED) === 0) return false
  const key = publicKeyOf(read(passkey.public_key))
  if (!key) return false
  const signed = Buffer.concat([authenticator, createHash('sha256').update(clientData).digest()])
  // EdDSA brings its own hash; ECDSA and RSA of passkeys are over SHA-256.
  return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', signed, key, read(passkey.signature))
}

function clientDataOf(bytes: Buffer): { type?: unknown; challenge?: unknown } | null {
  try {
    return JSON.parse(bytes.toString('utf8')) as { type?: unknown; challenge?: unknown }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function publicKeyOf(der: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return null // bytes that are no key verify nothing
  }
}
