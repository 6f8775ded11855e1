// countersign relay smoke: whether the relay of a server does what its contract says, seen from outside (relay.md R56): the card and its signature, refusals, and, with somebody's key, a
// thread from its start to its end on both faces. Each check says what it saw; nothing is changed but one thread with the sandbox.
import { CardRefused, Countersign, Problem, relay, verifyCard } from '@countersign/sdk'
import type { Command } from 'commander'
import { type ClientFinding, fail, ok, warn } from './client-finding.ts'
import { findingsShown } from './doctor.ts'
import { findPerson, named } from './first-person.ts'
import { plain, print } from './output.ts'
import { readSession } from './session.ts'
import type { Door } from './tasks.ts'

const AGENT = 'sandbox'
const LOOK = 'What the server answers is not what its contract says: see its log, and docs/relay.'

export function smokeCommand(group: Command, door: Door): void {
  group
    .command('smoke <url>')
    .description('check the relay of a server from outside; more of it where you are signed in there')
    .action(async (url: string) => {
      const base = new URL(url).href.replace(/\/+$/, '')
      const caller = await callerAt(door, base)
      const anybody = await seenByAnybody(base)
      const findings = [...anybody, ...(caller ? await seenByCaller(caller, base) : [unseen(NOBODY)])]
      print(door.output(), { url: base, findings }, () => findingsShown(findings))
      if (findings.some(({ status }) => status === 'fail')) process.exitCode = 20
    })
}

const NOBODY = 'Without somebody’s key no thread was started.'
const unseen = (why: string): ClientFinding =>
  warn(
    'smoke.thread',
    why,
    'Sign in there (countersign login --server …), or set COUNTERSIGN_URL and COUNTERSIGN_KEY to a key of your own.',
  )

/** Whoever the commands act as, where that is this server. */
async function callerAt(door: Door, base: string): Promise<Countersign | null> {
  const { session } = await readSession(base)
  if (session) return new Countersign({ url: base, key: session.key })
  const client = door.client()
  const { url, key } = client.settings
  return key !== null && url.replace(/\/+$/, '') === base ? client : null
}

/** What is not as it should be, in a sentence. */
class Seen extends Error {}
const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Seen(what)
}

async function check(code: string, look: () => Promise<string>): Promise<ClientFinding> {
  try {
    return ok(code, plain(await look()))
  } catch (error) {
    if (error instanceof Problem && error.code === 'scope_missing')
      return warn(
        code,
        `Your key may not do this: ${plain(String(error.members.needed))} is not among its scopes.`,
        'Use a key that has it.',
      )
    if (error instanceof Seen || error instanceof CardRefused || error instanceof Problem || error instanceof SyntaxError)
      return fail(code, plain(error.message), LOOK)
    if (error instanceof TypeError) return fail(code, 'The server does not answer.', 'Check the address, and whether it runs.')
    throw error
  }
}

const open = (url: string, init?: RequestInit) =>
  globalThis.fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(30_000), ...init })
const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  open(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })

async function seenByAnybody(base: string): Promise<ClientFinding[]> {
  const card = `${base}/api/v1/agents/${AGENT}/card`
  const rpc = `${base}/agents/${AGENT}/a2a/jsonrpc`
  return [
    await check('smoke.ready', async () => {
      const { status } = await open(`${base}/readyz`)
      must(status === 200, `/readyz answers ${status}.`)
      return 'The server is ready.'
    }),
    await check('smoke.card', async () => {
      const first = await open(card)
      must(first.status === 200, `The card of ${AGENT} answers ${first.status}.`)
      const [etag, version] = [first.headers.get('etag'), first.headers.get('countersign-card-version')]
      must(etag !== null && version !== null, 'The card has no ETag, or no version.')
      const again = await open(card, { headers: { 'if-none-match': etag as string } })
      must(again.status === 304, `The card that has not changed answers ${again.status}, not 304.`)
      return `The card of ${AGENT} is there, version ${version}, and 304 to whoever has it.`
    }),
    await check('smoke.signature', async () => {
      const keys = await (await open(`${base}/agents/${AGENT}/.well-known/jwks.json`)).json()
      const documents = [card, `${base}/agents/${AGENT}/.well-known/agent-card.json`]
      const kids = await Promise.all(documents.map(async (url) => (await verifyCard(await (await open(url)).text(), keys)).kid))
      return `Both documents of the card are signed by ${[...new Set(kids)].join(', ')}.`
    }),
    await check('smoke.interfaces', async () => {
      const a2a = (await (await open(`${base}/agents/${AGENT}/.well-known/agent-card.json`)).json()) as Interfaces
      const urls = a2a.supportedInterfaces.map((one) => one.url)
      must(
        a2a.supportedInterfaces.some((one) => one.protocolVersion === '1.0'),
        'No interface speaks A2A 1.0.',
      )
      must(
        urls.every((url) => url.startsWith(`${base}/`)),
        `The card leads to ${urls[0]}, and not to ${base}.`,
      )
      return `${urls.length} interfaces speak A2A 1.0 at this address.`
    }),
    await check('smoke.keys', async () => {
      const { keys } = (await (await open(`${base}/.well-known/countersign/relay-keys.json`)).json()) as { keys: object[] }
      must(Array.isArray(keys) && keys.length > 0, 'The instance shows no key of its own.')
      return `The instance signs with ${keys.length} ${keys.length === 1 ? 'key' : 'keys'} that anybody can read.`
    }),
    await check('smoke.refusals', async () => {
      const native = await post(`${base}/api/v1/agents/${AGENT}/threads`, { text: 'hello' })
      must(native.status === 401, `A start without a credential answers ${native.status}.`)
      const a2a = await post(rpc, { jsonrpc: '2.0', id: 1, method: 'ListTasks', params: {} }, { 'a2a-version': '1.0' })
      const challenge = a2a.headers.get('www-authenticate') ?? ''
      must(a2a.status === 401 && challenge.startsWith('Bearer'), `A2A without a credential answers ${a2a.status} “${challenge}”.`)
      return 'Whoever shows nothing is 401 on both faces.'
    }),
  ]
}
type Interfaces = { supportedInterfaces: { url: string; protocolVersion: string }[] }

