// Proofs of possession (RFC 9449): each request is signed with the agent's own key pair, so that what travels is of no use to whoever copies it. WebCrypto and nothing
// else. It promises that a proof is about one request, its query and its body, and never that key's private half leaves the place where it is.

import type { Settings } from './settings.ts'

/**
 * Something that signs elsewhere: a key in a TPM, a KMS, or a process of its own.
 *
 * @example
 * ```ts
 * import type { ProofSigner } from '@countersign/sdk'
 * const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
 * const signer: ProofSigner = {
 *   jwk: await crypto.subtle.exportKey('jwk', pair.publicKey),
 *   sign: async (bytes) => new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, bytes as BufferSource)),
 * }
 * console.log(signer.jwk.crv) // 'P-256'
 * ```
 */
export type ProofSigner = {
  /** The public half: Ed25519 or P-256. */
  readonly jwk: JsonWebKey
  /** Of Ed25519, or of ECDSA with SHA-256 as 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/**
 * The key pair with which a client proves itself: a private JWK, a pair of WebCrypto, or something that signs.
 *
 * @example
 * ```ts
 * import { Countersign, type ProofOptions } from '@countersign/sdk'
 * const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
 * const proof: ProofOptions = { key: pair }
 * const countersign = new Countersign({ url: 'http://localhost:3001', proof })
 * console.log(countersign.settings.key) // null: the key pair stands for itself
 * ```
 */
export type ProofOptions = { readonly key: JsonWebKey | CryptoKeyPair | ProofSigner }

export type Prover = {
  headers(request: { method: string; url: string; body: string | undefined }): Promise<Record<string, string>>
  /** Whether the refusal told something with which the same request is worth a second try. */
  learns(response: Response): Promise<boolean>
}

type Ready = { signer: ProofSigner; alg: 'EdDSA' | 'ES256'; jwk: JsonWebKey; thumbprint: string }

export function openProver({ key }: ProofOptions, settings: Settings, now: () => Date): Prover {
  let ready: Promise<Ready> | undefined
  let nonce: string | undefined
  let skewMs = 0
  return {
    async headers({ method, url, body }) {
      ready ??= prepare(key)
      const { signer, alg, jwk, thumbprint } = await ready
      const credential = settings.key ?? thumbprint
      const cut = url.indexOf('?')
      const digest = body === undefined ? undefined : `sha-256=:${base64(await sha256(body))}:`
      const claims = {
        htm: method,
        htu: cut < 0 ? url : url.slice(0, cut),
        iat: Math.floor((now().getTime() + skewMs) / 1_000),
        jti: base64url(crypto.getRandomValues(new Uint8Array(16))),
        ath: base64url(await sha256(credential)),
        cs_q: base64url(await sha256(cut < 0 ? '' : url.slice(cut + 1))),
        cs_dig: digest,
        nonce,
      }
      const signing = `${encode({ typ: 'dpop+jwt', alg, jwk })}.${encode(claims)}`
      const signature = await signer.sign(new TextEncoder().encode(signing))
      return {
        authorization: `DPoP ${credential}`,
        dpop: `${signing}.${base64url(signature)}`,
        ...(digest === undefined ? {} : { 'content-digest': digest }),
      }
    },
    async learns(response) {
      const given = response.headers.get('dpop-nonce')
      if (given !== null) nonce = given
      if (response.status !== 401) return false
      const { code, reason } = await refusalOf(response)
      if (code !== 'proof_invalid') return false
      if (reason === 'nonce') return given !== null
      const date = Date.parse(response.headers.get('date') ?? '')
      if (reason !== 'time' || Number.isNaN(date)) return false
      // The server's clock is the one that counts.
      skewMs = date - now().getTime()
      return true
    },
  }
}

async function refusalOf(response: Response): Promise<{ code?: string; reason?: string }> {
  try {
    return ((await response.clone().json()) ?? {}) as { code?: string; reason?: string }
  } catch {
    return {} // a page of something in between says nothing of proofs
  }
}

/**
 * The name of a key (RFC 7638): what stands behind `DPoP` in the Authorization header of a client without a bare key.
 *
 * @example
 * ```ts
 * import { thumbprintOf } from '@countersign/sdk'
 * const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
 * console.log(await thumbprintOf(jwk)) // 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
 * ```
 */
export const thumbprintOf = async (jwk: JsonWebKey): Promise<string> => base64url(await sha256(JSON.stringify(requiredOf(jwk))))

/** The required members, in the order of their names. */
function requiredOf({ kty, crv, x, y }: JsonWebKey): JsonWebKey {
  if (kty === 'OKP' && crv === 'Ed25519') return { crv, kty, x }
  if (kty === 'EC' && crv === 'P-256') return { crv, kty, x, y }
  throw new TypeError('A proof needs a key of Ed25519 or of P-256.')
}

async function prepare(key: ProofOptions['key']): Promise<Ready> {
  const signer = 'sign' in key ? key : 'privateKey' in key ? ofPair(await publicOf(key), key.privateKey) : await ofJwk(key)
  const jwk = requiredOf(signer.jwk)
  return { signer, alg: jwk.kty === 'OKP' ? 'EdDSA' : 'ES256', jwk, thumbprint: await thumbprintOf(jwk) }
}

const publicOf = ({ publicKey }: CryptoKeyPair): Promise<JsonWebKey> => crypto.subtle.exportKey('jwk', publicKey)

async function ofJwk(jwk: JsonWebKey): Promise<ProofSigner> {
  const { kty, crv, x, y, d } = jwk
  const algorithm = kty === 'OKP' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-256' }
  const own = kty === 'OKP' ? { kty, crv, x, d } : { kty, crv, x, y, d }
  return ofPair({ kty, crv, x, y }, await crypto.subtle.importKey('jwk', own, algorithm, false, ['sign']))
}

const ofPair = (jwk: JsonWebKey, key: CryptoKey): ProofSigner => ({
  jwk,
  sign: async (bytes) =>
    new Uint8Array(
      await crypto.subtle.sign(
        key.algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: 'Ed25519' },
        key,
        bytes as BufferSource,
      ),
    ),
})

const sha256 = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
const base64url = (bytes: Uint8Array): string => base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const encode = (value: object): string => base64url(new TextEncoder().encode(JSON.stringify(value)))
