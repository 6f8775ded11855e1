// The page of an embed: the built document with what it must know before it shows a token, and a policy that lets exactly one origin hold it (T123).
// It tells nothing about the task; whoever has no token sees an empty frame.
import { Problem } from '@countersign/sdk'
import { type Db, once } from '../../db/tx.ts'
import { pagePolicy } from '../../http/browser.ts'
import { Document, type Route, route, s } from '../../http/route.ts'
import { type EmbedPageRow, findPage } from './sql.ts'

export type EmbedPageHouse = {
  db: Db
  /** As it was built; null: this server has no pages. */
  page: string | null
}

type Framed = { html: string; ancestor: string }

export const embedPageRoute = (house: EmbedPageHouse): Route =>
  route(
    'GET /embed',
    {
      summary: 'The page of an embed',
      description: 'What `embed_url` of a new embed token opens. Only the origin of that embed may hold it in a frame.',
      tag: 'embed',
      auth: 'none',
      query: { id: s.id('task'), e: s.id('emb') },
      answers: { 200: 'page' },
      problems: ['not_found'],
      render(result) {
        const { html, ancestor } = result as Framed
        // The older header knows no single origin; where both stand it would be the stricter one.
        const headers = { 'Content-Security-Policy': pagePolicy(ancestor), 'X-Frame-Options': '' }
        return { headers, body: new Document('text/html', html) }
      },
    },
    ({ query }) => openPage(house, query.id, query.e),
  )

async function openPage({ db, page }: EmbedPageHouse, taskId: string, embedId: string): Promise<Framed> {
  const [embed] = await once<EmbedPageRow>(db, findPage(embedId, taskId))
  if (!embed || page === null) throw new Problem('not_found')
  const known = {
    task_id: taskId,
    origin: embed.origin,
    theme: embed.theme,
    dialect: embed.dialect,
    ttl_seconds: Math.round((embed.expires_at.getTime() - embed.created_at.getTime()) / 1_000),
    expires_at: embed.expires_at,
  }
  const meta = `<meta name="countersign-embed" content="${attribute(JSON.stringify(known))}" />`
  return { html: page.replace('</head>', () => `${meta}</head>`), ancestor: embed.origin }
}

const MARKS: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const attribute = (text: string): string => text.replace(/[&<>"]/g, (mark) => MARKS[mark] as string)
