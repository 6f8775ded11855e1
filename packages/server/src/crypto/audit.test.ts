import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chainOf, digestOf } from './chain.ts'
import {
  ed25519PublicKey,
  ed25519Sign,
  isSignedBy,
  parseCheckpoint,
  parseJws,
  parseVerifier,
  signCheckpoint,
  signJws,
  verifierKey,
} from './ed25519.ts'
import {
  consistencyRanges,
  EMPTY_ROOT,
  growTree,
  inclusionRanges,
  leafHash,
  type Node,
  nodeHash,
  provesConsistency,
  provesInclusion,
  rangeHash,
} from './merkle.ts'
import { randomBytes } from './token.ts'

// biome-ignore lint/suspicious/noExplicitAny: published vectors, one shape per scheme
type Vector = { scheme: string; key: string; inputs: any; expected: string }
const vectors = JSON.parse(readFileSync(new URL('../../../../test/vectors/signatures.json', import.meta.url), 'utf8')) as Vector[]
const of = (scheme: string) => vectors.filter((one) => one.scheme === scheme)
const hex = (text: string) => Buffer.from(text, 'hex')

test('P114 the published seals', () => {
  expect(of('countersign-seal-v1')).toHaveLength(2)
  for (const { inputs, expected } of of('countersign-seal-v1'))
    expect(chainOf(inputs.tenant_uuid)(inputs.seq, hex(inputs.prev_hash), digestOf(inputs.event)).toString('hex')).toBe(expected)
})

test('P116 the published roots of RFC 6962, by leaves and by subtrees', () => {
  expect(of('rfc6962-root').length).toBeGreaterThan(5)
  for (const { inputs, expected } of of('rfc6962-root')) {
    const tree = growTree()
    for (const leaf of inputs.leaves_hex as string[]) tree.add(leafHash(hex(leaf)).toString('hex'))
    expect(tree.root().toString('hex')).toBe(expected)
  }
  expect(growTree().root()).toEqual(EMPTY_ROOT)
})

test('P116 the published checkpoint, its verifier key, and no other key or text', () => {
  const [vector] = of('checkpoint-note') as [Vector]
  const { key, inputs, expected } = vector
  expect(verifierKey(inputs.key_name, ed25519PublicKey(hex(key)))).toBe(inputs.verifier_key)
  const note = signCheckpoint(hex(key), { origin: inputs.origin, size: inputs.size, root: hex(inputs.root_hex) })
  expect(note).toBe(expected)
  const verifier = parseVerifier(inputs.verifier_key)
  const read = parseCheckpoint(note)
  if (!verifier || !read) throw new Error('neither parses')
  expect(read).toMatchObject({ origin: inputs.origin, size: inputs.size, root: hex(inputs.root_hex) })
  expect(isSignedBy(read, [verifier])).toBe(true)
  expect(isSignedBy(read, [])).toBe(false)
  const other = parseCheckpoint(note.replace('\n2\n', '\n3\n'))
  expect(other && isSignedBy(other, [verifier])).toBe(false)
  const stranger = parseVerifier(verifierKey(inputs.key_name, ed25519PublicKey(randomBytes(32))))
  expect(stranger && isSignedBy(read, [stranger])).toBe(false)
  for (const bad of ['', 'a\n1\n', note.replace('\n\n', '\n'), note.replace('\n2\n', '\n02\n'), note.slice(0, 40)])
    expect(parseCheckpoint(bad)).toBeNull()
  for (const bad of ['', 'name', inputs.verifier_key.replace('f6bab768', 'f6bab769'), `${inputs.verifier_key}AA`])
    expect(parseVerifier(bad)).toBeNull()
})

test('P116 every proof of every tree of up to 40 leaves holds, and none holds for another leaf, size or root', () => {
  const leaves = Array.from({ length: 40 }, () => leafHash(randomBytes(32)))
  const hashOf = ({ level, index }: Node): Buffer =>
    level === 0
      ? (leaves[index] as Buffer)
      : nodeHash(hashOf({ level: level - 1, index: index * 2 }), hashOf({ level: level - 1, index: index * 2 + 1 }))
  const roots = leaves.map((_, i) => rangeHash(0, i + 1, hashOf))
  for (let size = 1; size <= leaves.length; size++) {
    const root = roots[size - 1] as Buffer
    const tree = growTree()
    for (const leaf of leaves.slice(0, size)) tree.add(leaf.toString('hex'))
    expect(tree.root()).toEqual(root)
    for (let index = 0; index < size; index++) {
      const proof = inclusionRanges(index, size).map(([lo, hi]) => rangeHash(lo, hi, hashOf))
      const leaf = leaves[index] as Buffer
      expect(provesInclusion(index, size, leaf, proof, root)).toBe(true)
      expect(provesInclusion(index, size, randomBytes(32), proof, root)).toBe(false)
      expect(provesInclusion(index + 1, size, leaf, proof, root)).toBe(false)
      if (size > 1) expect(provesInclusion(index, size, leaf, proof.slice(1), root)).toBe(false)
    }
    for (let from = 1; from <= size; from++) {
      const proof = consistencyRanges(from, size).map(([lo, hi]) => rangeHash(lo, hi, hashOf))
      const older = roots[from - 1] as Buffer
      expect(provesConsistency(from, size, older, root, proof)).toBe(true)
      expect(provesConsistency(from, size, randomBytes(32), root, proof)).toBe(false)
      expect(provesConsistency(from, size, older, randomBytes(32), proof)).toBe(false)
    }
  }
})

test('T157 no bit of a compact JWS can be changed, whatever it then says of its algorithm', () => {
  const seed = randomBytes(32)
  const token = signJws(seed, { typ: 't', kid: 'k' }, '{"a":1}')
  const key = ed25519PublicKey(seed)
  expect(parseJws(token)).toMatchObject({ header: { alg: 'EdDSA', typ: 't', kid: 'k' }, payload: '{"a":1}' })
  expect(parseJws(token)?.verify(key)).toBe(true)
  const bytes = Buffer.from(token)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const altered = Buffer.from(bytes)
    altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7))
    expect(parseJws(altered.toString('latin1'))?.verify(key) ?? false).toBe(false)
  }
  const none = `${Buffer.from('{"alg":"none","typ":"t","kid":"k"}').toString('base64url')}.${token.split('.')[1]}.`
  expect(parseJws(none)).toBeNull()
  expect(ed25519Sign(seed, 'x')).toHaveLength(64)
})
