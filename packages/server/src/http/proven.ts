// The body of a request that came with a proof of possession (vault.md V134): its bytes as received are those that were signed. Reads nothing else of the proof.
import { Problem } from '@countersign/sdk'
import { contentDigest } from '../crypto/dpop.ts'
import type { Proven } from '../db/scope.ts'

/** Without a body nothing has to be signed; what was signed anyway has to be true. */
export function refuseOtherBody(proof: Proven | undefined, header: string | undefined, bytes: Uint8Array): void {
  if (!proof) return
  if (bytes.length === 0 && proof.digest === null && header === undefined) return
  const digest = contentDigest(bytes)
  if (header !== digest || proof.digest !== digest) throw new Problem('proof_invalid', { reason: 'digest' })
}
