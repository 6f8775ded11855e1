// countersign relay doctor: what of the relay can be seen from where commands are typed (relay.md R56): the server's clock, keys, what cards say of their address and whether that is
// reached from here, the listener of A2A, what waits in inboxes, and deliveries that do not arrive. Changes nothing, and opens no address but the server's own.
import { CardRefused, type Countersign, type RouteAnswer, verifyCard } from '@countersign/sdk'
import type { Command } from 'commander'
import { checkClock } from './client-checks.ts'
import { type ClientFinding, fail, ok, warn } from './client-finding.ts'
import { findingsShown } from './doctor.ts'
import { plain, print, unlessRefused } from './output.ts'
import type { Door } from './tasks.ts'

type Card = RouteAnswer<'GET /cards/:id'>

const ALWAYS = 'sandbox'
const LATE_S = 300
const SHOWN = 20
const NOT_YOURS = 'is not for your role to see.'

export function relayDoctorCommand(group: Command, door: Door): void {
  group
    .command('doctor')
    .description('check clock, keys, the address that cards say, the listener of A2A, what waits and what does not arrive')
    .action(async () => {
      const findings = await examine(door.client())
      print(door.output(), { findings }, () => findingsShown(findings))
      if (findings.some(({ status }) => status === 'fail')) process.exitCode = 20
    })
}

async function examine(client: Countersign): Promise<ClientFinding[]> {
  const sent = Date.now()
  const me = await client.call('GET /principal')
  const clock = { ...checkClock(Date.parse(me.now), sent, Date.now()), code: 'relay.clock' }
  const cards = await unlessRefused(() => client.call('GET /cards', { query: { limit: SHOWN } }))
  const mine = (cards?.data ?? []).filter(({ state }) => state !== 'retired')
  return [
    ok('relay.server', `${client.settings.url} answers ${plain(me.name)}.`),
    clock,
    await checkKeys(client),
    ...(await checkCards(client, mine)),
    await checkListener(client, mine[0]?.slug ?? ALWAYS),
    ...(await Promise.all(mine.map((card) => checkInbox(client, card)))),
    await checkEndpoints(client),
    await checkDeliveries(client),
    await checkEgress(client),
  ]
}

const open = (url: string, init?: RequestInit) =>
  globalThis.fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(15_000), ...init })

async function checkKeys({ settings: { url } }: Countersign): Promise<ClientFinding> {
  const answer = await open(`${url}/.well-known/countersign/relay-keys.json`)
  const { keys = [] } = answer.ok ? ((await answer.json()) as { keys?: { kid?: string }[] }) : {}
  if (keys.length === 0)
    return fail('relay.keys', 'The instance shows no key of its own.', 'Look at its log: its key ring may be sealed.')
  return ok('relay.keys', `The instance signs with ${keys.map(({ kid }) => plain(String(kid))).join(', ')}.`)
}

/** Each as a stranger would read it, at the address that it says itself. */
async function checkCards(client: Countersign, cards: readonly Card[]): Promise<ClientFinding[]> {
  const own = client.settings.url.replace(/\/+$/, '')
  const seen = cards.filter(({ visibility }) => visibility === 'public').map(({ slug, url }) => ({ slug, base: url }))
  const all = seen.length > 0 ? seen : [{ slug: ALWAYS, base: `${own}/agents/${ALWAYS}/` }]
  const said = new Set(all.map(({ base }) => new URL(base).origin))
  const findings: ClientFinding[] = [...said].map((origin) =>
    origin === new URL(own).origin
      ? ok('relay.public_url', `Cards say ${origin}, which is where you call.`)
      : warn(
          'relay.public_url',
          `Cards say ${origin}; you call ${own}.`,
          'Others are led to what cards say: set PUBLIC_URL to what they reach.',
        ),
  )
  for (const { slug, base } of all) findings.push(await checkCard(slug, base))
  return findings
}

