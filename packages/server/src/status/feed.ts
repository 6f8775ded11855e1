// /status/feed.atom (RFC 4287): every word that was said of an incident or a maintenance as an entry, newest first. Nothing that is measured stands in it.
import type { Board } from './board.ts'
import { escaped, wordOf } from './page.ts'

const iso = (time: Date | string): string => new Date(time).toISOString()

export function statusFeed(board: Board, origin: string, name: string, now: Date): string {
  const entries = board.incidents
    .flatMap((one) => one.updates.map((update) => ({ one, update })))
    .sort((a, b) => iso(b.update.written_at).localeCompare(iso(a.update.written_at)))
    .slice(0, 100)
  const updated = entries[0] ? iso(entries[0].update.written_at) : (board.as_of ?? now.toISOString())
  return `<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<title>${escaped(name)} status</title>
<id>${escaped(origin)}/status</id>
<link rel="alternate" href="${escaped(origin)}/status"/>
<link rel="self" href="${escaped(origin)}/status/feed.atom"/>
<updated>${updated}</updated>
<author><name>${escaped(name)}</name></author>
${entries
  .map(
    ({ one, update }) => `<entry>
<id>urn:countersign:${update.id}</id>
<title>${escaped(`${one.severity ?? 'Maintenance'}: ${one.title} (${wordOf(update.status).toLowerCase()})`)}</title>
<link href="${escaped(origin)}/status#${one.id}"/>
<updated>${iso(update.written_at)}</updated>
<content type="text">${escaped(update.body)}</content>
</entry>`,
  )
  .join('\n')}
</feed>
`
}