/** A thread with the sandbox is a person's to start. */
async function seenByCaller(caller: Countersign, base: string): Promise<ClientFinding[]> {
  try {
    const { person, principal } = await findPerson(caller)
    if (person) return await seenBy(person, base)
    return [unseen(principal ? `A person tries the sandbox, and this is the key of ${plain(named(principal))}.` : NOBODY)]
  } catch (error) {
    // Its key counts there no more, or nothing answers, as the checks above say.
    if (error instanceof Problem) return [unseen(`${plain(error.message)}.`)]
    throw error
  }
}

async function seenBy(person: Countersign, base: string): Promise<ClientFinding[]> {
  const findings: ClientFinding[] = []
  findings.push(
    await check('smoke.approval', async () => {
      const refused = await person
        .call('POST /agents/:slug/threads', { params: { slug: AGENT }, body: { text: 'hello' } })
        .catch((error: unknown) => error)
      if (refused instanceof Problem && refused.code === 'scope_missing') throw refused
      must(refused instanceof Problem && refused.code === 'approval_required', 'Without a relay grant a start is not refused.')
      return 'Without a relay grant a start is `approval_required`, with the address to ask at.'
    }),
  )
  let token: string | undefined
  findings.push(
    await check('smoke.grant', async () => {
      const given = await person.call('POST /relay/sandbox', { body: {} })
      token = given.relay_token
      must(token !== undefined, 'The relay grant came without a token.')
      return `${given.relay_grant.id} was given until ${given.expires_at}.`
    }),
  )
  return token === undefined ? findings : [...findings, ...(await threadOf(base, token))]
}

async function threadOf(base: string, token: string): Promise<ClientFinding[]> {
  const calls = relay(base, token)
  const key = crypto.randomUUID()
  const body = { text: 'echo smoke', want_thread_token: true, sync: { wait_ms: 20_000 } }
  let thread = ''
  const started = await check('smoke.start', async () => {
    const one = await calls.start(AGENT, body, { idempotencyKey: key })
    thread = one.thread_id
    const text = one.response?.parts[0]?.text
    must(text === 'smoke', `The answer to “echo smoke” was ${text === undefined ? 'not there in time' : `“${text}”`}.`)
    return `${thread} was started and answered.`
  })
  if (thread === '') return [started]
  const shown = { authorization: `Bearer ${token}` }
  return [
    started,
    await check('smoke.idempotency', async () => {
      const again = await calls.start(AGENT, body, { idempotencyKey: key })
      must(again.thread_id === thread, 'The same start under one Idempotency-Key made a second thread.')
      return 'The same start under one Idempotency-Key is one thread.'
    }),
    await check('smoke.kinds', async () => {
      const read = await open(`${base}/api/v1/threads/${thread}`, { headers: shown })
      must(read.status === 401, `A relay token on a read answers ${read.status}.`)
      return 'A relay token starts, and reads nothing natively.'
    }),
    await check('smoke.versions', async () => {
      const rpc = `${base}/agents/${AGENT}/a2a/jsonrpc`
      const call = { jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: thread } }
      const says = async (version: string | null, url = rpc) => {
        const answer = await post(url, call, { ...shown, ...(version === null ? {} : { 'a2a-version': version }) })
        return 'result' in ((await answer.json()) as object)
      }
      const spoken = [await says('1.0'), await says('1.0.7'), await says(null, `${rpc}?A2A-Version=1.0`)]
      const refused = [await says(null), await says('99.0')]
      must(!spoken.includes(false) && !refused.includes(true), 'The versions of A2A are not told apart.')
      return 'A2A 1.0 is spoken, 0.3 and 99.0 are refused.'
    }),
    await check('smoke.events', async () => {
      const seen: number[] = []
      for await (const { sequence, type } of calls.events(thread)) {
        seen.push(sequence)
        if (type === 'thread.responded') break
      }
      must(
        seen.every((n, i) => n === i + 1),
        `The events of the thread are ${seen.join(', ')}.`,
      )
      return `${seen.length} events came as a stream, without a gap.`
    }),
    await check('smoke.close', async () => {
      const { state, outcome } = await calls.close(thread)
      must(state === 'closed' && outcome === 'completed', `The closed thread is ${state}, ${outcome}.`)
      return 'It is closed, and completed.'
    }),
  ]
}
