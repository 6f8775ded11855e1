import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { decisionChallenge } from '../crypto/assertion.ts'
import { canonical } from '../crypto/canonical.ts'
import { ed25519PublicKey, parseJws, signJws } from '../crypto/ed25519.ts'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { type SealedHouse, sealed } from '../events/audit/audit.fixture.ts'
import { verifyReceipt } from '../events/audit/verify-receipt.ts'
import { destroySubjectKey } from '../identity/keys-at-rest/tenant-key.ts'

type Members = Record<string, unknown> & {
  decisions: Record<string, unknown>[]
  seal: Record<string, unknown> & { proof: string[]; event: string; hash: string }
  content: string
}

async function decided(house: SealedHouse, input: Record<string, unknown> = {}) {
  const task = await house.given.task(input)
  const done = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, {
    ...{ type: 'respond', response: { approve: true }, reason: 'It is fine.', seen_revision: 1 },
  })
  if (done.status !== 200) throw new Error(JSON.stringify(done.body))
  return task.id
}

const keysOf = async (house: SealedHouse) => ({
  receipt: (await house.nobody.get('/.well-known/countersign/receipt-keys.json')).body,
  audit: (await house.nobody.get('/.well-known/countersign/audit-keys.json')).body,
})

const payloadOf = (receipt: string) => JSON.parse(parseJws(receipt)?.payload as string) as Members

