// Checks an export of the record by itself (P119): hashes, order, gaps, the tree, the signature of its closing note, and that it goes on from an older note.
// Needs no database and no network, and imports nothing but this installation's own arithmetic: the same code is the script that stands alone.
// Reads bytes, not JSON: what was hashed is what stands in the line.
import { chainHex, digestHex, FIRST_PREV } from '../../crypto/chain.ts'
import { isSignedBy, type Note, parseCheckpoint, parseVerifier, type Verifier, verifierKey } from '../../crypto/ed25519.ts'
import { growTree, leafHex, nodesOf } from '../../crypto/merkle.ts'
import { tenantUuid } from '../../std/id.ts'

export const EXIT = {
  sound: 0,
  unreadable: 2,
  gap: 10,
  altered: 11,
  reordered: 12,
  truncated: 13,
  forked: 14,
  bad_signature: 15,
} as const
export type Fault = Exclude<keyof typeof EXIT, 'sound'>

export type LogVerdict = {
  verdict: keyof typeof EXIT
  says: string
  first_bad_seq: number | null
  origin: string | null
  from_seq: number | null
  to_seq: number | null
  events: number
  /** Lines that hold the digest of an event whose text the retention removed. */
  digests: number
  size: number | null
  root: string | null
  /** Whether the note was held against a key that the caller trusts, or only against the one that stands in the file. */
  key: 'trusted' | 'from the file' | null
}

export type VerifyOptions = {
  /** Keys that the reader has from elsewhere: `<name>+<id>+<key>`. */
  keys?: readonly string[]
  /** Public keys that the reader has from elsewhere, as `audit-keys.json` lists them: they sign whatever log. */
  publicKeys?: readonly Buffer[]
  /** An older note of the same log. */
  against?: string
}

/** What people hand in: keys as text, the file of published keys, an older note (bare, or in the closing line of an older export). */
export function verifierOptions(given: { keys?: readonly string[]; keyFile?: string; against?: string }): VerifyOptions {
  const { keys } = (given.keyFile === undefined ? {} : JSON.parse(given.keyFile)) as { keys?: { public_key?: unknown }[] }
  const published = (Array.isArray(keys) ? keys : []).map((one) => Buffer.from(String(one.public_key), 'base64'))
  if (given.keyFile !== undefined && published.length === 0) throw new Error('The file of keys holds no key.')
  const last = given.against?.trimEnd().split('\n').at(-1) ?? ''
  const older = last.startsWith(CLOSING.toString()) ? readClosing(Buffer.from(last))?.note : given.against
  return {
    ...(given.keys?.length ? { keys: given.keys } : {}),
    ...(published.length > 0 ? { publicKeys: published } : {}),
    ...(older === undefined ? {} : { against: older }),
  }
}

class Bad extends Error {
  readonly fault: Fault
  readonly seq: number | null
  constructor(fault: Fault, says: string, seq: number | null = null) {
    super(says)
    this.fault = fault
    this.seq = seq
  }
}

type Closing = { note: string; from_seq: number; to_seq: number; left: string[]; right: string[]; verifier_keys: string[] }
type Line = { seq: number; prev: string; hash: string; event: Buffer | null; digest: string }

/** Any number of lines, as they come from a file. */
export type Lines = AsyncIterable<Buffer> | Iterable<Buffer>

/** `open` gives the lines from the beginning, twice: the closing line is looked at first, because it says whose log this is. */
export async function verifyLog(open: () => Lines, last: Buffer, options: VerifyOptions = {}): Promise<LogVerdict> {
  const state: LogVerdict = {
    ...{ verdict: 'sound', says: '', first_bad_seq: null, origin: null, from_seq: null, to_seq: null, events: 0, digests: 0 },
    ...{ size: null, root: null, key: null },
  } as LogVerdict
  try {
    await judge(open, last, options, state)
    state.says = `Sound: events ${state.from_seq} to ${state.to_seq} of ${state.origin} are as they were signed.`
    return state
  } catch (error) {
    if (!(error instanceof Bad)) throw error
    return { ...state, verdict: error.fault, says: error.message, first_bad_seq: error.seq }
  }
}

