// Checks an export of one side of the relay, or of a whole tenant, by itself (relay.md R110, platform.md P145): its lines, its signature, each event's way to the signed checkpoint,
// each message against the hash that was sealed, each receipt. Names what expired and what was erased as such. Needs no database and no network.
import { canonical } from '../../crypto/canonical.ts'
import { chainHex, digestHex } from '../../crypto/chain.ts'
import {
  isSignedBy,
  type Note,
  parseCheckpoint,
  parseJws,
  parseVerifier,
  type Verifier,
  verifierKey,
} from '../../crypto/ed25519.ts'
import { leafHash, provesInclusion } from '../../crypto/merkle.ts'
import { sha256, sha256Hex } from '../../crypto/token.ts'
import { JsonRefused, readJson } from '../../http/json.ts'
import { tenantUuid } from '../../std/id.ts'
import type { Fault, VerifyOptions } from './verify.ts'
import { verifyReceipt } from './verify-receipt.ts'

export const EXPORT_TYPE = 'countersign-relay-export+jws'
const FIRST = '{"export":'

export type SideVerdict = {
  verdict: 'sound' | Fault
  says: string
  /** The line at which it stopped being what it was; null when it is sound, or when only the whole is wrong. */
  first_bad_line: number | null
  export: Record<string, unknown> | null
  threads: number
  messages: number
  events: number
  /** Events of which the record keeps the digest alone. */
  digests: number
  receipts: number
  /** Rows of tables and tasks, of which a tenant's export has any. */
  rows: number
  tasks: number
  /** Messages whose contents were gone when it was written. */
  expired: string[]
  erased: string[]
  key: 'trusted' | 'from the file' | null
}

class Bad extends Error {
  readonly fault: Fault
  readonly line: number | null
  constructor(fault: Fault, says: string, line: number | null = null) {
    super(says)
    this.fault = fault
    this.line = line
  }
}

type Closing = {
  note: string
  export_id: string
  lines: number
  lines_hash: string
  verifier_keys: string[]
  receipt_keys: { kid: string; kty: string; crv: string; x: string }[]
  signature: string
}
type Sealed = { seq: number; prev_hash: string; hash: string; event?: string; digest?: string; proof: string[] }
type Said = {
  id: string
  thread_id: string
  parts?: unknown[]
  skill: string | null
  payload_hash: string
  payload_state: string
}
type Line = {
  export?: Record<string, unknown>
  thread?: { id: string }
  sealed?: Sealed
  message?: Said
  receipt?: { task_id: string; receipt: string }
  row?: object
  task?: object
  checkpoint?: Closing
}

export const isSide = (firstLine: Buffer): boolean => firstLine.subarray(0, FIRST.length).toString() === FIRST

/** `lines` gives them in order, without their ends; `last` is the last of them. */
export async function verifySide(lines: AsyncIterable<Buffer>, last: Buffer, options: VerifyOptions = {}): Promise<SideVerdict> {
  const state: SideVerdict = {
    ...{
      verdict: 'sound',
      says: '',
      first_bad_line: null,
      export: null,
      threads: 0,
      messages: 0,
      events: 0,
      digests: 0,
      receipts: 0,
      rows: 0,
      tasks: 0,
    },
    ...{ expired: [], erased: [], key: null },
  }
  try {
    await judge(lines, last, options, state)
    const { subject, subject_id, side } = state.export as Record<string, string>
    state.says =
      subject === 'tenant'
        ? `Sound: this is the export of the tenant ${subject_id}, as it was signed.`
        : `Sound: this is the ${side}’s side of the ${subject?.replace('_', ' ')} ${subject_id}, as it was signed.`
    return state
  } catch (error) {
    if (!(error instanceof Bad)) throw error
    return { ...state, verdict: error.fault, says: error.message, first_bad_line: error.line }
  }
}

async function judge(lines: AsyncIterable<Buffer>, last: Buffer, options: VerifyOptions, state: SideVerdict): Promise<void> {
  const closing = readLine(last)?.checkpoint
  if (!closing) throw new Bad('truncated', 'The export has no closing line: its end is missing.')
  const note = typeof closing.note === 'string' ? parseCheckpoint(closing.note) : null
  if (!note) throw new Bad('unreadable', 'The closing line holds no note of a checkpoint.')
  const verifiers = verifiersFor(note, closing, options, state)
  if (!isSignedBy(note, verifiers)) throw new Bad('bad_signature', 'No key that counts signed the note.')
  checkSignature(closing, verifiers)
  const uuid = tenantUuid(note.origin.slice(-30))
  if (!uuid) throw new Bad('unreadable', 'Nothing says whose record this is.')
  const check = { note, link: chainHex(uuid), hashes: new Map<string, string>(), keys: { keys: closing.receipt_keys } }
  let [count, hash] = [0, Buffer.alloc(32) as Buffer]
  for await (const bytes of lines) {
    const line = readLine(bytes)
    if (!line) throw new Bad('unreadable', `Line ${count + 1} is no line of an export.`, count + 1)
    if (line.checkpoint) break
    count++
    hash = sha256(Buffer.concat([hash, bytes]))
    checkLine(line, count, check, state)
  }
  if (count < closing.lines) throw new Bad('truncated', `${closing.lines - count} lines are missing.`)
  if (count > closing.lines || hash.toString('hex') !== closing.lines_hash)
    throw new Bad('altered', 'The lines are not those that were signed: one was changed, added, left out or moved.')
  if (state.export?.id !== closing.export_id) throw new Bad('altered', 'The first line is of another export.', 1)
}

