// Checks in this browser what the server says of an event: its exact text, its link of the chain, and the way up to the root that the checkpoint signs
// (RFC 9162 §2.1.3.2). It believes nothing but SHA-256; where the page came without https there is none, and it says so.
import type { RouteAnswer } from '@countersign/sdk'

export type Proof = RouteAnswer<'GET /audit/proofs/:event_id'>
export type Checked = { text: boolean; link: boolean; root: boolean }

const LABEL = new TextEncoder().encode('countersign/seal/v1\n')
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16))
const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

async function sha256(...parts: Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole))
}

/** The 16 bytes of a tenant, from its spoken id. */
function tenantBytes(id: string): Uint8Array<ArrayBuffer> {
  let value = 0n
  for (const character of id.slice(4)) value = value * 32n + BigInt(ALPHABET.indexOf(character))
  return bytesOf(value.toString(16).padStart(32, '0'))
}

const uint64 = (value: number): Uint8Array<ArrayBuffer> => bytesOf(value.toString(16).padStart(16, '0'))
const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** Null: this page may not hash, because it did not come over https. */
export async function checkProof(body: string, tenantId: string, proof: Proof): Promise<Checked | null> {
  if (!globalThis.crypto?.subtle) return null
  const digest = await sha256(new TextEncoder().encode(body))
  const hash = await sha256(LABEL, tenantBytes(tenantId), uint64(proof.seq), bytesOf(proof.prev_hash), digest)
  let node = await sha256(LEAF, hash)
  let [at, last] = [proof.seq - 1, proof.size - 1]
  for (const step of proof.proof) {
    if (at % 2 === 1 || at === last) {
      node = await sha256(NODE, bytesOf(step), node)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else node = await sha256(NODE, node, bytesOf(step))
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return {
    text: hexOf(digest) === proof.digest,
    link: hexOf(hash) === proof.hash,
    root: last === 0 && hexOf(node) === proof.root,
  }
}