async function judge(open: () => Lines, last: Buffer, options: VerifyOptions, state: LogVerdict): Promise<void> {
  const closing = readClosing(last)
  const note = closing && parseCheckpoint(closing.note)
  if (closing && !note) throw new Bad('unreadable', 'The closing line holds no note of a checkpoint.')
  const older = olderNote(options, note)
  const tree = growTree()
  const roots = new Map<number, string>()
  const mark = () => {
    if (older && tree.size === older.size) roots.set(older.size, tree.root().toString('hex'))
  }
  if (closing) {
    Object.assign(state, { origin: note?.origin, size: note?.size, root: note?.root.toString('hex') })
    join(tree, 0, closing.from_seq - 1, closing.left)
    mark()
  }
  await chain(open, closing, note, state, (leaf) => {
    tree.add(leafHex(leaf))
    mark()
  })
  if (!closing || !note)
    throw new Bad('truncated', 'The export has no closing note: its end is missing.', (state.to_seq ?? 0) + 1)
  if ((state.to_seq ?? closing.from_seq - 1) < closing.to_seq)
    throw new Bad(
      'truncated',
      `The export ends at ${state.to_seq}, and its note says ${closing.to_seq}.`,
      (state.to_seq ?? 0) + 1,
    )
  join(tree, closing.to_seq, note.size, closing.right)
  checkSignature(note, closing, options, state)
  if (tree.size !== note.size || !tree.root().equals(note.root))
    throw new Bad('forked', 'The lines are not the log that the note signs: their tree has another root.', null)
  if (older) checkOlder(older, note, roots, closing, options)
}

function join(tree: ReturnType<typeof growTree>, from: number, to: number, hashes: readonly string[]): void {
  const nodes = nodesOf(from, to)
  if (nodes.length !== hashes.length) throw new Bad('unreadable', 'The closing line does not say what lies beside its range.')
  for (const [i, node] of nodes.entries()) tree.join(node, hashes[i] as string)
}

/** Follows the lines; throws at the first that does not follow from the one before. */
async function chain(
  open: () => Lines,
  closing: Closing | null,
  note: Note | null,
  state: LogVerdict,
  add: (leaf: string) => void,
): Promise<void> {
  let link = note ? chainHex(uuidOf(note.origin)) : null
  let prev: string | null = closing?.from_seq === 1 ? FIRST : null
  let expected = closing?.from_seq ?? null
  for await (const lines of linesOf(open()))
    for (const bytes of lines) {
      const line = readLine(bytes)
      if (!line) {
        if (bytes.subarray(0, CLOSING.length).equals(CLOSING)) return
        throw new Bad('unreadable', `Line ${state.events + 1} is no line of an export.`, expected)
      }
      expected ??= line.seq
      if (line.seq !== expected) throw await outOfPlace(open, line.seq, expected)
      link ??= chainHex(uuidOf(tenantOf(line.event)))
      prev ??= line.seq === 1 ? FIRST : line.prev
      if (line.prev !== prev || link(line.seq, prev, line.event ? digestHex(line.event) : line.digest) !== line.hash)
        throw new Bad('altered', `Event ${line.seq} is not what was sealed.`, line.seq)
      prev = line.hash
      add(line.hash)
      state.events += 1
      if (!line.event) state.digests += 1
      state.from_seq ??= line.seq
      state.to_seq = line.seq
      expected += 1
    }
}

/** The one that was expected comes later: the order is wrong. It does not come at all: it is missing. */
async function outOfPlace(open: () => Lines, found: number, expected: number): Promise<Bad> {
  if (found < expected) return new Bad('reordered', `Event ${found} stands where ${expected} belongs.`, expected)
  for await (const lines of linesOf(open()))
    if (lines.some((bytes) => readLine(bytes)?.seq === expected))
      return new Bad('reordered', `Event ${found} stands where ${expected} belongs, which comes later.`, expected)
  return new Bad('gap', `Event ${expected} is missing.`, expected)
}

function checkSignature(note: Note, closing: Closing, options: VerifyOptions, state: LogVerdict): void {
  const { trusted, verifiers } = verifiersFor(note, closing, options)
  state.key = trusted ? 'trusted' : 'from the file'
  if (!isSignedBy(note, verifiers))
    throw new Bad('bad_signature', trusted ? 'No key that you trust signed the note.' : 'The signature of the note is wrong.')
}

/** Those that the reader brought; without any, those that stand in the file, which prove that nothing broke and not who wrote it. */
function verifiersFor(note: Note, closing: Closing, { keys = [], publicKeys = [] }: VerifyOptions) {
  const published = publicKeys.map((key) => verifierKey(note.origin, key))
  const trusted = keys.length + published.length > 0
  return { trusted, verifiers: verifiersOf(trusted ? [...keys, ...published] : closing.verifier_keys) }
}

function verifiersOf(keys: readonly string[]): Verifier[] {
  return keys.map((text) => {
    const verifier = parseVerifier(text)
    if (!verifier) throw new Bad('unreadable', `"${text.slice(0, 80)}" is not the key of a verifier.`)
    return verifier
  })
}

