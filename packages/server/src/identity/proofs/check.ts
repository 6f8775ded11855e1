// From an Authorization header of the scheme DPoP to a proof that counts (vault.md V134, V135): first what the request itself tells, then whose key it is, then, in one
// statement that commits before the verb begins, whether its time fits and whether it was shown before. A proof counts once, at whichever process it arrives.
import { Problem } from '@countersign/sdk'
import { type Proof, ProofRefused, verifyProof } from '../../crypto/dpop.ts'
import { type Proven, systemScope } from '../../db/scope.ts'
import { once, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { RequestInfo } from '../../http/route.ts'
import type { IdentityHouse } from '../house.ts'
import { isNonce, makeNonce } from './nonce.ts'
import { useProof, type Verdict } from './sql.ts'

export type Asked = Pick<RequestInfo, 'method' | 'path' | 'query' | 'header'>
/** What stood behind `DPoP`, and the proof beside it. */
export type Shown = { credential: string; proof: Proof }

const DPOP = /^dpop (.*)$/i
export const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/** The credential of this scheme; undefined where another was used. */
export const dpopCredential = (authorization: string): string | undefined => DPOP.exec(authorization)?.[1]

/** Null: the request does not speak of a proof. */
export async function shownProof(house: IdentityHouse, request: Asked): Promise<Shown | null> {
  const credential = dpopCredential(request.header('authorization') ?? '')
  if (credential === undefined) return null
  return { credential, proof: await readProof(house, request, credential) }
}

/** Of a request that carries a proof and no credential, as when an agent registers. */
export const bareProof = (house: IdentityHouse, request: Asked): Promise<Proof> => readProof(house, request, null)

async function readProof(house: IdentityHouse, request: Asked, credential: string | null): Promise<Proof> {
  const { method, path, query } = request
  try {
    return await verifyProof(request.header('dpop') ?? '', { method, url: `${house.origin()}${path}`, query, credential })
  } catch (cause) {
    if (cause instanceof ProofRefused) throw new Problem('proof_invalid', { reason: cause.fault }, { cause })
    throw cause
  }
}

export type Holder = { agentId: string; tenantId: string; keyId: string | null; needsNonce: boolean }

/** What the scope says of a proof that counts; throws for one that does not. */
export async function spendProof(house: IdentityHouse, { proof }: Shown, holder: Holder): Promise<Proven> {
  const { agentId, tenantId, needsNonce } = holder
  const { thumbprint } = proof.key
  const now = house.db.clock.now()
  const nonce = needsNonce ? makeNonce(house.keyring, tenantId, now) : null
  if (nonce !== null && !isNonce(house.keyring, tenantId, now, proof.nonce))
    throw new Problem('proof_invalid', { reason: 'nonce', nonce })
  const asked = { agentId, thumbprint, id: proof.id, issuedAt: proof.issuedAt }
  const [seen] = await once<Verdict>(house.db, useProof(asked))
  const { verdict, at } = seen as Verdict
  if (verdict === 'replayed') {
    await tellReplayed(house, holder, thumbprint)
    throw new Problem('proof_replayed')
  }
  if (verdict === 'unknown') throw new Problem('proof_invalid', { reason: 'unknown_key' })
  if (verdict !== 'fresh') throw new Problem('proof_invalid', { reason: verdict === 'stale' ? 'time' : 'recovered', now: at })
  return { thumbprint, digest: proof.digest, nonce }
}

/** Somebody has a copy of what the agent sent, or the agent signs carelessly: people should hear of either. */
async function tellReplayed(house: IdentityHouse, { agentId, tenantId, keyId }: Holder, thumbprint: string): Promise<void> {
  const system = systemScope('proofs', tenantId)
  const data = { agent_id: agentId, key_id: keyId, thumbprint }
  await tx(house.db, system, (t) => record(t, system, 'proof.replayed', data, { resource: { type: 'agent', id: agentId } }))
}
