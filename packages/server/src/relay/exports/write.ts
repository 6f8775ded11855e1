// The writing of an export (relay.md R110): one JSON object a line, closed by a checkpoint that is signed. Every event of the side's own record comes with its way to that checkpoint,
// so `countersign audit verify` checks the file with no server; a message whose contents are gone says so. Written in pieces, sealed under a key of the export.
import { canonical } from '../../crypto/canonical.ts'
import { signJws } from '../../crypto/ed25519.ts'
import { sealText } from '../../crypto/seal.ts'
import { sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import { checkpointNow, proofOf, provePlaces } from '../../events/audit/checkpoint.ts'
import { publishedKeys, signingKey, verifierKeys } from '../../events/audit/keys.ts'
import type { CheckpointRow } from '../../events/audit/sql.ts'
import { EXPORT_TYPE } from '../../events/audit/verify-side.ts'
import { writeJson } from '../../http/json.ts'
import { subjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import { taskReceipt } from '../../tasks/receipt.ts'
import { EVERY, findTask, isFinal } from '../../tasks/sql.ts'
import { threadsAbout } from '../erasures/sql.ts'
import { showGrant } from '../grants/show.ts'
import { findGrant } from '../grants/sql.ts'
import { messageOfHeld } from '../held/show.ts'
import { findCallerThread, heldAbout } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { MessageKind } from '../model.ts'
import { partyScope } from '../party.ts'
import { type Place, relayPlace } from '../sql.ts'
import { mergeArtifacts, shown } from '../threads/read.ts'
import { showEvent, showThread } from '../threads/show.ts'
import { findThread, listMessages, listThreadEvents } from '../threads/sql.ts'
import { chunkPlace, exportSubject } from './export.ts'
import {
  addChunk,
  asksOf,
  type ExportRow,
  endIfRunning,
  findExport,
  grantsOfCard,
  requestTasks,
  restartExport,
  sealedAbout,
  versionsOf,
} from './sql.ts'

export { EXPORT } from './export.ts'

const KEPT_MS = 7 * 24 * 3_600_000
const PIECE_BYTES = 1_000_000
const PAGE = 100
const ALL: readonly MessageKind[] = ['message', 'progress', 'artifact']

/** What is written where: the exporting tenant's own record, and the rows of the relay where they lie. */
type Job = { house: RelayHouse; own: Scope; there: Scope; row: ExportRow; checkpoint: CheckpointRow; out: Lines }
type Lines = { put(line: object): Promise<void>; thread(): void; count(): number; hash(): string; end(): Promise<void> }

/** False: what happened before it was asked for is not sealed yet. Killed and run again it begins anew. */
export async function writeExport(house: RelayHouse, tenantId: string, id: string, signal?: AbortSignal): Promise<boolean> {
  const own = systemScope('relay-export', tenantId)
  const row = await tx(house.db, own, (t) => findExport(t, own, id), { readOnly: true })
  if (row?.state !== 'running') return true
  const checkpoint = await checkpointNow(house, own)
  if (!checkpoint || !(await proofOf(house, own, row.event_id))) return false
  const there = await scopeThere(house, own, row)
  await tx(house.db, own, (t) => restartExport(t, own, id, checkpoint.size))
  const job: Job = { house, own, there, row, checkpoint, out: linesOf(house, own, id) }
  await writeHead(job)
  for (let after = ''; ; ) {
    const found = await tx(house.db, there, (t) => threadsAbout(t, there, row.subject_id, after, PAGE), { readOnly: true })
    for (const thread of found) {
      signal?.throwIfAborted()
      await writeThread(job, thread.id)
    }
    const last = found.at(-1)
    if (!last || found.length < PAGE) break
    after = last.id
  }
  if (row.side === 'caller') await writeHeld(job)
  await close(job)
  return true
}

export async function failExport(house: RelayHouse, tenantId: string, id: string, error: string): Promise<void> {
  const scope = systemScope('relay-export', tenantId)
  await tx(house.db, scope, (t) => endIfRunning(t, scope, id, { linesHash: null, error, keepMs: KEPT_MS }))
}

async function scopeThere(house: RelayHouse, own: Scope, { side, subject_id }: ExportRow): Promise<Scope> {
  if (side === 'owner') return { ...own, relaySide: 'owner' }
  const [place] = await once<Place>(house.db, relayPlace(subject_id))
  if (!place) throw new Error('What is exported is not there any more.')
  return partyScope(own, place, ['threads:read'])
}

async function writeHead(job: Job): Promise<void> {
  const { house, own, there, row, out } = job
  const { id, subject, subject_id, side, requested_by, created_at } = row
  const tenant_id = tenantWire(own.tenantId)
  await out.put({ export: { v: 1, id, tenant_id, subject, subject_id, side, requested_by, created_at } })
  await writeSealed(job, row.id)
  await writeSealed(job, subject_id, subject === 'thread')
  if (subject === 'thread') return
  const grants =
    subject === 'card' ? (await read(house, there, (t) => grantsOfCard(t, there, subject_id))).map((one) => one.id) : [subject_id]
  if (subject === 'card')
    for (const one of await read(house, there, (t) => versionsOf(t, there, subject_id)))
      await out.put({
        card_version: {
          card_id: subject_id,
          number: one.number,
          created_at: one.created_at,
          document: one.native.toString('utf8'),
        },
      })
  for (const grant of grants) {
    const found = await read(house, there, async (t) => {
      const one = await findGrant(t, there, grant)
      return one && showGrant(t, there, one, side)
    })
    if (found) await out.put({ relay_grant: found })
    if (grant !== subject_id) await writeSealed(job, grant)
  }
  if (side === 'owner')
    for (const { task_id } of await read(house, own, (t) => requestTasks(t, own, subject_id))) await writeReceipt(job, task_id)
}

const read = <T>(house: RelayHouse, scope: Scope, work: (t: Tx) => Promise<T>): Promise<T> =>
  tx(house.db, scope, work, { readOnly: true })

async function writeThread(job: Job, id: string): Promise<void> {
  const { house, there, out } = job
  const thread = await read(house, there, (t) => findThread(t, there, id))
  if (!thread) return
  out.thread()
  await out.put({ thread: showThread(thread, house.origin()) })
  await writeSealed(job, id)
  const artifacts = []
  for (let after = Number.MIN_SAFE_INTEGER; ; ) {
    const rows = await read(house, there, (t) => listMessages(t, there, id, after, PAGE, ALL))
    const messages = await read(house, there, (t) => shown(house, t, there, rows))
    for (const message of messages) await out.put({ message })
    artifacts.push(...messages.filter((one) => one.kind === 'artifact'))
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) break
    after = last.sequence
  }
  for (const artifact of mergeArtifacts(artifacts)) await out.put({ artifact: { thread_id: id, ...artifact } })
  for (let after = 0; ; ) {
    const events = await read(house, there, (t) => listThreadEvents(t, there, id, after, PAGE))
    for (const event of events) await out.put({ event: { thread_id: id, ...showEvent(there, thread, event) } })
    const last = events.at(-1)
    if (!last || events.length < PAGE) break
    after = last.sequence
  }
  await writeDecisions(job, id)
}

/** What the caller's own side held back: the owner's has no row of it. */
async function writeHeld(job: Job): Promise<void> {
  const { house, own, there, row, out } = job
  const held = await read(house, own, (t) => heldAbout(t, own, row.subject_id))
  for (const id of new Set(held.map((one) => one.thread_id))) {
    const thread = await read(house, there, (t) => findCallerThread(t, there, id))
    if (thread?.is_apart) {
      out.thread()
      await out.put({ thread: showThread(thread, house.origin()) })
      await writeSealed(job, id)
      await writeDecisions(job, id)
    }
    const rows = held.filter((one) => one.thread_id === id).map((one) => messageOfHeld(own.tenantId, one))
    for (const message of await read(house, there, (t) => shown(house, t, there, rows))) await out.put({ message })
  }
}

async function writeDecisions(job: Job, id: string): Promise<void> {
  const { house, own, out } = job
  const asks = await read(house, own, (t) => asksOf(t, own, id))
  for (const ask of asks) await out.put({ decision: { thread_id: id, ...ask } })
  for (const task of new Set(asks.map((one) => one.task_id))) await writeReceipt(job, task)
}

/** Of questions that have ended: who decided what, signed. */
async function writeReceipt({ house, own, out }: Job, taskId: string): Promise<void> {
  const task = await read(house, own, (t) => findTask(t, own, taskId, EVERY))
  if (!task || !isFinal(task.status)) return
  const { receipt } = await taskReceipt(house.tasks, own, taskId, undefined)
  await out.put({ receipt: { task_id: taskId, receipt } })
}

/** `later`: its events come with the thread itself. */
async function writeSealed({ house, own, checkpoint, out }: Job, resource: string, later = false): Promise<void> {
  if (later) return
  const { size } = checkpoint
  const lines = await read(house, own, async (t) => {
    const rows = await sealedAbout(t, own, resource, size)
    const proofs = await provePlaces(
      t,
      own,
      size,
      rows.map((one) => one.seq),
    )
    return rows.map(({ seq, digest, prev_hash, hash, body }, i) => ({
      ...{ seq, prev_hash: prev_hash.toString('hex'), hash: hash.toString('hex') },
      ...(body === null ? { digest: digest.toString('hex') } : { event: body }),
      proof: (proofs[i] as Buffer[]).map((one) => one.toString('hex')),
    }))
  })
  for (const sealed of lines) await out.put({ sealed })
}

async function close({ house, own, row, checkpoint, out }: Job): Promise<void> {
  const { note } = checkpoint
  const origin = note.slice(0, note.indexOf('\n'))
  const [verifier_keys, receipts] = [
    verifierKeys(origin, await publishedKeys(house, 'audit-sign')),
    await publishedKeys(house, 'receipt'),
  ]
  const receipt_keys = receipts.map(({ kid, public_key }) => ({
    kid,
    kty: 'OKP',
    crv: 'Ed25519',
    x: public_key.toString('base64url'),
  }))
  const [lines, lines_hash] = [out.count(), out.hash()]
  const key = await tx(house.db, own, (t) => signingKey(house, t, 'audit-sign'))
  const said = canonical({ v: 1, export_id: row.id, lines, lines_hash, note, receipt_keys })
  const signature = signJws(key.seed, { typ: EXPORT_TYPE, kid: key.kid }, said)
  await out.put({ checkpoint: { note, export_id: row.id, lines, lines_hash, verifier_keys, receipt_keys, signature } })
  await out.end()
  await tx(house.db, own, (t) => endIfRunning(t, own, row.id, { linesHash: lines_hash, error: null, keepMs: KEPT_MS }))
}

function linesOf(house: RelayHouse, scope: Scope, id: string): Lines {
  let [text, n, count, held, threads] = ['', 0, 0, 0, 0]
  let hash: Buffer = Buffer.alloc(32)
  const flush = async () => {
    const [piece, lines, met] = [text, held, threads]
    ;[text, held, threads] = ['', 0, 0]
    await tx(house.db, scope, async (t) => {
      const key = await subjectKey(house, t, scope, exportSubject(id))
      const envelope = sealText(key, chunkPlace(scope, id, n), piece)
      await addChunk(t, scope, id, { n, envelope, threads: met, lines, bytes: Buffer.byteLength(piece) })
    })
    n++
  }
  return {
    async put(line) {
      const one = writeJson(line)
      hash = sha256(Buffer.concat([hash, Buffer.from(one)]))
      text += `${one}\n`
      count++
      held++
      if (text.length >= PIECE_BYTES) await flush()
    },
    thread: () => void threads++,
    count: () => count,
    hash: () => hash.toString('hex'),
    end: async () => (text === '' ? undefined : flush()),
  }
}