test('T156 T157 A30 a receipt says who decided what, and verifies with the published keys alone, from the event up to the signed checkpoint', async () => {
  const house = await sealed()
  const id = await decided(house)
  const early = (await house.alice.get(`/api/v1/tasks/${id}/receipt`)).body
  expect(early.sealed).toBe(false)
  await house.seal()
  const { status, body } = await house.alice.get(`/api/v1/tasks/${id}/receipt`)
  expect([status, body.sealed]).toEqual([200, true])
  expect(parseJws(body.receipt)?.header).toEqual({ alg: 'EdDSA', typ: 'countersign-receipt+jws', kid: body.kid })
  const members = payloadOf(body.receipt)
  expect(members).toMatchObject({
    ...{ v: 1, iss: house.server.publicUrl, task_id: id, revision: 1, outcome: 'answered', status: 'completed' },
    content_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    decisions: [
      {
        ...{ person: house.alice.id, type: 'respond', channel: 'dashboard', assurance: 'step_up' },
        decision_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ],
    event_id: expect.stringMatching(/^evt_/),
    seal: { seq: expect.any(Number) },
  })
  expect(members.content).toBeUndefined()
  const keys = await keysOf(house)
  expect(verifyReceipt(early.receipt, keys)).toMatchObject({ valid: true, absent: ['content', 'seal'] })
  expect(verifyReceipt(body.receipt, keys)).toMatchObject({
    valid: true,
    failed: null,
    checked: ['signature', 'event', 'seal', 'proof', 'checkpoint'],
    absent: ['content'],
  })
  expect(verifyReceipt(JSON.stringify(body), { receipt: keys.receipt })).toMatchObject({
    valid: true,
    absent: ['content', 'audit keys'],
  })
})

test('T156 with its content it also proves the texts that were digested; whoever may not see them gets the digests', async () => {
  const house = await sealed()
  // A number that no double holds is digested and proved digit for digit (T6).
  const id = await decided(house, { payload: { amount: 12345678901234567890n.toString(), nested: [1, 2.5] } })
  await house.seal()
  const keys = await keysOf(house)
  const { body } = await house.alice.get(`/api/v1/tasks/${id}/receipt?include=content`)
  expect(verifyReceipt(body.receipt, keys)).toMatchObject({
    valid: true,
    checked: ['signature', 'content', 'decision 1', 'event', 'seal', 'proof', 'checkpoint'],
    absent: [],
  })
  const members = payloadOf(body.receipt)
  expect(JSON.parse(members.content)).toMatchObject({ task_id: id, payload: { nested: [1, 2.5] } })
  expect(JSON.parse(members.decisions[0]?.content as string)).toMatchObject({
    response: { approve: true },
    reason: 'It is fine.',
  })

  expect(await house.auditor.get(`/api/v1/tasks/${id}/receipt?include=content`)).toMatchObject({ status: 403 })
  const bare = await house.auditor.get(`/api/v1/tasks/${id}/receipt`)
  expect(verifyReceipt(bare.body.receipt, keys).valid).toBe(true)
  expect(await house.stranger.get(`/api/v1/tasks/${id}/receipt`)).toMatchObject({ status: 404 })
  const open = await house.given.task()
  expect(await house.alice.get(`/api/v1/tasks/${open.id}/receipt`)).toMatchObject({
    status: 409,
    body: { code: 'state_conflict' },
  })
})

test('T19 T125 T156 a receipt names the key that attests whose decision it is; the check says so, and fails where the event names another', async () => {
  const house = await sealed()
  const desk = await house.given.key({ kind: 'adm', name: 'desk', scopes: ['tasks:decide_for'] })
  const task = await house.given.task({ assign_to: { email: house.bob.email } })
  const body = JSON.stringify({ type: 'respond', response: { approve: true }, seen_revision: 1, on_behalf_of: house.bob.id })
  const headers = { authorization: `Bearer ${desk.secret}`, 'content-type': 'application/json' }
  const relayed = await house.nobody.raw(`/api/v1/tasks/${task.id}/decide`, { method: 'POST', headers, body })
  expect(relayed.status).toBe(200)
  await house.seal()
  const { receipt } = (await house.alice.get(`/api/v1/tasks/${task.id}/receipt`)).body
  const keys = await keysOf(house)

  expect(payloadOf(receipt).decisions).toMatchObject([{ person: house.bob.id, attested_by: desk.id, channel: 'api' }])
  const verdict = verifyReceipt(receipt, keys)
  expect(verdict).toMatchObject({ valid: true, says: expect.stringContaining(`attested by ${desk.id} alone`) })

  const own = payloadOf((await house.alice.get(`/api/v1/tasks/${await decided(house)}/receipt`)).body.receipt)
  expect(own.decisions[0]).not.toHaveProperty('attested_by')

  // Signed by a key of ours, but telling another attester than the sealed event does.
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'forged', alg: 'EdDSA', use: 'sig' }
  const members = payloadOf(receipt)
  const forged = {
    ...members,
    decisions: members.decisions.map((one) => ({ ...one, attested_by: 'key_01JD8Z6V3QK8W2N4T6Y8B0C2E5' })),
  }
  const head = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'countersign-receipt+jws', kid: 'forged' })).toString('base64url')
  const text = `${head}.${Buffer.from(JSON.stringify(forged)).toString('base64url')}`
  const token = `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
  expect(verifyReceipt(token, { receipt: { keys: [jwk] }, audit: keys.audit })).toMatchObject({ valid: false, failed: 'event' })
})

test('T157 A30 after the content is erased a receipt still verifies, the old one and a new one', async () => {
  const house = await sealed()
  const id = await decided(house)
  await house.seal()
  const keys = await keysOf(house)
  const before = (await house.alice.get(`/api/v1/tasks/${id}/receipt`)).body.receipt
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, async (t) => {
    await destroySubjectKey(t, scope, `task:${id}`)
    await t.run`update tasks set erased_at = ${t.now}::timestamptz where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`
  })
  const after = (await house.alice.get(`/api/v1/tasks/${id}/receipt?include=content`)).body.receipt
  for (const receipt of [before, after]) expect(verifyReceipt(receipt, keys)).toMatchObject({ valid: true, absent: ['content'] })
  expect(payloadOf(after).content_sha256).toBe(payloadOf(before).content_sha256)
})

test('T156 a task that nobody decided has a receipt as well', async () => {
  const house = await sealed()
  const task = await house.given.task({ timeout_seconds: 60 })
  await house.clock.advance('61s')
  await house.runJobs()
  await house.seal()
  const { body } = await house.alice.get(`/api/v1/tasks/${task.id}/receipt`)
  expect(payloadOf(body.receipt)).toMatchObject({ status: 'timed_out', outcome: null, decisions: [] })
  expect(verifyReceipt(body.receipt, await keysOf(house))).toMatchObject({ valid: true })
})

test('T157 A30 whatever bit of a receipt is flipped, it fails', async () => {
  const house = await sealed()
  const id = await decided(house)
  await house.seal()
  const keys = await keysOf(house)
  const { receipt } = (await house.alice.get(`/api/v1/tasks/${id}/receipt`)).body
  const bytes = Buffer.from(receipt)
  // One bit of each character, another in the next.
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] as number) ^ (1 << ((at * 5) % 8))
    const { valid, failed } = verifyReceipt(flipped.toString('latin1'), keys)
    expect([valid, failed]).toEqual([false, expect.stringMatching(/form|key|signature/)])
  }
})

test('T157 A30 a receipt that was signed over something false fails with the name of the part', async () => {
  const house = await sealed()
  const id = await decided(house)
  await decided(house)
  await house.seal()
  const { body } = await house.alice.get(`/api/v1/tasks/${id}/receipt?include=content`)
  // As if the receipt's own key had signed it: what is wrong must be found by what it is about.
  const seed = randomBytes(32)
  const keys = {
    receipt: { keys: [{ kid: 'k', kty: 'OKP', crv: 'Ed25519', x: ed25519PublicKey(seed).toString('base64url') }] },
    audit: (await keysOf(house)).audit,
  }
  const judge = (change: (members: Members) => void) => {
    const members = payloadOf(body.receipt)
    change(members)
    const { valid, failed } = verifyReceipt(signJws(seed, { typ: 'countersign-receipt+jws', kid: 'k' }, canonical(members)), keys)
    return valid ? 'valid' : failed
  }
  const flip = (text: string) => (text[0] === '0' ? '1' : '0') + text.slice(1)
  const whole = payloadOf(body.receipt)
  const [first] = whole.decisions as [Record<string, string>]
  const { seal } = whole
  const of = (members: Record<string, unknown>) => judge((m) => Object.assign(m, members))
  const ofDecision = (members: Record<string, unknown>) => of({ decisions: [{ ...first, ...members }] })
  const ofSeal = (members: Record<string, unknown>) => of({ seal: { ...seal, ...members } })
  expect(of({})).toBe('valid')
  expect(of({ content: whole.content.replace('refund', 'reFund') })).toBe('content')
  expect(of({ revision: 2 })).toBe('content')
  expect(of({ content_sha256: flip(whole.content_sha256 as string) })).toBe('content')
  expect(ofDecision({ person: 'usr_other' })).toBe('decision 1')
  expect(ofDecision({ decision_sha256: flip(first.decision_sha256 as string) })).toBe('decision 1')
  expect(ofDecision({ content: (first.content as string).replace('true', 'false') })).toBe('decision 1')
  expect(of({ event_id: 'evt_01JD8Z6V3QK8W2N4T6Y8B0C2E5' })).toBe('event')
  expect(ofSeal({ event: seal.event.replace('answered', 'denied') })).toBe('seal')
  expect(ofSeal({ seq: 1 })).toBe('seal')
  expect(ofSeal({ prev_hash: flip(seal.prev_hash as string) })).toBe('seal')
  expect(ofSeal({ proof: [flip(seal.proof[0] as string), ...seal.proof.slice(1)] })).toBe('proof')
  expect(ofSeal({ size: (seal.size as number) + 1 })).not.toBe('valid')
  expect(ofSeal({ note: (seal.note as string).replace(/(— \S+ \S{20})./, '$1A') })).toBe('checkpoint')
})

test('T157 a passkey’s assertion is held against its decision, by P-256 and by Ed25519', async () => {
  const seed = randomBytes(32)
  const keys = { receipt: { keys: [{ kid: 'k', kty: 'OKP', crv: 'Ed25519', x: ed25519PublicKey(seed).toString('base64url') }] } }
  const digest = createHash('sha256').update('what was decided').digest('hex')
  for (const pair of [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519')]) {
    const nonce = randomBytes(32)
    const authenticator = Buffer.concat([randomBytes(32), Buffer.of(0x05), Buffer.alloc(4)])
    const client = (challenge: Buffer) =>
      JSON.stringify({ type: 'webauthn.get', challenge: challenge.toString('base64url'), origin: 'https://a' })
    const assertion = (text: string, data = authenticator) => {
      const signed = Buffer.concat([data, createHash('sha256').update(text).digest()])
      const kind = pair.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
      return {
        public_key: pair.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url'),
        authenticator_data: data.toString('base64url'),
        client_data_json: Buffer.from(text).toString('base64url'),
        signature: sign(kind, signed, pair.privateKey).toString('base64url'),
        nonce: nonce.toString('base64url'),
      }
    }
    const judge = (passkey: unknown, sha = digest) => {
      const decision = { id: 'dec_1', person: 'usr_1', type: 'respond', decision_sha256: sha, passkey }
      const payload = canonical({ v: 1, task_id: 'task_1', tenant_id: 'ten_1', content_sha256: null, decisions: [decision] })
      return verifyReceipt(signJws(seed, { typ: 'countersign-receipt+jws', kid: 'k' }, payload), keys).failed
    }
    const right = assertion(client(decisionChallenge(digest, nonce)))
    expect(judge(right)).toBeNull()
    expect(
      judge(
        right,
        digest.replace(/^./, (c) => (c === '0' ? '1' : '0')),
      ),
    ).toBe('passkey 1')
    expect(judge(assertion(client(randomBytes(32))))).toBe('passkey 1')
    const unseen = Buffer.from(authenticator)
    unseen[32] = 0x01
    expect(judge(assertion(client(decisionChallenge(digest, nonce)), unseen))).toBe('passkey 1')
    expect(judge({ ...right, public_key: 'AAAA' })).toBe('passkey 1')
    expect(judge({ ...right, signature: randomBytes(64).toString('base64url') })).toBe('passkey 1')
  }
})
