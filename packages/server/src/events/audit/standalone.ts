// The entry of the script that stands alone (P119): the verifier of exports and of receipts in one file for Node, without this product around it.
// Opens the files that it is named and nothing else: no database, no network.
import { readFileSync } from 'node:fs'
import { EXIT, verifierOptions } from './verify.ts'
import { verifyFile } from './verify-file.ts'
import { verifyReceipt } from './verify-receipt.ts'

const USAGE = `node verify.mjs <export.ndjson> [--keys audit-keys.json] [--key <verifier key>] [--against <older note>]
node verify.mjs --receipt <receipt> --receipt-keys receipt-keys.json [--keys audit-keys.json]

Exit codes: 0 sound, 2 unreadable, 10 gap, 11 altered, 12 reordered, 13 truncated, 14 forked, 15 bad signature.
`

const args = process.argv.slice(2)
const all = (name: string): string[] => args.flatMap((one, i) => (one === name && args[i + 1] ? [args[i + 1] as string] : []))
const file = args.find((one, i) => !one.startsWith('--') && !(args[i - 1] ?? '').startsWith('--'))
const read = (path: string | undefined): string | undefined => (path === undefined ? undefined : readFileSync(path, 'utf8'))

async function main(): Promise<number> {
  const [receipt] = all('--receipt')
  if (receipt) {
    const keys = { receipt: JSON.parse(read(all('--receipt-keys')[0]) ?? '{}'), audit: parsed(read(all('--keys')[0])) }
    const { valid, failed, says } = verifyReceipt(read(receipt) as string, keys)
    process.stdout.write(valid ? `${says}\n` : `Not genuine (${failed}): ${says}\n`)
    return valid ? 0 : 1
  }
  if (!file) {
    process.stderr.write(USAGE)
    return EXIT.unreadable
  }
  const options = verifierOptions({ keys: all('--key'), keyFile: read(all('--keys')[0]), against: read(all('--against')[0]) })
  const said = await verifyFile(file, options)
  const bad = 'first_bad_line' in said ? said.first_bad_line : said.first_bad_seq
  process.stdout.write(`${said.verdict}: ${said.says}${bad === null ? '' : ` (first bad: ${bad})`}\n`)
  return EXIT[said.verdict]
}

const parsed = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text))

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return EXIT.unreadable
})