type Check = { note: Note; link: ReturnType<typeof chainHex>; hashes: Map<string, string>; keys: object }

function checkLine(line: Line, at: number, check: Check, state: SideVerdict): void {
  if (line.export) state.export = line.export
  if (line.thread) {
    state.threads++
    // What was sealed of a thread stands between it and its messages.
    check.hashes.clear()
  }
  if (line.sealed) checkSealed(line.sealed, at, check, state)
  if (line.row) state.rows++
  if (line.task) state.tasks++
  if (line.message) checkMessage(line.message, at, check, state)
  if (line.receipt) {
    const { valid, says } = verifyReceipt(line.receipt.receipt, { receipt: check.keys })
    if (!valid) throw new Bad('altered', `The receipt of ${line.receipt.task_id} is not genuine: ${says}`, at)
    state.receipts++
  }
}

function checkSealed({ seq, prev_hash, hash, event, digest, proof }: Sealed, at: number, check: Check, state: SideVerdict): void {
  const { note, link, hashes } = check
  const own = event === undefined ? digest : digestHex(Buffer.from(event))
  if (own === undefined || link(seq, prev_hash, own) !== hash)
    throw new Bad('altered', `Event ${seq} is not what was sealed.`, at)
  const ways = proof.map((one) => Buffer.from(one, 'hex'))
  if (!provesInclusion(seq - 1, note.size, leafHash(Buffer.from(hash, 'hex')), ways, note.root))
    throw new Bad('forked', `Event ${seq} is not in the record that the note signs.`, at)
  state.events++
  if (event === undefined) {
    state.digests++
    return
  }
  const { type, data = {} } = JSON.parse(event) as { type: string; data?: Record<string, unknown> }
  // Of a whole record, which stands before the threads, nothing is remembered: each thread brings its own again.
  if (state.threads > 0 && /^(?:message\.accepted|artifact\.)/.test(type) && typeof data.message_id === 'string')
    hashes.set(data.message_id, String(data.payload_hash))
}

function checkMessage(said: Said, at: number, { hashes }: Check, state: SideVerdict): void {
  state.messages++
  if (said.payload_state === 'expired') state.expired.push(said.id)
  if (said.payload_state === 'erased') state.erased.push(said.id)
  const sealed = hashes.get(said.id)
  if (sealed !== undefined && sealed !== said.payload_hash)
    throw new Bad('altered', `The record has another hash of ${said.id}.`, at)
  if (said.parts === undefined) {
    if (said.payload_state === 'present')
      throw new Bad('altered', `${said.id} says that its contents are here, and they are not.`, at)
    return
  }
  const { parts, skill, thread_id } = said
  if (`sha256:${sha256Hex(canonical({ parts, skill, thread_id }))}` !== said.payload_hash)
    throw new Bad('altered', `${said.id} is not what was accepted.`, at)
}

/** Those that the reader brought; without any, those that stand in the file, which prove that nothing broke and not who wrote it. */
function verifiersFor(
  note: Note,
  closing: Closing,
  { keys = [], publicKeys = [] }: VerifyOptions,
  state: SideVerdict,
): Verifier[] {
  const brought = [...keys, ...publicKeys.map((key) => verifierKey(note.origin, key))]
  state.key = brought.length > 0 ? 'trusted' : 'from the file'
  return (brought.length > 0 ? brought : closing.verifier_keys).map((text) => {
    const verifier = parseVerifier(text)
    if (!verifier) throw new Bad('unreadable', `"${text.slice(0, 80)}" is not the key of a verifier.`)
    return verifier
  })
}

function checkSignature(closing: Closing, verifiers: readonly Verifier[]): void {
  const { export_id, lines, lines_hash, note, receipt_keys } = closing
  const jws = parseJws(closing.signature)
  const said = canonical({ v: 1, export_id, lines, lines_hash, note, receipt_keys })
  if (jws?.header.typ !== EXPORT_TYPE || jws.payload !== said || !verifiers.some(({ key }) => jws.verify(key)))
    throw new Bad('bad_signature', 'The signature of the closing line is wrong.')
}

function readLine(bytes: Buffer): Line | null {
  try {
    const line = parsed(bytes.toString('utf8'))
    return typeof line === 'object' && line !== null ? (line as Line) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** As the server reads: no digit of a number is lost, for what was hashed had them all. A message as large as it may be has an envelope too, which is more than the server reads. */
function parsed(text: string): unknown {
  try {
    return readJson(text)
  } catch (error) {
    if (error instanceof JsonRefused) return JSON.parse(text)
    throw error
  }
}
