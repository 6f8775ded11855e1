// countersign relay …: cards, connections and threads with agents of other owners. What may be asked, given and said is the server's to say. What others wrote is shown inert.
import { readFileSync } from 'node:fs'
import { CardRefused, Problem, type RouteAnswer, type RouteBody, verifyCard } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { EndsWith, plain, plainLines, print, table, usage } from './output.ts'
import { relayDoctorCommand } from './relay-doctor.ts'
import { leavingCommands } from './relay-leaving.ts'
import { importCommand, listingCommands } from './relay-listing.ts'
import { serveCommands } from './relay-serve.ts'
import { smokeCommand } from './relay-smoke.ts'
import { threadCommands } from './relay-threads.ts'
import { tryCommand } from './relay-try.ts'
import type { Door } from './tasks.ts'
import { parseNumber, parseSeconds, readObject } from './words.ts'

type Card = RouteAnswer<'GET /cards/:id'>
type Grant = RouteAnswer<'GET /relay-grants'>['data'][number]
type Issued = RouteAnswer<'POST /relay-grants/:id/rotate'>
type Asked = RouteAnswer<'GET /connection-requests/:id'>

const EXAMPLES = `
Examples:
  $ countersign relay try
  $ countersign relay card publish card.json
  $ countersign relay find invoices --verified
  $ countersign relay request translator --purpose "to translate invoices"
  $ countersign relay approve creq_01J… --skills translate --expires 30d
  $ countersign relay start translator "Good morning" --wait 20
  $ countersign relay tail thr_01J…
  $ countersign relay serve translator --exec ./answer.sh
`

export function relayCommand(program: Command, door: Door): void {
  const relay = program.command('relay').description('work with agents of other owners').addHelpText('after', EXAMPLES)
  cards(relay, door)
  listingCommands(relay, door, ownCard)
  grants(relay, door)
  requests(relay, door)
  threadCommands(relay, door)
  serveCommands(relay, door)
  leavingCommands(relay, door)
  tryCommand(relay, door)
  smokeCommand(relay, door)
  relayDoctorCommand(relay, door)
}

function cards(relay: Command, door: Door): void {
  const card = relay.command('card').description('what others read of an agent')
  importCommand(card, door)
  card
    .command('publish <file>')
    .description('save a card; one of its slug that is yours gets a new version; - for what is piped in')
    .option('--confirm-public', 'although it holds what looks like a secret')
    .action(async (file: string, { confirmPublic }: { confirmPublic?: true }) => {
      const client = door.client()
      const { slug, ...content } = readObject(file)
      if (typeof slug !== 'string') throw usage('The card has no slug.')
      const own = await ownCard(door, slug)
      const more = confirmPublic ? { confirm_public: true } : {}
      const saved = own
        ? await client.call('PATCH /cards/:id', {
            params: { id: own.id },
            headers: { 'if-match': own.etag },
            body: { ...content, ...more },
          })
        : await client.call('POST /cards', { body: { slug, ...content, ...more } as unknown as RouteBody<'POST /cards'> })
      print(door.output(), saved, line)
    })
  card
    .command('show <slug>')
    .description('the card as anybody reads it')
    .action(async (slug: string) => {
      const text = await wireOf(door, slug)
      print(door.output(), JSON.parse(text) as object, (document) => plainLines(JSON.stringify(document, null, 2)))
    })
  card
    .command('verify <slug>')
    .description('check the signature of a card by the keys that its server names')
    .option('--file <file>', 'of this copy of the card')
    .option('--keys <file>', 'by this key set, which you trust')
    .action(async (slug: string, { file, keys }: { file?: string; keys?: string }) => {
      const wire = file === undefined ? await wireOf(door, slug) : readFileSync(file, 'utf8')
      const set =
        keys === undefined
          ? (await door.client().transport.call<object>('GET', `agents/${encodeURIComponent(slug)}/.well-known/jwks.json`)).body
          : readObject(keys)
      const { kid } = await verifyCard(wire, set as unknown as Parameters<typeof verifyCard>[1]).catch((error: unknown) => {
        if (!(error instanceof CardRefused)) throw error
        throw new EndsWith(20, new Problem('card_untrusted', { detail: error.message, reason: error.reason }))
      })
      print(door.output(), { verified: true, agent: slug, kid }, () => plain(`${slug} is signed by ${kid}`))
    })
}

