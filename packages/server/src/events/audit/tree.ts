// Where the hashes of a chain's tree come from (P116): whole subtrees of 256 leaves and of 256 of those are rows; what lies between is hashed again from them.
// A proof of a log of any length so reads a few hundred hashes, in two statements.
import { type HashOf, leafHash, type Node, nodeHash } from '../../crypto/merkle.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { hashesOfSeals, hashesOfTiles, putTiles, type Stretch, sealHashes } from './sql.ts'

const HEIGHT = 8
const WIDTH = 2 ** HEIGHT
// Of leaves read at once when the tree grows: 512 KiB of hashes.
const TILES_AT_ONCE = 64

/** What is stored of this node: the rows of its base level that it covers. */
const stretchOf = ({ level, index }: Node): Stretch => {
  const base = Math.floor(level / HEIGHT) * HEIGHT
  const width = 2 ** (level - base)
  return { level: base, from: index * width, to: (index + 1) * width }
}

/** The hash over 1, 2, 4, … hashes of whole subtrees beside each other. */
export function fold(hashes: readonly Buffer[]): Buffer {
  let row = hashes
  while (row.length > 1)
    row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i] as Buffer, row[2 * i + 1] as Buffer))
  return row[0] as Buffer
}

const keyOf = ({ level, index }: Node): string => `${level} ${index}`

const known = (nodes: readonly Node[], rows: readonly Buffer[][]): HashOf => {
  const hashes = new Map(nodes.map((node, i) => [keyOf(node), fold(wholeRow(node, rows[i] ?? []))]))
  return (node) => {
    const hash = hashes.get(keyOf(node))
    if (!hash) throw new Error(`The hash of subtree ${keyOf(node)} was not read.`)
    return hash
  }
}

function wholeRow(node: Node, row: Buffer[]): Buffer[] {
  const { level, from, to } = stretchOf(node)
  if (row.length !== to - from) throw new Error(`The log lacks hashes of level ${level} between ${from} and ${to}.`)
  return row
}

/** The hashes of these nodes, read as the tenant. */
export async function readNodes(t: Tx, scope: Scope, nodes: readonly Node[]): Promise<HashOf> {
  const stretches = nodes.map(stretchOf)
  const rows: Buffer[][] = nodes.map(() => [])
  const read = async (which: (one: Stretch) => boolean, get: typeof hashesOfSeals, of: (hash: Buffer) => Buffer) => {
    const places = stretches.flatMap((one, i) => (which(one) ? [i] : []))
    if (places.length === 0) return
    for (const { n, hash } of await get(
      t,
      scope,
      places.map((i) => stretches[i] as Stretch),
    ))
      rows[places[n - 1] as number]?.push(of(hash))
  }
  await read((one) => one.level === 0, hashesOfSeals, leafHash)
  await read(
    (one) => one.level > 0,
    hashesOfTiles,
    (hash) => hash,
  )
  return known(nodes, rows)
}

/** The same by the engine's function, for the maintenance role, which may read no table. */
export async function readNodesAsMaintenance(t: Tx, tenantId: string, nodes: readonly Node[]): Promise<HashOf> {
  const rows: Buffer[][] = []
  for (const node of nodes) rows.push(await readStretch(t, tenantId, stretchOf(node)))
  return known(nodes, rows)
}

async function readStretch(t: Tx, tenantId: string, { level, from, to }: Stretch): Promise<Buffer[]> {
  const { hashes } = await sealHashes(t, tenantId, level, from, to)
  const row = Array.from({ length: (hashes?.length ?? 0) / 32 }, (_, i) => (hashes as Buffer).subarray(i * 32, i * 32 + 32))
  return level === 0 ? row.map(leafHash) : row
}

/** Stores the subtrees that became whole since the tree had `from` leaves. */
export async function growTiles(t: Tx, tenantId: string, from: number, to: number): Promise<void> {
  for (let level = HEIGHT, span = WIDTH; span <= to; level += HEIGHT, span *= WIDTH) {
    const want = Math.floor(to / span)
    for (let at = Math.floor(from / span); at < want; at += TILES_AT_ONCE) {
      const end = Math.min(want, at + TILES_AT_ONCE)
      const below = await readStretch(t, tenantId, { level: level - HEIGHT, from: at * WIDTH, to: end * WIDTH })
      const hashes = Array.from({ length: end - at }, (_, i) => {
        const row = below.slice(i * WIDTH, (i + 1) * WIDTH)
        if (row.length !== WIDTH) throw new Error(`The log of ${tenantId} lacks hashes below ${to}.`)
        return fold(row)
      })
      await putTiles(t, tenantId, level, at, hashes)
    }
  }
}
