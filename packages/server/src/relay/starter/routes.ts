// The files that somebody begins with (relay.md R56): each made from code when it is first asked for, and one that lists them with their size and hash.
import { sha256Hex } from '../../crypto/token.ts'
import type { Buckets } from '../../http/bucket.ts'
import { Document, type Route, route, s } from '../../http/route.ts'
import { relayContract } from './contract.ts'

/** `routes`: of the API, as they are served here. `description`: the bytes that /openapi.json answers. */
export type StarterHouse = { routes(): readonly Route[]; description(): Promise<string>; buckets: Buckets }

export function starterRoutes(house: StarterHouse): Route[] {
  let made: string | undefined
  const contract = () => {
    made ??= `${JSON.stringify(relayContract(house.routes(), house.buckets), null, 2)}\n`
    return made
  }
  const open = { tag: 'meta', auth: 'none' } as const
  return [
    route(
      'GET /starter/relay-contract.json',
      { ...open, summary: 'The contract of the relay, for programs', answers: { 200: 'page' } },
      async () => new Document('application/json', contract()),
    ),
    route(
      'GET /starter/manifest.json',
      {
        ...open,
        summary: 'What there is to begin with, with the size and SHA-256 of each file',
        answers: { 200: s.object({ assets: s.array(s.object({ name: s.text(), bytes: s.int(), sha256: s.text() })) }) },
      },
      async () => {
        const files = { '/starter/relay-contract.json': contract(), '/openapi.json': await house.description() }
        const assets = Object.entries(files)
        return { assets: assets.map(([name, text]) => ({ name, bytes: Buffer.byteLength(text), sha256: sha256Hex(text) })) }
      },
    ),
  ]
}
