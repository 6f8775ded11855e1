// The page of an authorization as a browser has it: one jar of cookies, the token of the link, and the nonce of the form that was shown last.
import { type Answer, type Client, clientOf, type House } from '#harness'

export type Page = Client & {
  id: string
  open(token?: string): Promise<Answer>
  /** Opens with the token, then sends the form. */
  submit(more?: Record<string, unknown>): Promise<Answer>
  back(query: Record<string, string>): Promise<Answer>
}

/** At `url`: of another process, say. A page is of its own profile: nobody else's cookies. */
export function pageAt(url: string, connectUrl: string): Page {
  const link = new URL(connectUrl)
  const id = link.pathname.split('/')[2] ?? ''
  const client = clientOf(url)
  const own = { origin: url }
  const page: Page = Object.assign(client, {
    id,
    open: (token: string | undefined = link.hash.slice(1)) =>
      client.post(`/connect/${id}/open`, token === '' ? {} : { token }, own),
    async submit(more: Record<string, unknown> = {}) {
      const seen = await client.post(`/connect/${id}/open`, client.credential.cookie ? {} : { token: link.hash.slice(1) }, own)
      return seen.status === 200 ? client.post(`/connect/${id}/submit`, { nonce: seen.body.nonce, ...more }, own) : seen
    },
    back: (query: Record<string, string>) => client.post('/connect/return', query, own),
  })
  return page
}

export const start = (house: House, body: Record<string, unknown>, by: Client = house.alice): Promise<Answer> =>
  by.post('/api/v1/authorizations', body)
