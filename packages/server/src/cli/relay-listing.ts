// countersign relay find, listing and card import: agents of others as they are found, one's own as they are listed, and cards elsewhere taken over as drafts. What others wrote is
// shown inert.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table, usage } from './output.ts'
import type { Door } from './tasks.ts'
import { parseNumber } from './words.ts'

type Card = RouteAnswer<'GET /cards/:id'>
type Found = RouteAnswer<'GET /listing'>['data'][number]
type Imported = RouteAnswer<'POST /cards/import'>
type Domain = RouteAnswer<'POST /cards/:id/domains'>

type FindWords = {
  skill?: string
  tag?: string
  input?: string
  output?: string
  verified?: true
  healthy?: true
  limit: string
  cursor?: string
}

/** `ownCard`: the caller's own card of a slug. */
export function listingCommands(
  relay: Command,
  door: Door,
  ownCard: (door: Door, slug: string) => Promise<Card | undefined>,
): void {
  relay
    .command('find [words...]')
    .description('agents of others that were reviewed, the best match first')
    .option('--skill <id>', 'with this skill')
    .option('--tag <tag>', 'with this tag')
    .option('--input <type>', 'that take this media type')
    .option('--output <type>', 'that give this media type')
    .option('--verified', 'that have proved a domain')
    .option('--healthy', 'that were well when they were last looked at')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(async (words: string[], { verified, healthy, limit, ...filter }: FindWords) => {
      const query = {
        ...filter,
        ...(words.length > 0 && { q: words.join(' ') }),
        ...(verified && { verified: 'true' as const }),
        ...(healthy && { healthy: 'true' as const }),
        limit: parseNumber('--limit', limit),
      }
      print(door.output(), await door.client().call('GET /listing', { query }), ({ data, next_cursor: next }) =>
        [
          table(data.map(foundRow), ['AGENT', 'HEALTH', 'DOMAINS', 'WHAT IT DOES'], 'No agent is listed that fits.'),
          ...(next === null ? [] : [`more: --cursor ${next}`]),
        ].join('\n'),
      )
    })

  const listing = relay.command('listing').description('whether others find an agent of yours')
  const own = async (slug: string): Promise<Card> => {
    const card = await ownCard(door, slug)
    if (!card) throw usage(`There is no card ${plain(slug)} that is yours.`)
    return card
  }
  for (const [action, says] of [
    ['submit', 'hand the current version in for review'],
    ['withdraw', 'take it out of the listing, or take back what was handed in'],
  ] as const)
    listing
      .command(`${action} <slug>`)
      .description(says)
      .action(async (slug: string) => {
        const { id } = await own(slug)
        print(door.output(), await door.client().call('POST /cards/:id/listing', { params: { id }, body: { action } }), standing)
      })
  listing
    .command('show <slug>')
    .description('how it stands, and what was found at the last looks')
    .action(async (slug: string) => {
      const card = await own(slug)
      const client = door.client()
      const { data: domains } = await client.call('GET /cards/:id/domains', { params: { id: card.id } })
      // Of a card that is not public nobody is told.
      const health = card.visibility === 'public' ? await client.call('GET /agents/:slug/health', { params: { slug } }) : null
      print(door.output(), { card, domains, health }, () =>
        [
          standing(card),
          ...domains.map(proof),
          ...(health?.checked_at
            ? [plain(`${health.state} at ${health.checked_at}${health.reason ? `: ${health.reason}` : ''}`)]
            : []),
        ].join('\n'),
      )
    })
}

export function importCommand(card: Command, door: Door): void {
  card
    .command('import <url>')
    .description('make a draft of the card of an A2A agent elsewhere; nobody else reads it until you make it public')
    .option('--slug <slug>', 'its name here; made of its own unless given')
    .option('--connection <id>', 'whose credentials are added to requests to that agent')
    .action(async (url: string, { slug, connection }: { slug?: string; connection?: string }) => {
      const body = { url, ...(slug && { slug }), ...(connection && { connection_id: connection }) }
      print(door.output(), await door.client().call('POST /cards/import', { body }), imported)
    })
}

const foundRow = (one: Found): string[] =>
  [one.slug, one.health?.state ?? '-', one.verified_domains.map(({ domain }) => domain).join(' ') || '-', one.summary].map(plain)

const standing = (one: Card): string =>
  plain(
    [
      `${one.slug}  ${one.listing}  version ${one.version}`,
      ...(one.listed_version === null ? [] : [`listed version ${one.listed_version}`]),
      ...(one.pending_version === null ? [] : [`version ${one.pending_version} waits for its review`]),
      ...(one.listing_note === null ? [] : [`note: ${one.listing_note}`]),
    ].join('  '),
  )

const proof = (one: Domain): string =>
  plain(
    one.state === 'verified'
      ? `${one.domain}  verified by ${one.method} until ${one.expires_at?.slice(0, 10)}`
      : `${one.domain}  ${one.state}: publish ${one.method === 'dns' ? `TXT ${one.challenge.dns.name} = ${one.challenge.dns.value}` : `${one.challenge.https.line} at ${one.challenge.https.url}`}`,
  )

const imported = ({ id, slug, report: { verification, changed } }: Imported): string =>
  [
    plain(`${slug}  ${id}  a draft that nobody else reads`),
    verification.signed ? plain(`signed by ${verification.signers.join(', ')}`) : `not verified (${verification.mode})`,
    ...changed.map(({ path, message }) => plain(`${path}  ${message}`)),
  ].join('\n')
