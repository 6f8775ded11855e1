// countersign audit …, countersign receipt …: the record taken home, and proofs that are checked without the server. `verify` opens files and nothing else.
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { type Countersign, Problem } from '@countersign/sdk'
import type { Command } from 'commander'
import type { LogVerdict } from '../events/audit/verify.ts'
import type { ReceiptVerdict } from '../events/audit/verify-receipt.ts'
import type { SideVerdict } from '../events/audit/verify-side.ts'
import { print } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
Examples:
  $ countersign audit export --out record.ndjson
  $ countersign audit keys --out keys            audit-keys.json and receipt-keys.json, once, to be kept elsewhere
  $ countersign audit verify record.ndjson --keys keys/audit-keys.json --against last-month.ndjson

Exit codes of verify: 0 sound, 2 unreadable, 10 gap, 11 altered, 12 reordered, 13 truncated, 14 forked, 15 bad signature.
It needs no database, no network and no key of the server; docs/audit.md has the same as a script of one file.
`

const RECEIPT_EXAMPLES = `
Examples:
  $ countersign receipt get task_01J… --out receipt.jws
  $ countersign receipt verify receipt.jws --keys keys/receipt-keys.json --audit-keys keys/audit-keys.json
`

type ExportOptions = { out?: string; from?: string; to?: string; format: 'ndjson' | 'csv' }
type VerifyFlags = { key?: string[]; keys?: string; against?: string }
type ReceiptFlags = { keys?: string; auditKeys?: string }

export function auditCommand(parent: Command, door: Door): void {
  const audit = parent.command('audit').description('export and verify the record').addHelpText('after', EXAMPLES)

  audit
    .command('status')
    .description('how far the record is sealed and signed')
    .action(async () => print(door.output(), await door.client().audit.status(), describeStatus))

  audit
    .command('export')
    .description('write the record to a file that verifies by itself')
    .option('--out <file>', 'where to; else stdout')
    .option('--from <time>', 'only what was sealed at or after it')
    .option('--to <time>', 'only what was sealed before it')
    .option('--format <format>', 'ndjson verifies, csv is for spreadsheets', 'ndjson')
    .action((options: ExportOptions) => exportRecord(door, options))

  audit
    .command('keys')
    .description('the published keys, to be kept where the server cannot change them')
    .option('--out <folder>', 'where to', '.')
    .action(async ({ out }: { out: string }) => {
      mkdirSync(out, { recursive: true })
      const files = ['audit-keys.json', 'receipt-keys.json'].map((name) => join(out, name))
      for (const file of files) {
        const name = `.well-known/countersign/${file.split('/').at(-1)}`
        const { text } = await door.client().transport.call('GET', name)
        writeFileSync(file, `${text}\n`)
      }
      print(door.output(), { files }, () => files.join('\n'))
    })

  audit
    .command('verify <file>')
    .description('check an export: hashes, order, gaps, tree and signature; no database, no network')
    .option('--keys <file>', 'audit-keys.json as you kept it')
    .option('--key <key...>', 'the key of a verifier, as C2SP writes it')
    .option('--against <file>', 'an older note, or an older export: the log must go on from it')
    .action(async (file: string, flags: VerifyFlags) => {
      const { EXIT, verifierOptions, verifyFile } = await import('./beside/audit.ts')
      const verdict = await readable(() => verifyFile(file, verifierOptions(filesOf(flags))))
      print(door.output(), verdict, describeVerdict)
      process.exitCode = EXIT[verdict.verdict]
    })

  receiptVerify(audit, 'verify-receipt <file>', door)
}

export function receiptCommand(parent: Command, door: Door): void {
  const receipt = parent
    .command('receipt')
    .description('proofs of one decision or event that stand alone')
    .addHelpText('after', RECEIPT_EXAMPLES)

  receipt
    .command('get <id>')
    .description('the receipt of a task or of an event')
    .option('--content', 'with the texts that were digested, of a task whose content you may see')
    .option('--out <file>', 'where to; else stdout')
    .action(async (id: string, { content, out }: { content?: true; out?: string }) => {
      const got = await getReceipt(door.client(), id, content === true)
      if (out !== undefined) writeFileSync(out, `${got.receipt}\n`)
      print(door.output(), got, ({ receipt: text, sealed }) =>
        out === undefined
          ? text
          : `${out}  ${sealed ? 'sealed' : 'not sealed yet: get it again in a second for the proof of the log'}`,
      )
    })

  receiptVerify(receipt, 'verify <file>', door)
}

const receiptVerify = (parent: Command, name: string, door: Door) =>
  parent
    .command(name)
    .description('check a receipt; no database, no network; exit code 1 and the part that fails when it is not genuine')
    .option(
      '--keys <file>',
      'receipt-keys.json as you kept it; else those that the server publishes now, which needs the network',
    )
    .option('--audit-keys <file>', 'audit-keys.json, for the signature of the checkpoint inside')
    .action((file: string, flags: ReceiptFlags) => checkReceipt(door, file, flags))

function getReceipt(client: Countersign, id: string, content: boolean) {
  if (id.startsWith('evt_')) return client.events.receipt(id)
  return client.tasks.receipt(id, content ? { include: 'content' } : {})
}

async function exportRecord({ client, output }: Door, { out, from, to, format }: ExportOptions): Promise<void> {
  const countersign = client()
  let made = await countersign.audit.export({ from, to, format })
  const { stderr } = output()
  while (made.state === 'running') {
    await new Promise((resume) => setTimeout(resume, 250))
    made = await countersign.audit.get(made.id)
    if (out !== undefined && made.total !== null && made.state === 'running') stderr(`${made.written} of ${made.total} events\n`)
  }
  if (made.state !== 'ready') throw new Error(made.error ?? `The export is ${made.state}.`)
  const file = out === undefined ? null : createWriteStream(out)
  for await (const text of countersign.audit.read(made.id)) {
    if (!file) output().stdout(text)
    else if (!file.write(text)) await new Promise<void>((resume) => file.once('drain', () => resume()))
  }
  if (!file) return
  file.end()
  await finished(file)
  print(output(), made, ({ written, bytes }) => `${out}  ${written} events, ${bytes} bytes`)
}

const read = (file: string): string => readFileSync(file, 'utf8')
const filesOf = ({ key, keys, against }: VerifyFlags) => ({
  ...(key ? { keys: key } : {}),
  ...(keys === undefined ? {} : { keyFile: read(keys) }),
  ...(against === undefined ? {} : { against: read(against) }),
})

/** A file that cannot be opened is unreadable, by the same exit code as one that makes no sense. */
async function readable(verify: () => Promise<LogVerdict | SideVerdict>): Promise<LogVerdict | SideVerdict> {
  try {
    return await verify()
  } catch (error) {
    if (error instanceof Problem || !(error instanceof Error)) throw error
    const nothing = { first_bad_seq: null, origin: null, from_seq: null, to_seq: null, size: null, root: null, key: null }
    return { verdict: 'unreadable', says: error.message, events: 0, digests: 0, ...nothing }
  }
}

/** Keys that one kept prove more than those of the server that is asked: it could publish others today. */
async function checkReceipt({ client, output }: Door, file: string, { keys, auditKeys }: ReceiptFlags): Promise<void> {
  const published = async (name: string) => (await client().transport.call('GET', `.well-known/countersign/${name}`)).body
  const receipt = keys === undefined ? await published('receipt-keys.json') : (JSON.parse(read(keys)) as unknown)
  const own = auditKeys === undefined ? null : (JSON.parse(read(auditKeys)) as unknown)
  const audit = own ?? (keys === undefined ? await published('audit-keys.json') : null)
  const { verifyReceipt } = await import('./beside/audit.ts')
  const verdict = verifyReceipt(read(file), { receipt, ...(audit === null ? {} : { audit }) })
  const from = keys === undefined ? { keys_from: client().settings.url } : {}
  print(output(), { ...verdict, ...from }, (said) =>
    said.keys_from === undefined ? describeReceipt(said) : `${describeReceipt(said)}\nkeys      of ${said.keys_from}`,
  )
  if (!verdict.valid) process.exitCode = 1
}

const describeReceipt = ({ valid, failed, says, checked }: ReceiptVerdict): string =>
  valid ? `genuine   ${says}\nchecked   ${checked.join(', ')}` : `not genuine: ${failed}\n${says}`

function describeVerdict(said: LogVerdict | SideVerdict): string {
  if ('first_bad_line' in said) return describeSide(said)
  const { verdict, says, first_bad_seq, events, digests, size, root, key } = said
  const lines = [
    `${verdict}  ${says}`,
    first_bad_seq === null ? '' : `first bad ${first_bad_seq}`,
    `events    ${events}${digests > 0 ? `, of ${digests} only the digest: their text was removed when its time was over` : ''}`,
    size === null ? '' : `log       ${size} events, root ${root}`,
    key === 'from the file' && verdict === 'sound'
      ? 'key       from the file itself: name one that you kept with --keys to know who signed'
      : '',
  ]
  return lines.filter(Boolean).join('\n')
}

function describeSide({
  verdict,
  says,
  first_bad_line,
  threads,
  messages,
  events,
  digests,
  receipts,
  rows,
  tasks,
  expired,
  erased,
  key,
}: SideVerdict): string {
  const lines = [
    `${verdict}  ${says}`,
    first_bad_line === null ? '' : `first bad line ${first_bad_line}`,
    `holds     ${threads} threads, ${messages} messages, ${events} sealed events, ${receipts} receipts`,
    rows > 0 ? `          ${rows} rows, ${tasks} tasks` : '',
    digests > 0 ? `digests   ${digests} events by digest alone: their text was removed when its time was over` : '',
    expired.length > 0 ? `expired   ${expired.length} messages, whose time was over: ${expired.slice(0, 5).join(', ')}` : '',
    erased.length > 0 ? `erased    ${erased.length} messages, on request: ${erased.slice(0, 5).join(', ')}` : '',
    key === 'from the file' && verdict === 'sound'
      ? 'key       from the file itself: name one that you kept with --keys to know who signed'
      : '',
  ]
  return lines.filter(Boolean).join('\n')
}

type Status = Awaited<ReturnType<typeof statusOf>>
const statusOf = (client: Countersign) => client.audit.status()

function describeStatus({ state, lag_seconds, waiting, head, checkpoint }: Status): string {
  const lines = [
    `sealing     ${state}${waiting > 0 ? `, ${waiting} events wait, the oldest ${lag_seconds ?? 0} s` : ''}`,
    head ? `sealed      ${head.seq} events, at ${head.sealed_at}` : 'sealed      nothing yet',
    checkpoint ? `checkpoint  ${checkpoint.size} events, at ${checkpoint.created_at}` : 'checkpoint  none yet',
  ]
  return lines.join('\n')
}
