import { randomBytes } from 'node:crypto'
import { verifyCaller } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type CallerClaims, callerProof } from './caller-proof.ts'
import { ed25519PublicKey } from './ed25519.ts'

const seed = randomBytes(32)
const key = { seed, kid: 'relay-sign-1' }
const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', kid: key.kid, x: ed25519PublicKey(seed).toString('base64url') }] }
const now = new Date('2026-01-01T00:00:00.500Z')
const claims: CallerClaims = {
  ...{ tenant: 'ten_1', agent: 'agt_1', user: null, relay_grant: 'rgr_1', thread: 'thr_1', message: 'msg_1' },
  payload_hash: `sha256:${'0'.repeat(64)}`,
}
const at = { issuer: 'https://countersign.example', audience: 'https://agent.example', now }

test('R46 the proof lives a minute for one origin, and names agent, relay grant, thread, message and hash', async () => {
  const token = callerProof(key, claims, at)
  const told = await verifyCaller(token, { jwks, audience: at.audience, issuer: at.issuer, now: () => now })
  const { user: _, ...named } = claims
  expect(told).toMatchObject({ ...named, sub: 'agt_1', iat: 1_767_225_600, exp: 1_767_225_660 })
  expect(told.act).toBeUndefined()
  const late = new Date(now.getTime() + 66_000)
  await expect(verifyCaller(token, { jwks, audience: at.audience, now: () => late })).rejects.toMatchObject({ reason: 'stale' })
})

test('R46 for a user the user is the subject and the agent the actor; no two proofs have the same jti', async () => {
  const read = (token: string) => verifyCaller(token, { jwks, audience: at.audience, now: () => now })
  const one = await read(callerProof(key, { ...claims, user: 'usr_1' }, at))
  expect(one).toMatchObject({ sub: 'usr_1', act: { sub: 'agt_1' } })
  const other = await read(callerProof(key, { ...claims, tenant: null, agent: null }, at))
  expect(other).toMatchObject({ sub: 'rgr_1', tenant: null, agent: null })
  expect(other.jti).not.toBe(one.jti)
})
