import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkProof, type Proof } from './proof.ts'

// The published seals of test/vectors/signatures.json and their checkpoint.
const TENANT = 'ten_01JBST8PVCFP79Y0938NKRKAYD'
const EVENT =
  '{"actor":{"id":"usr_01JD8Z6V3QK8W2N4T6Y8B0C2E4","type":"user"},"data":{"role":"auditor"},"id":"evt_01JD8Z6V3QK8W2N4T6Y8B0C2E6","occurred_at":"2024-11-22T00:00:01.000Z","type":"role.changed"}'
const FIRST = '622ebaca85e2803f0ef19b4f7ebb92358364647cb8c96de24d7e636046e496af'
const SECOND = 'ac76b39c6dd0efbb96140e117104b224b1e7a657ee828552fb4e4fba09811b78'
const sha = (...parts: (string | Buffer)[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

const proof = {
  seq: 2,
  size: 2,
  digest: sha(EVENT).toString('hex'),
  prev_hash: FIRST,
  hash: SECOND,
  proof: [sha(Buffer.of(0), Buffer.from(FIRST, 'hex')).toString('hex')],
  root: '7d8d447a286e061f50615b7c78d0c6b9e0add89f768b4a0b3e48580bb9a62390',
} as Proof

test('P116 the browser’s own check holds for the published log, and for nothing else', async () => {
  expect(await checkProof(EVENT, TENANT, proof)).toEqual({ text: true, link: true, root: true })
  expect(await checkProof(EVENT.replace('auditor', 'owner'), TENANT, proof)).toEqual({ text: false, link: false, root: false })
  expect(await checkProof(EVENT, TENANT, { ...proof, root: FIRST })).toEqual({ text: true, link: true, root: false })
  expect(await checkProof(EVENT, TENANT, { ...proof, proof: [] })).toMatchObject({ root: false })
})
