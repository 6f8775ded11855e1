// erasures.jsonl (P128): every erasure once, signed and chained, in a file beside the backups. A restore applies it before the restored database serves.
// Never holds content, never rewrites a line, and never lets a file with a missing, altered or foreign line count as whole.
import { constants } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { canonical } from '../../../crypto/canonical.ts'
import type { Keyring } from '../../../crypto/keyring.ts'
import { sha256Hex } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Db, tx } from '../../../db/tx.ts'
import { tenantUuid, tenantWire } from '../../../std/id.ts'
import { destroyUserKeys } from '../root/sql.ts'
import { signingKey, verifySignature } from '../signing-keys.ts'
import { destroySubjectKey } from '../tenant-key.ts'
import {
  destroyRetiredKeys,
  destroySubjectKeysOf,
  destroyTenantKeys,
  eraseThread,
  lockLedger,
  markWritten,
  unwrittenErasures,
} from './sql.ts'

type House = { db: Db; keyring: Keyring }

export type LedgerEntry = {
  v: 1
  id: string
  /** null: what belongs to a user in every tenant. */
  tenant_id: string | null
  /** null: the whole tenant. */
  subject: string | null
  erased_at: string
  /** Hash of the line before; 64 zeros on the first. */
  prev: string
  key: string
}
type Line = LedgerEntry & { signature: string }

export class LedgerBroken extends Error {
  readonly line: number
  constructor(line: number, why: string) {
    super(`Line ${line} of the ledger of erasures ${why}.`)
    this.name = 'LedgerBroken'
    this.line = line
  }
}

const FIRST = '0'.repeat(64)
const AT_ONCE = 500
const DOMAIN = 'countersign/erasures/v1\n'
const signedBytes = (entry: LedgerEntry): Buffer => Buffer.from(DOMAIN + canonical(entry))

/** Appends what is not there yet. Answers how many lines; 0 also when another process is at it. */
export async function writeErasures({ db, keyring }: House, file: string): Promise<number> {
  const scope = systemScope('erasures')
  // The file is written while the transaction holds the lock: it is a local append of a few lines, and two writers would break the chain.
  return tx(db, scope, async (t) => {
    if (!(await lockLedger(t)).locked) return 0
    const rows = await unwrittenErasures(t, AT_ONCE)
    if (rows.length === 0) return 0
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    // A crash between the file and the commit leaves lines that are not marked: they are known by their id and not written again.
    const known = new Set([...text.matchAll(/"id":"(era_[0-9a-f-]+)"/g)].map(([, id]) => id))
    const whole = text.endsWith('\n') || text === '' ? text : text.slice(0, text.lastIndexOf('\n') + 1)
    let prev = whole === '' ? FIRST : sha256Hex(whole.trimEnd().split('\n').at(-1) as string)
    const lines: string[] = []
    for (const row of rows.filter(({ id }) => !known.has(id))) {
      const key = signingKey(keyring, 'receipt')
      const entry: LedgerEntry = {
        v: 1,
        id: row.id,
        tenant_id: row.tenant_id === null ? null : tenantWire(row.tenant_id),
        subject: row.subject,
        erased_at: row.erased_at.toISOString(),
        prev,
        key: key.id,
      }
      const line = JSON.stringify({ ...entry, signature: key.sign(signedBytes(entry)).toString('base64url') })
      prev = sha256Hex(line)
      lines.push(line)
    }
    if (lines.length > 0) await append(file, whole.length, lines)
    await markWritten(
      t,
      rows.map(({ id }) => id),
    )
    return lines.length
  })
}

/** On the disk before it is marked as written. A line that a crash cut off is overwritten. */
async function append(file: string, at: number, lines: readonly string[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    const { size } = await handle.stat()
    const start = Math.min(size, Buffer.byteLength((await handle.readFile()).subarray(0, at)))
    await handle.truncate(start)
    await handle.write(`${lines.join('\n')}\n`, start)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Every entry of a ledger whose lines are all ours, in order and unaltered; else LedgerBroken names the first that is not. */
export async function readErasures(house: House, file: string): Promise<LedgerEntry[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1)
  const entries: LedgerEntry[] = []
  let prev = FIRST
  for (const [i, text] of lines.entries()) {
    const line = parse(text)
    if (!line) throw new LedgerBroken(i + 1, 'is no entry')
    const { signature, ...entry } = line
    if (entry.prev !== prev) throw new LedgerBroken(i + 1, 'does not follow the one before')
    const isOurs = await verifySignature(house, 'receipt', {
      id: entry.key,
      bytes: signedBytes(entry),
      signature: Buffer.from(signature, 'base64url'),
    })
    if (!isOurs) throw new LedgerBroken(i + 1, 'is not signed by this installation')
    prev = sha256Hex(text)
    entries.push(entry)
  }
  return entries
}

function parse(text: string): Line | null {
  try {
    const line = JSON.parse(text) as Line
    return line.v === 1 && typeof line.signature === 'string' && typeof line.key === 'string' ? line : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Destroys in this database what the ledger says is erased. May run any number of times; answers how many keys, and threads with contents, it still found. */
export async function applyErasures(house: House, file: string): Promise<{ entries: number; destroyed: number }> {
  const entries = await readErasures(house, file)
  let destroyed = 0
  for (const { tenant_id, subject } of entries) {
    if (tenant_id === null) {
      const scope = systemScope('erasures')
      const userId = /^user:(.+)$/.exec(subject ?? '')?.[1]
      if (userId) destroyed += await tx(house.db, scope, (t) => destroyUserKeys(t, scope, userId))
      continue
    }
    const tenantId = tenantUuid(tenant_id)
    if (!tenantId) continue
    const scope = systemScope('erasures', tenantId)
    destroyed += await tx(house.db, scope, async (t) => {
      const threadId = /^erased_thread:(.+)$/.exec(subject ?? '')?.[1]
      if (threadId) return Number((await eraseThread(t, threadId)).messages > 0)
      if (subject) return Number(await destroySubjectKey(t, scope, subject))
      return (await destroyRetiredKeys(t, scope)) + (await destroyTenantKeys(t, scope)) + (await destroySubjectKeysOf(t, scope))
    })
  }
  return { entries: entries.length, destroyed }
}
