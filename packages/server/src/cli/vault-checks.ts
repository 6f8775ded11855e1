// What the doctor sees of the vault and the proxy behind the server: whether the vault seals and opens at this moment, what waits for a person, whether the proxy answers, how far
// behind its processes are, and whether a request through it is answered under the run's own authority. A run of the doctor's is opened for that, and ended; nothing is sent on.
import { spawn } from 'node:child_process'
import { type Countersign, Problem } from '@countersign/sdk'
import { type ClientFinding, fail, ok, warn } from './client-finding.ts'
import { counted } from './connections.ts'
import { plain, unlessRefused } from './output.ts'
import { usedAgent } from './used-agent.ts'
import { answers } from './whoami.ts'

export async function checkVault(client: Countersign): Promise<ClientFinding[]> {
  const vault = await unlessRefused(() => client.call('GET /vault/status'))
  if (vault === null) return []
  const { needs_reauth: reauth = 0, suspended = 0 } = vault.connections.by_status
  const human = reauth + suspended
  const all = counted(vault.connections.count, 'connection')
  const found =
    human === 0
      ? ok('client.vault', `${all}; none waits for a person.`)
      : warn(
          'client.vault',
          `${human} of ${all} ${human === 1 ? 'waits' : 'wait'} for a person.`,
          'countersign connections list --status needs_reauth',
        )
  return [found, await checkCanary(client), ...(await checkProxy(client, vault.proxy_url))]
}

async function checkCanary(client: Countersign): Promise<ClientFinding> {
  try {
    await client.call('POST /vault/check', { idempotency: 'none' })
    return ok('client.canary', 'The vault seals, opens and deletes.')
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return fail(
      'client.canary',
      `The vault cannot seal and open: ${error.title}.`,
      'Ask whoever runs the installation to look at its root key: countersign doctor there.',
    )
  }
}

const START = 'Start a process of the role proxy, or ask whoever runs the installation.'
/** Later than this a proxy asks nobody and lets nothing through (vault.md V79). */
const LATE_MS = 1_000

async function checkProxy(client: Countersign, address: string | null): Promise<ClientFinding[]> {
  if (address === null) return [ok('client.proxy', 'This installation runs no proxy.')]
  if (!(await answers(address))) return [fail('client.proxy', `The proxy at ${address} does not answer.`, START)]
  return [ok('client.proxy', `The proxy at ${address} answers.`), ...(await checkLag(client)), await checkChain(client)]
}

/** For whoever may see the processes. */
async function checkLag(client: Countersign): Promise<ClientFinding[]> {
  const nodes = await unlessRefused(() => client.call('GET /proxy/nodes', { query: { limit: 200 } }))
  if (nodes === null) return []
  const here = nodes.data.filter(({ state }) => state !== 'expelled')
  const silent = here.filter(({ state }) => state === 'silent').map(({ name }) => plain(name))
  const late = here.filter(({ lag_ms: lag }) => lag !== null && lag > LATE_MS).map(({ name }) => plain(name))
  const mend = 'Look at their logs, and at the way from them to the server: countersign proxy nodes'
  if (silent.length > 0)
    return [warn('client.channel', `Proxy processes that said nothing for ten seconds: ${silent.join(', ')}.`, mend)]
  if (late.length > 0)
    return [warn('client.channel', `Proxy processes that know what is more than a second old: ${late.join(', ')}.`, mend)]
  return [ok('client.channel', 'Every proxy process knows what holds now.')]
}

/** What a child of `run` does: it asks a host that there is not, and the proxy answers in its place, inside TLS. */
const REQUEST = `globalThis.fetch('https://doctor.countersign.invalid/').then((r) => console.log('answered ' + r.status), (e) => console.log('failed ' + (e.cause?.code ?? e.message)))`
const WAIT_MS = 30_000

async function checkChain(client: Countersign): Promise<ClientFinding> {
  const { key } = client.settings
  const isAgent = key === null || key.includes('_agt_')
  if (!isAgent && usedAgent(client.settings) === undefined)
    return ok(
      'client.chain',
      'No request was tried through the proxy, since no agent is chosen here: countersign agents use <id>',
    )
  const { said, code } = await throughRun()
  const mend = 'Try it by hand: countersign run -- curl -v https://doctor.countersign.invalid/'
  if (/^answered \d+$/.test(said))
    return ok('client.chain', 'A request through the proxy is answered under the authority of its run.')
  return code === 0
    ? fail('client.chain', `A request through the proxy failed: ${plain(said)}.`, mend)
    : fail('client.chain', `No run could be opened: ${plain(said)}.`, mend)
}

/** Our own command, as it stands: with what this one was told of where the server is. */
function throughRun(): Promise<{ said: string; code: number | null }> {
  const at = process.argv
    .slice(2)
    .flatMap((word, i, all) =>
      /^--(?:server|url|profile)(?:=|$)/.test(word) ? [word, ...(word.includes('=') ? [] : [all[i + 1] ?? ''])] : [],
    )
  const words = [
    process.argv[1] as string,
    ...at,
    '--quiet',
    'run',
    '--purpose',
    'countersign doctor',
    '--ttl',
    '1m',
    '--',
    process.execPath,
    '-e',
    REQUEST,
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: WAIT_MS })
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      const lastOf = (chunks: Buffer[]) => Buffer.concat(chunks).toString().trim().split('\n').at(-1) ?? ''
      resolve({ said: lastOf(out) || lastOf(err), code })
    })
  })
}