/** The bytes of the card, for they are what is signed. */
const wireOf = async (door: Door, slug: string): Promise<string> =>
  (await door.client().transport.call('GET', `/agents/${encodeURIComponent(slug)}/card`)).text

async function ownCard(door: Door, slug: string): Promise<Card | undefined> {
  for (let cursor: string | undefined; ; ) {
    const page = await door.client().call('GET /cards', { query: { limit: 200, ...(cursor === undefined ? {} : { cursor }) } })
    const found = page.data.find((one) => one.slug === slug)
    if (found || page.next_cursor === null) return found
    cursor = page.next_cursor
  }
}

function grants(relay: Command, door: Door): void {
  const group = relay.command('grants').description('who may work with your agents, and with whose yours may')
  group
    .command('list')
    .description('relay grants that you may see, newest first')
    .option('--side <side>', 'owner or caller')
    .option('--state <state>', 'active, revoked or expired')
    .option('--agent <slug>', 'of one agent')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(
      async ({
        limit,
        ...query
      }: {
        side?: Grant['side']
        state?: Grant['state']
        agent?: string
        limit: string
        cursor?: string
      }) =>
        print(
          door.output(),
          await door.client().call('GET /relay-grants', { query: { ...query, limit: parseNumber('--limit', limit) } }),
          ({ data }) => table(data.map(grantRow), ['ID', 'STATE', 'SIDE', 'AGENT', 'WITH', 'EXPIRES'], 'No relay grant yet.'),
        ),
    )
  group
    .command('rotate <id>')
    .description('exchange its token; the new one is shown once')
    .option('--overlap <duration>', 'how long the old one still works: 0, 60s, 24h', '24h')
    .option('--force', 'also while an earlier rotation is open')
    .action(async (id: string, { overlap, force }: { overlap: string; force?: true }) => {
      const overlap_seconds = overlap === '0' ? 0 : parseSeconds('--overlap', overlap)
      const body = { overlap_seconds, ...(force ? { force } : {}) }
      print(door.output(), await door.client().call('POST /relay-grants/:id/rotate', { params: { id }, body }), issued)
    })
  group
    .command('revoke <id>')
    .description('end it; its open threads end with it')
    .option('--reason <text>', 'why')
    .option('--yes', 'do not ask')
    .action(async (id: string, { reason, yes }: { reason?: string; yes?: true }) => {
      await confirm(door, `Revoke ${plain(id)}`, door.client().settings.url, yes)
      const body = reason === undefined ? {} : { reason }
      const ended = await door.client().call('POST /relay-grants/:id/revoke', { params: { id }, body })
      print(door.output(), ended, ({ state, threads_revoked: n }) => `${state}, and ${n} open threads with it`)
    })
  group
    .command('introspect [id]')
    .description('what a relay grant gives; without an id, what the relay token in COUNTERSIGN_KEY opens')
    .action(async (id: string | undefined) =>
      id === undefined
        ? print(door.output(), await door.client().call('POST /relay-tokens/introspect', { body: {} }), members)
        : print(door.output(), await door.client().call('GET /relay-grants/:id', { params: { id } }), members),
    )
}

type Narrower = { skills?: string; expires?: string }