async function checkCard(slug: string, base: string): Promise<ClientFinding> {
  const code = 'relay.card'
  try {
    const [wire, keys] = await Promise.all(
      ['agent-card.json', 'jwks.json'].map(async (name) => (await open(`${base}.well-known/${name}`)).text()),
    )
    const { kid } = await verifyCard(wire as string, JSON.parse(keys as string))
    return ok(code, `${plain(slug)} is reached at ${plain(base)} and signed by ${plain(kid)}.`)
  } catch (error) {
    if (error instanceof CardRefused || error instanceof SyntaxError)
      return fail(
        code,
        `${plain(slug)} at ${plain(base)}: ${plain(error.message)}`,
        'Restart the server: it signs every card anew.',
      )
    if (error instanceof TypeError || (error as Error).name === 'TimeoutError')
      return fail(
        code,
        `${plain(slug)} is not reached at ${plain(base)} from here.`,
        'Check PUBLIC_URL, the name, and what stands before the server.',
      )
    throw error
  }
}

async function checkListener({ settings: { url } }: Countersign, slug: string): Promise<ClientFinding> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ListTasks', params: {} })
  const headers = { 'content-type': 'application/json', 'a2a-version': '1.0' }
  const { status } = await open(`${url}/agents/${slug}/a2a/jsonrpc`, { method: 'POST', headers, body })
  return status === 401
    ? ok('relay.listener', 'A2A is served here, and asks for a credential.')
    : fail('relay.listener', `A2A answers ${status} to whoever shows nothing, not 401.`, 'Check what stands before the server.')
}

async function checkInbox(client: Countersign, { slug, delivery }: Card): Promise<ClientFinding> {
  const code = 'relay.inbox'
  const query = { limit: SHOWN } as const
  const waiting = await unlessRefused(() => client.call('GET /agents/:slug/inbox', { params: { slug }, query }))
  if (waiting === null) return ok(code, `The inbox of ${plain(slug)} ${NOT_YOURS}`)
  const [oldest] = waiting.data
  if (!oldest || oldest.age_seconds < LATE_S) return ok(code, `Nothing waits long for ${plain(slug)} (${delivery.mode}).`)
  const mend =
    delivery.mode === 'inbox'
      ? 'Start an agent that claims it (countersign relay serve), or answer it yourself.'
      : 'See its deliveries: countersign deliveries list'
  return warn(code, `A message for ${plain(slug)} waits since ${oldest.age_seconds} s.`, mend)
}

async function checkEndpoints(client: Countersign): Promise<ClientFinding> {
  const code = 'relay.endpoints'
  const found = await unlessRefused(() => client.call('GET /endpoints', { query: { limit: 200 } }))
  if (found === null) return ok(code, `Endpoints: that ${NOT_YOURS}`)
  const stopped = found.data.filter(({ state }) => state === 'disabled' || state === 'paused')
  if (stopped.length === 0) return ok(code, `${found.data.length} endpoints, none of them stopped.`)
  return warn(code, `Stopped: ${stopped.map(({ id }) => id).join(', ')}.`, 'Mend what they lead to, then resume them.')
}

const checkDeliveries = (client: Countersign): Promise<ClientFinding> =>
  counted(
    client,
    'relay.deliveries',
    { state: 'exhausted' },
    {
      none: 'No delivery was given up.',
      some: 'given up after its last attempt',
      mend: 'Mend the endpoint, then: countersign deliveries replay',
    },
  )

/** What the guard of the way out refused says whether the allow-list of the installation has what is delivered to. */
const checkEgress = (client: Countersign): Promise<ClientFinding> =>
  counted(
    client,
    'relay.egress',
    { class: 'url_not_allowed' },
    {
      none: 'The way out refused no delivery.',
      some: 'refused by the guard of the way out',
      mend: 'A host adds the address to the allow-list of the installation (docs/egress.md), or the endpoint names another.',
    },
  )

type Words = { none: string; some: string; mend: string }

async function counted(
  client: Countersign,
  code: string,
  query: { state?: 'exhausted'; class?: 'url_not_allowed' },
  { none, some, mend }: Words,
): Promise<ClientFinding> {
  const found = await unlessRefused(() => client.call('GET /deliveries', { query: { ...query, limit: SHOWN } }))
  if (found === null) return ok(code, `Deliveries: that ${NOT_YOURS}`)
  if (found.data.length === 0) return ok(code, none)
  const [first] = found.data
  return warn(code, `${found.data.length}${found.next_cursor === null ? '' : ' or more'} ${some}, such as ${first?.id}.`, mend)
}
