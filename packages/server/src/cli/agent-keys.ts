// countersign agents …: key pairs with which agents prove their calls (vault.md V136, V137). A pair is made on this machine and its private half stays here; what travels is the
// public half, a thumbprint, and proofs.
import { readFileSync } from 'node:fs'
import { Countersign, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { confirm, targetOf } from './confirm.ts'
import { type KeyFile, makeKeyFile } from './key-file.ts'
import { plain, print, usage } from './output.ts'
import { keepProfile, profilesOfKey } from './profiles.ts'
import type { Door } from './tasks.ts'

type Key = RouteAnswer<'GET /keys/:id'>
type Kept = { file: string; key: KeyFile }

const PROFILE = '--keep <profile>'
const KEEPS = 'call as this agent with --profile <profile> from now on'

export function agentKeyCommands(agents: Command, door: Door): void {
  agents
    .command('register <handle>')
    .description('a key pair made here, for a program that nobody has claimed yet; prints the link for the person who will')
    .option('--environment <environment>', 'live or test', 'live')
    .option(PROFILE, KEEPS)
    .action(async (handle: string, { environment, keep }: { environment: string; keep?: string }) => {
      const { url } = door.client().settings
      const { file, key } = await newPair(url)
      const own = new Countersign({ url, proof: { key: key.jwk } })
      const body = { public_key: publicHalf(key), handle, environment: environment as 'live' | 'test' }
      const made = await own.call('POST /agents/register', { body, idempotency: 'none' })
      if (keep !== undefined) keepProfile(keep, { url, agent: { id: made.agent_id, thumbprint: key.thumbprint } })
      print(door.output(), { ...made, file }, () =>
        [
          `${made.agent_id}  ${made.state}`,
          `words  ${made.words.join(' ')}`,
          `claim  ${made.claim_url}`,
          `key    ${file}`,
          'Hand the link to the person who is to answer for it; it works once, for ten minutes. Both of you should see the same words.',
        ].join('\n'),
      )
    })
  agents
    .command('claim <link>')
    .description('answer for an agent that registered itself: shows its words, and asks')
    .option('--reject', 'refuse it')
    .option('-y, --yes', 'do not ask')
    .action(async (link: string, { reject, yes }: { reject?: true; yes?: true }) =>
      claim(door, link, reject === true, yes === true),
    )
  agents
    .command('import-did <id> <key>')
    .description('enrol the public key that an agent has: did:key:z6Mk…, or a file with a public JWK')
    .action(async (id: string, given: string) => {
      const made = await enrol(door, id, given.startsWith('did:') ? given : jwkOf(given))
      print(door.output(), made, described)
    })
  agents
    .command('rotate-key <id>')
    .description('another key pair, made here; the one before works until the overlap ends')
    .option('--overlap <seconds>', 'how long both work, at most a day', '3600')
    .option(PROFILE, KEEPS)
    .action(async (id: string, { overlap, keep }: { overlap: string; keep?: string }) => {
      const client = door.client()
      const before = await pairOf(door, id)
      const pair = await newPair(client.settings.url)
      const public_key = publicHalf(pair.key)
      const made = before
        ? await client.call('POST /keys/:id/rotate', {
            params: { id: before.id },
            body: { public_key, overlap_seconds: Number(overlap) },
          })
        : await enrol(door, id, public_key)
      // Whoever called as this agent goes on doing so, with the new pair.
      const agent = { id, thumbprint: pair.key.thumbprint }
      const names = before?.thumbprint ? profilesOfKey(before.thumbprint) : []
      for (const name of new Set([...names, ...(keep === undefined ? [] : [keep])]))
        keepProfile(name, { url: client.settings.url, agent })
      print(door.output(), { ...made, file: pair.file }, () => `${described(made)}\nkey  ${pair.file}`)
    })
}

/** For `onboard`: an agent that registers itself from here and is claimed by the person who sits here, so that nobody else's link is in between. */
export async function registerOwn(
  client: Countersign,
  handle: string,
  profile: string,
): Promise<{ id: string; name: string; file: string }> {
  const { url } = client.settings
  const { file, key } = await newPair(url)
  const own = new Countersign({ url, proof: { key: key.jwk } })
  const made = await own.call('POST /agents/register', { body: { public_key: publicHalf(key), handle }, idempotency: 'none' })
  const token = new URL(made.claim_url).hash.replace(/^#token=/, '')
  const agent = await client.call('POST /agents/:id/claim', { params: { id: made.agent_id }, body: { token } })
  keepProfile(profile, { url, agent: { id: agent.id, thumbprint: key.thumbprint } })
  return { id: agent.id, name: agent.name, file }
}

/** For `agents create --key-pair`: the agent's first pair. */
export async function givePair(door: Door, agentId: string, keep: string | undefined): Promise<{ file: string; key: Key }> {
  const { url } = door.client().settings
  const pair = await newPair(url)
  const key = (await enrol(door, agentId, publicHalf(pair.key))) as Key
  if (keep !== undefined) keepProfile(keep, { url, agent: { id: agentId, thumbprint: pair.key.thumbprint } })
  return { file: pair.file, key }
}

const newPair = (url: string): Promise<Kept> => {
  const { env } = processContext()
  return makeKeyFile(env, url, new Date())
}

const publicHalf = ({ jwk: { kty, crv, x } }: KeyFile) => ({ kty, crv, x }) as Record<string, string>

const enrol = (door: Door, agentId: string, publicKey: string | Record<string, string>) =>
  door.client().call('POST /keys', { body: { kind: 'agt', agent_id: agentId, public_key: publicKey } })

async function pairOf(door: Door, agentId: string): Promise<Key | undefined> {
  const { data } = await door.client().keys.list({ agent_id: agentId, limit: 200 })
  return data.find((key) => key.thumbprint !== null && key.state === 'active')
}

function jwkOf(file: string): Record<string, string> {
  try {
    const jwk = JSON.parse(readFileSync(file, 'utf8')) as unknown
    if (typeof jwk === 'object' && jwk !== null && !Array.isArray(jwk) && !('d' in jwk)) return jwk as Record<string, string>
  } catch (error) {
    if (!(error instanceof SyntaxError) && (error as NodeJS.ErrnoException).code === undefined) throw error
  }
  throw usage(`${file} is neither a did:key nor a file that holds a public JWK.`)
}

const described = (key: { id: string; thumbprint: string | null; expires_at: string }): string =>
  `${key.id}  ${key.thumbprint}  until ${key.expires_at.slice(0, 10)}`

async function claim(door: Door, link: string, isReject: boolean, isSure: boolean): Promise<void> {
  const url = URL.canParse(link) ? new URL(link) : null
  const [, id] = /^\/claim\/(agt_[0-9A-Z]{26})$/.exec(url?.pathname ?? '') ?? []
  const token = url?.hash.replace(/^#token=/, '') ?? ''
  if (!url || !id || token === '') throw usage('Give the whole link that the program printed, in quotes.')
  const client = door.client()
  // The link's token goes to the server that it was made by, and to no other.
  if (url.origin !== new URL(client.settings.url).origin) throw usage(`This link is of ${url.origin}: use --server or --profile.`)
  const at = { params: { id }, body: { token } }
  const asked = await client.call('POST /agents/:id/registration', { ...at, idempotency: 'none' })
  door.output().stderr(
    [
      `${plain(asked.handle)}  ${asked.environment}  from ${asked.address ?? 'unknown'}  ${asked.registered_at}`,
      `words  ${asked.words.join(' ')}`,
      asked.proven ? '' : 'It has not shown that it holds the private key.',
    ]
      .filter((one) => one !== '')
      .join('\n')
      .concat('\n'),
  )
  if (isReject) {
    print(door.output(), await client.call('POST /agents/:id/reject', at), () => `${id}  rejected`)
    return
  }
  await confirm(door, `Answer for the agent ${plain(asked.handle)}`, targetOf(client.settings.url), isSure)
  const agent = await client.call('POST /agents/:id/claim', at)
  print(door.output(), agent, () => `${agent.id}  ${agent.state}  ${agent.environment}  ${plain(agent.name)}`)
}
