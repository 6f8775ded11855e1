import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Proof } from '../audit/proof.ts'
import type { RecordEntry } from '../talk/sentence.ts'
import { type EventDetail, type Keys, type Parts, verify } from './verify.ts'

const TENANT = 'ten_01JBST8PVCFP79Y0938NKRKAYD'
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const sha = (...parts: (string | Buffer)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

function tenantBytes(): Buffer {
  let value = 0n
  for (const letter of TENANT.slice(4)) value = value * 32n + BigInt(ALPHABET.indexOf(letter))
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex')
}

/** A log of one event, sealed and signed as the server does it. */
function log() {
  const event = {
    actor: { assurance: 'session', id: 'usr_01JD8Z6V3QK8W2N4T6Y8B0C2E4', session_id: 'ses_1', type: 'user' },
    data: { channel: 'dashboard', outcome: 'answered' },
    id: 'evt_01JD8Z6V3QK8W2N4T6Y8B0C2E6',
    occurred_at: '2024-11-22T00:00:01.000Z',
    tenant_id: TENANT,
    type: 'task.completed',
  }
  const body = JSON.stringify(event)
  const seq = Buffer.alloc(8)
  seq.writeBigUInt64BE(1n)
  const hash = sha('countersign/seal/v1\n', tenantBytes(), seq, Buffer.alloc(32), sha(body))
  const root = sha(Buffer.of(0), hash)
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const name = `countersign.example.com/audit/${TENANT}`
  const signed = `${name}\n1\n${root.toString('base64')}\n`
  const signature = Buffer.concat([Buffer.alloc(4, 7), sign(null, Buffer.from(signed), privateKey)])
  const proof: Proof = {
    event_id: event.id,
    seq: 1,
    size: 1,
    digest: sha(body).toString('hex'),
    prev_hash: '00'.repeat(32),
    hash: hash.toString('hex'),
    proof: [],
    root: root.toString('hex'),
    sealed_at: event.occurred_at,
    note: `${signed}\n— ${name} ${signature.toString('base64')}\n`,
  }
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12)
  const keys: Keys = { keys: [{ public_key: raw.toString('base64') }] }
  const { session_id: _, ...actor } = event.actor
  const entry = { ...event, actor, channel: 'dashboard', seq: 1, request_id: null } as unknown as RecordEntry
  const detail = { body, seal: { seq: 1, checkpointed: true } } as EventDetail
  return { entry, detail, proof, keys }
}

const failing = async (given: ReturnType<typeof log>): Promise<string[]> => {
  const verdict = await verify(given.entry, given.detail, given.proof, given.keys, TENANT)
  if (!('parts' in verdict)) throw new Error(`${verdict.state}: ${verdict.why}`)
  const parts = (Object.keys(verdict.parts) as (keyof Parts)[]).filter((name) => verdict.parts[name] === false)
  expect(verdict.state).toBe(parts.length === 0 ? 'verified' : 'fails')
  return parts
}

test('T160 an entry verifies from what is shown up to the signature, and every changed part is named', async () => {
  const sound = log()
  expect(await failing(sound)).toEqual([])
  const { entry, detail, proof, keys } = sound
  for (const changed of [
    { data: { ...entry.data, outcome: 'denied' } },
    { type: 'task.cancelled' },
    { occurred_at: '2024-11-22T00:00:02.000Z' },
    { channel: 'email' },
    { actor: { ...entry.actor, id: 'usr_01JD8Z6V3QK8W2N4T6Y8B0C2E5' } },
    { actor: { ...entry.actor, assurance: 'step_up' } },
    { before: { state: 'open' } },
  ])
    expect(await failing({ ...sound, entry: { ...entry, ...changed } as RecordEntry })).toContain('shown')
  // The same lie in both: the text is no longer what was sealed.
  const lie = { ...detail, body: detail.body.replace('answered', 'accepted') }
  const data = { ...entry.data, outcome: 'accepted' }
  expect(await failing({ ...sound, detail: lie, entry: { ...entry, data } as RecordEntry })).toEqual(['text', 'link', 'root'])
  expect(await failing({ ...sound, entry: { ...entry, seq: 2 } as RecordEntry })).toEqual(['note'])
  // A whole log made up anew is sound but for the key that signed it.
  expect(await failing({ ...log(), keys })).toEqual(['signature'])
  expect(await failing({ ...sound, proof: { ...proof, note: proof.note.replace('\n1\n', '\n2\n') } })).toEqual([
    'note',
    'signature',
  ])
  expect(await failing({ ...sound, proof: { ...proof, note: 'no note' } })).toEqual(['note', 'signature'])
})

test('T160 what is not sealed or not signed yet waits, and is not called verified', async () => {
  const { entry, detail, keys } = log()
  expect(await verify(entry, { ...detail, seal: null }, null, keys, TENANT)).toMatchObject({ state: 'waits' })
  expect(await verify(entry, detail, null, keys, TENANT)).toMatchObject({ state: 'waits' })
  expect(await verify({ ...entry, type: 'task.claimed' }, { ...detail, seal: null }, null, keys, TENANT)).toMatchObject({
    state: 'fails',
  })
  expect(await verify(entry, { ...detail, body: 'no JSON' }, null, keys, TENANT)).toMatchObject({ state: 'fails' })
})
