// countersign vault …: a tenant's vault as a whole: how it stands, whether all of it opens, and new keys for it. Prints versions, fingerprints and counts, and nothing
// that is sealed.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { rekeyCommand } from './keyring.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

type Status = RouteAnswer<'GET /vault/status'>
type Verified = {
  checked: number
  failed: number
  erased: number
  put_back: number
  items: Record<string, { checked: number; failed: number }>
}

const EXAMPLES = `
Examples:
  $ countersign vault status
  $ countersign vault verify                 opens every envelope; ends with 20 when one does not open
  $ countersign vault rotate                 a new version of the tenant’s keys; with progress
`

const LOOK_SECONDS = 2

export function vaultCommand(program: Command, door: Door): void {
  const vault = program
    .command('vault')
    .description('the vault as a whole: its keys, and whether all of it opens')
    .addHelpText('after', EXAMPLES)
  vault
    .command('status')
    .description('under which keys it stands, and what is in it')
    .action(async () => print(door.output(), await door.client().call('GET /vault/status'), statusText))
  vault
    .command('verify')
    .description('open every envelope of the tenant, and count what does not open')
    .option('--no-wait', 'print the job and do not wait for it')
    .action(({ wait }: { wait: boolean }) => verify(door, wait))
  rekeyCommand(vault, 'rotate', door)
}

async function verify(door: Door, waits: boolean): Promise<void> {
  const output = door.output()
  const client = door.client()
  const { job_id: id } = await client.call('POST /vault/verify')
  if (!waits) return print(output, { job_id: id }, () => id)
  let said = ''
  for (;;) {
    const params = { id }
    const ended = await client.call('GET /jobs/:id/result', { params, query: { wait: LOOK_SECONDS }, attemptMs: 30_000 })
    if (ended.state === 'completed') {
      const found = ended.output as Verified
      if (found.failed + found.put_back > 0) process.exitCode = 20
      return print(output, { job_id: id, ...found }, verifiedText)
    }
    if (ended.state === 'failed' || ended.state === 'cancelled') throw new Error(`The job ${id} ended: ${ended.state}.`)
    const { progress } = await client.call('GET /jobs/:id', { params })
    const line = output.json ? JSON.stringify({ job_id: id, progress }) : progressLine(progress)
    if (line !== said) output.stderr(`${line}\n`)
    said = line
  }
}

function progressLine(progress: unknown): string {
  const { percent, message } = (progress ?? {}) as { percent?: number; message?: string }
  return percent === undefined ? 'waiting for a worker' : `${percent} %  ${plain(message ?? '')}`
}

function verifiedText({ checked, failed, erased, put_back: putBack, items }: Verified): string {
  const broken = Object.entries(items).filter(([, one]) => one.failed > 0)
  return [
    `${checked} envelopes, ${failed} of which do not open${erased > 0 ? `; of ${erased} the key was destroyed on purpose` : ''}`,
    ...broken.map(([item, one]) => `  ${item}  ${one.failed} of ${one.checked}`),
    ...(putBack > 0 ? [`${putBack} connections are older than the record of them`] : []),
    ...(failed + putBack > 0 ? ['The server’s log names the rows; connections among them are suspended.'] : []),
  ].join('\n')
}

function statusText({ state, root_key: root, tenant_key: own, envelopes, connections }: Status): string {
  const statuses = Object.entries(connections.by_status).map(([status, n]) => `${n} ${status}`)
  const head = [
    `vault        ${state}`,
    `root key     version ${root.version} (${root.fingerprint}), from ${plain(root.source)}`,
    `tenant key   ${own === null ? 'none yet' : `version ${own.version} of ${own.versions}, ${own.retired} retired`}`,
    `connections  ${connections.count}${statuses.length === 0 ? '' : `: ${statuses.join(', ')}`}`,
    `envelopes    ${envelopes.total}`,
  ]
  const rows = envelopes.items.map(({ item, version, rows }) => [item, String(version), String(rows)])
  return `${head.join('\n')}\n${rows.length === 0 ? '' : `\n${table(rows, ['SEALED', 'VERSION', 'ROWS'], '')}`}`
}
