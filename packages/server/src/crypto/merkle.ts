// The tree of RFC 6962 (and RFC 9162 §2.1) over the hashes of a log: roots, proofs of inclusion and of consistency, and their checks.
// Pure: whoever calls hands in hashes and knows where they are kept. A proof that does not fit is `false`, never an exception.
import { createHash, hash } from 'node:crypto'

const LEAF = Buffer.of(0)
const NODE = Buffer.of(1)

/** A leaf and a node are hashed with different first bytes, so that no node can be passed off as a leaf. */
export const leafHash = (data: Buffer): Buffer => createHash('sha256').update(LEAF).update(data).digest()
export const nodeHash = (left: Buffer, right: Buffer): Buffer =>
  createHash('sha256').update(NODE).update(left).update(right).digest()
export const EMPTY_ROOT = createHash('sha256').digest()

/** A whole subtree: the leaves from `index · 2^level` on, 2^level of them. */
export type Node = { level: number; index: number }
export type HashOf = (node: Node) => Buffer

/** The largest power of two below n (n ≥ 2). */
const split = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

const isPower = (n: number): boolean => n > 0 && (n === 1 || (n % 2 === 0 && isPower(n / 2)))

/** The whole subtrees that make up the leaves from `lo` to before `hi`, left to right. */
export function nodesOf(lo: number, hi: number): Node[] {
  const nodes: Node[] = []
  for (let at = lo; at < hi; ) {
    let level = 0
    let width = 1
    while (at % (width * 2) === 0 && at + width * 2 <= hi) {
      width *= 2
      level += 1
    }
    nodes.push({ level, index: at / width })
    at += width
  }
  return nodes
}

/** What a range [lo, hi) hashes to, where `lo` is where a subtree of the tree begins. */
export function rangeHash(lo: number, hi: number, hashOf: HashOf): Buffer {
  if (hi === lo) return EMPTY_ROOT
  const size = hi - lo
  if (isPower(size) && lo % size === 0) return hashOf({ level: Math.log2(size), index: lo / size })
  const k = split(size)
  return nodeHash(rangeHash(lo, lo + k, hashOf), rangeHash(lo + k, hi, hashOf))
}

type Range = readonly [lo: number, hi: number]

/** The ranges whose hashes prove that leaf `index` stands in the tree of `size`, from the leaf upwards (RFC 6962 §2.1.1). */
export function inclusionRanges(index: number, size: number): Range[] {
  const path = (m: number, lo: number, hi: number): Range[] => {
    if (hi - lo <= 1) return []
    const k = split(hi - lo)
    return m < k ? [...path(m, lo, lo + k), [lo + k, hi]] : [...path(m - k, lo + k, hi), [lo, lo + k]]
  }
  return path(index, 0, size)
}

/** The ranges whose hashes prove that the tree of `from` is the beginning of the tree of `to` (RFC 6962 §2.1.2). */
export function consistencyRanges(from: number, to: number): Range[] {
  const path = (m: number, lo: number, hi: number, whole: boolean): Range[] => {
    if (m === hi - lo) return whole ? [] : [[lo, hi]]
    const k = split(hi - lo)
    return m <= k ? [...path(m, lo, lo + k, whole), [lo + k, hi]] : [...path(m - k, lo + k, hi, false), [lo, lo + k]]
  }
  return from === 0 || from === to ? [] : path(from, 0, to, true)
}

/** Which whole subtrees have to be known for these ranges. */
export const nodesOfRanges = (ranges: readonly Range[]): Node[] => ranges.flatMap(([lo, hi]) => nodesOf(lo, hi))

/** RFC 9162 §2.1.3.2. */
export function provesInclusion(index: number, size: number, leaf: Buffer, proof: readonly Buffer[], root: Buffer): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false
  let [at, last, hash] = [index, size - 1, leaf]
  for (const step of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(step, hash)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else hash = nodeHash(hash, step)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && hash.equals(root)
}

/** RFC 9162 §2.1.4.2. */
export function provesConsistency(from: number, to: number, older: Buffer, newer: Buffer, proof: readonly Buffer[]): boolean {
  if (from > to || from < 0) return false
  if (from === to) return proof.length === 0 && older.equals(newer)
  if (from === 0) return proof.length === 0
  const path = isPower(from) ? [older, ...proof] : [...proof]
  const first = path.shift()
  if (!first) return false
  let [at, last] = [from - 1, to - 1]
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  let [left, right] = [first, first]
  for (const step of path) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      left = nodeHash(step, left)
      right = nodeHash(step, right)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else right = nodeHash(right, step)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && left.equals(older) && right.equals(newer)
}

/** A tree that grows by one leaf at a time and remembers only its right edge: what a reader of a whole log needs. Hashes in hex. */
export type Growing = { readonly size: number; add(leaf: string): void; join(node: Node, hash: string): void; root(): Buffer }

// A reader hashes three times an event. One hash into a buffer of one's own costs a third of a hash object with a buffer for its digest.
const leafBytes = Buffer.alloc(33)
const nodeBytes = Buffer.alloc(65, 1)

/** The leaf over 32 bytes in hex. */
export function leafHex(data: string): string {
  leafBytes.write(data, 1, 'hex')
  return hash('sha256', leafBytes, 'hex')
}

function nodeHex(left: string, right: string): string {
  nodeBytes.write(left, 1, 'hex')
  nodeBytes.write(right, 33, 'hex')
  return hash('sha256', nodeBytes, 'hex')
}

export function growTree(): Growing {
  const edge: string[] = []
  const levels: number[] = []
  let size = 0
  const push = (level: number, leaf: string) => {
    let [at, top] = [level, leaf]
    while (levels.length > 0 && levels[levels.length - 1] === at) {
      levels.pop()
      top = nodeHex(edge.pop() as string, top)
      at += 1
    }
    edge.push(top)
    levels.push(at)
    size += 2 ** level
  }
  return {
    get size() {
      return size
    },
    add: (leaf) => push(0, leaf),
    /** A whole subtree that comes next. */
    join({ level, index }, whole) {
      if (index * 2 ** level !== size) throw new RangeError('A subtree is joined where the tree ends.')
      push(level, whole)
    },
    root: () =>
      edge.length === 0
        ? EMPTY_ROOT
        : Buffer.from(
            edge.reduceRight((right, left) => nodeHex(left, right)),
            'hex',
          ),
  }
}