function requests(relay: Command, door: Door): void {
  relay
    .command('request <agent>')
    .description('ask to be connected to an agent')
    .requiredOption('--purpose <text>', 'what for; the people who are asked read it')
    .option('--from <agent>', 'as a person: which of your agents asks')
    .option('--skills <list>', 'with commas between; all of them unless given')
    .option('--expires <duration>', 'how long: 30d')
    .action(async (agent: string, { purpose, from, ...options }: Narrower & { purpose: string; from?: string }) => {
      const body = { purpose, ...(from === undefined ? {} : { from_agent_id: from }), ...termsOf(options) }
      const made = await door.client().call('POST /agents/:slug/connection-requests', { params: { slug: agent }, body })
      print(door.output(), made, asked)
    })
  relay
    .command('requests')
    .description('connection requests, newest first')
    .option('--side <side>', 'owner or caller')
    .option('--state <state>', 'pending, approved, denied, withdrawn or expired')
    .action(async (query: { side?: Asked['side']; state?: Asked['state'] }) =>
      print(door.output(), await door.client().call('GET /connection-requests', { query }), ({ data }) =>
        table(data.map(requestRow), ['ID', 'STATE', 'SIDE', 'AGENT', 'WHO ASKS', 'FOR WHAT'], 'No connection request yet.'),
      ),
    )
  relay
    .command('approve <id>')
    .description('agree to a connection request, narrower where flags say so; who asked fetches the token')
    .option('--skills <list>', 'these alone')
    .option('--expires <duration>', 'for so long: 30d')
    .option('--reason <text>', 'why')
    .action((id: string, { reason, ...options }: Narrower & { reason?: string }) => decide(door, id, reason, termsOf(options)))
  relay
    .command('deny <id>')
    .description('refuse a connection request')
    .option('--reason <text>', 'why')
    .action((id: string, { reason }: { reason?: string }) => decide(door, id, reason, null))
  relay
    .command('collect <id>')
    .description('fetch the relay token of a request that was agreed to; it is shown once')
    .action(async (id: string) =>
      print(
        door.output(),
        await door.client().call('POST /connection-requests/:id/collect', { params: { id } }),
        ({ relay_grant_id: grant, relay_token: token, expires_at: until }) =>
          `${grant}  until ${until}\n${token ?? '(its text was shown before)'}\nKeep it now: it is not shown again.`,
      ),
    )
}

/** By its task, as in every other channel. `terms` null: no. */
async function decide(door: Door, id: string, reason: string | undefined, terms: object | null): Promise<void> {
  const client = door.client()
  const request = await client.call('GET /connection-requests/:id', { params: { id } })
  if (!request.task_id) throw usage(`${plain(id)} is not yours to decide, or nobody has to.`)
  const { revision } = await client.tasks.get(request.task_id)
  const { skills, scopes, limits, expires_in_seconds } = request.asked
  const args = { ...(skills && { skills }), scopes, limits, expires_in_seconds, ...terms }
  const how =
    terms === null
      ? { type: 'deny' as const }
      : Object.keys(terms).length > 0
        ? { type: 'edit' as const, args }
        : { type: 'accept' as const }
  await client.tasks.decide(request.task_id, { ...how, seen_revision: revision, ...(reason === undefined ? {} : { reason }) })
  print(door.output(), await client.call('GET /connection-requests/:id', { params: { id } }), asked)
}

const termsOf = ({ skills, expires }: Narrower) => ({
  ...(skills === undefined ? {} : { skills: skills.split(',').map((one) => one.trim()) }),
  ...(expires === undefined ? {} : { expires_in_seconds: parseSeconds('--expires', expires) }),
})

const members = (value: object): string =>
  Object.entries(value)
    .filter(([, member]) => member !== null && !(Array.isArray(member) && member.length === 0))
    .map(([name, member]) => plain(`${name.padEnd(24)}${typeof member === 'string' ? member : JSON.stringify(member)}`))
    .join('\n')

const line = (one: Card): string => plain(`${one.slug}  version ${one.version}  ${one.state}  ${one.url}`)

const grantRow = (one: Grant): string[] =>
  [one.id, one.state, one.side, one.agent, one.label, one.expires_at?.slice(0, 10) ?? '-'].map(plain)

const issued = ({ relay_grant: { id, agent }, relay_token: token, expires_at: until }: Issued): string =>
  `${plain(`${id}  ${agent}`)}  until ${until}\n${token ?? '(its text was shown before)'}\nKeep it now: it is not shown again.`

const requestRow = (one: Asked): string[] =>
  [one.id, one.state, one.side, one.agent, one.asker.name, one.purpose.slice(0, 60)].map(plain)

const asked = (one: Asked): string =>
  [
    plain(`${one.id}  ${one.state}  ${one.asker.name} asks for ${one.agent}`),
    ...(one.state === 'pending' && one.task_url ? [`people answer at ${one.task_url}`] : []),
    ...(one.relay_grant_id === null ? [] : [`relay grant ${one.relay_grant_id}`]),
    ...(one.note === null ? [] : [plain(`note: ${one.note}`)]),
  ].join('\n')
