// An agent's own side of a proof, made without any code of ours but the names: what an author with any JOSE library would send.
import { createHash, randomUUID } from 'node:crypto'
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'

export type Prover = {
  jwk: JWK
  thumbprint: string
  /** The two or three headers for one request; `claims` and `header` replace what is usual, undefined leaves it out. */
  headers(request: ProofRequest): Promise<Record<string, string>>
}

export type ProofRequest = {
  method?: string
  /** As the client means to call it, with its query. */
  url: string
  body?: string
  /** A key; the thumbprint unless given, and nothing for null. */
  credential?: string | null
  at?: Date
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
}

const sha256 = (text: string) => createHash('sha256').update(text).digest()

export async function newProver(alg: 'EdDSA' | 'ES256' = 'EdDSA'): Promise<Prover> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const thumbprint = await calculateJwkThumbprint(jwk)
  return {
    jwk,
    thumbprint,
    async headers({ method = 'GET', url, body, credential = thumbprint, at = new Date(), claims = {}, header = {} }) {
      const cut = url.indexOf('?')
      const digest = body === undefined ? undefined : `sha-256=:${sha256(body).toString('base64')}:`
      const payload = {
        htm: method,
        htu: cut < 0 ? url : url.slice(0, cut),
        iat: Math.floor(at.getTime() / 1_000),
        jti: randomUUID(),
        ...(credential === null ? {} : { ath: sha256(credential).toString('base64url') }),
        ...(digest === undefined ? {} : { cs_dig: digest }),
        cs_q: sha256(cut < 0 ? '' : url.slice(cut + 1)).toString('base64url'),
        ...claims,
      }
      const proof = await new CompactSign(Buffer.from(JSON.stringify(payload)))
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header })
        .sign(privateKey)
      return {
        ...(credential === null ? {} : { authorization: `DPoP ${credential}` }),
        dpop: proof,
        ...(digest === undefined ? {} : { 'content-digest': digest }),
      }
    },
  }
}
