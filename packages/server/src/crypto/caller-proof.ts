// The token in `Countersign-Caller` (relay.md R46): the instance says, for one origin and one minute, who speaks and about which message. Compact JWS of EdDSA;
// carries ids and a hash, never content. Holds no key.
import { signJws } from './ed25519.ts'
import { randomBytes } from './token.ts'

/** Ids, as they are spoken. */
export type CallerClaims = {
  /** Of the caller; null: it has no account here and is known by its relay grant alone. */
  tenant: string | null
  agent: string | null
  /** For whom the agent acts. */
  user: string | null
  relay_grant: string
  thread: string
  message: string
  payload_hash: string
}

export const CALLER_PROOF_TYPE = 'countersign-caller+jwt'
export const CALLER_PROOF_SECONDS = 60

/** `audience` is the origin that is called. With a user `sub` is the user and `act` the agent (RFC 8693); else `sub` is the agent, or the relay grant. */
export function callerProof(
  key: { seed: Buffer; kid: string },
  { user, ...claims }: CallerClaims,
  { issuer, audience, now }: { issuer: string; audience: string; now: Date },
): string {
  const iat = Math.floor(now.getTime() / 1_000)
  const self = claims.agent ?? claims.relay_grant
  const payload = {
    iss: issuer,
    aud: audience,
    iat,
    exp: iat + CALLER_PROOF_SECONDS,
    jti: randomBytes(16).toString('base64url'),
    sub: user ?? self,
    ...(user === null ? {} : { act: { sub: self } }),
    ...claims,
  }
  return signJws(key.seed, { typ: CALLER_PROOF_TYPE, kid: key.kid }, JSON.stringify(payload))
}