function olderNote({ against }: VerifyOptions, note: Note | null): Note | null {
  if (against === undefined) return null
  const older = parseCheckpoint(against)
  if (!older) throw new Bad('unreadable', 'The older note is no note of a checkpoint.')
  if (note && older.origin !== note.origin) throw new Bad('unreadable', `The older note is of another log: ${older.origin}.`)
  return older
}

function checkOlder(older: Note, note: Note, roots: Map<number, string>, closing: Closing, options: VerifyOptions): void {
  if (!isSignedBy(older, verifiersFor(older, closing, options).verifiers))
    throw new Bad('bad_signature', 'The signature of the older note is wrong.')
  if (older.size > note.size)
    throw new Bad(
      'truncated',
      `The log had ${older.size} events when the older note was signed and has ${note.size} now.`,
      note.size + 1,
    )
  const root = older.size === note.size ? note.root.toString('hex') : roots.get(older.size)
  if (root === undefined)
    throw new Bad(
      'unreadable',
      `This export begins after the older note (${older.size}); export from an earlier time to compare.`,
    )
  if (root !== older.root.toString('hex'))
    throw new Bad('forked', `The log of the older note and this one part at or before event ${older.size}.`, null)
}

const FIRST = FIRST_PREV.toString('hex')
const CLOSING = Buffer.from('{"checkpoint":')

/** Null: the last line is no closing line. */
function readClosing(last: Buffer): Closing | null {
  if (!last.subarray(0, CLOSING.length).equals(CLOSING)) return null
  let read: { checkpoint?: Partial<Closing> }
  try {
    read = JSON.parse(last.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const { note, from_seq, to_seq, left, right, verifier_keys } = read.checkpoint ?? {}
  const lists = [left, right, verifier_keys]
  const sizes = [from_seq, to_seq]
  if (typeof note !== 'string' || !sizes.every(Number.isSafeInteger) || !lists.every(Array.isArray))
    throw new Bad('unreadable', 'The closing line does not say which events the export holds.')
  return { note, from_seq, to_seq, left, right, verifier_keys } as Closing
}

const HEAD = Buffer.from('{"seq":')
const PREV = Buffer.from(',"prev_hash":"')
const HASH = Buffer.from('","hash":"')
const EVENT = Buffer.from('","event":')
const DIGEST = Buffer.from('","digest":"')
const BRACE = 125

// Byte by byte: over a dozen of them that is cheaper than a call out of JavaScript.
function isAt(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}

/** Null: not a line of an event. */
function readLine(bytes: Buffer): Line | null {
  if (!isAt(bytes, 0, HEAD) || bytes[bytes.length - 1] !== BRACE) return null
  let [seq, end] = [0, HEAD.length]
  for (let digit = (bytes[end] as number) - 48; digit >= 0 && digit <= 9; digit = (bytes[end] as number) - 48) {
    seq = seq * 10 + digit
    end += 1
  }
  const prev = end + PREV.length
  const hash = prev + 64 + HASH.length
  const rest = hash + 64
  if (!Number.isSafeInteger(seq) || seq < 1 || !isAt(bytes, end, PREV) || !isAt(bytes, prev + 64, HASH)) return null
  const hashes = { prev: hexAt(bytes, prev), hash: hexAt(bytes, hash) }
  if (isAt(bytes, rest, EVENT)) return { seq, ...hashes, event: bytes.subarray(rest + EVENT.length, -1), digest: '' }
  if (!isAt(bytes, rest, DIGEST)) return null
  return { seq, ...hashes, event: null, digest: hexAt(bytes, rest + DIGEST.length) }
}

const hexAt = (bytes: Buffer, at: number): string => bytes.toString('latin1', at, at + 64)

/** Lines without their ends, as many at a time as one read brought; what stands after the last end is a line too. */
async function* linesOf(chunks: Lines): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const lines: Buffer[] = []
    let at = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, at)) {
      if (end > at) lines.push(bytes.subarray(at, end))
      at = end + 1
    }
    rest = bytes.subarray(at)
    yield lines
  }
  if (rest.length > 0) yield [rest]
}

/** The uuid of a tenant, from its spoken id at the end of a text: a log's name, or the id alone. */
function uuidOf(text: string): string {
  const uuid = tenantUuid(text.slice(-30))
  if (!uuid) throw new Bad('unreadable', 'Nothing says whose log this is.')
  return uuid
}

function tenantOf(event: Buffer | null): string {
  const [, tenant] = /"tenant_id":"(ten_[0-9A-Z]{26})"/.exec(event?.toString('utf8') ?? '') ?? []
  return tenant ?? ''
}
