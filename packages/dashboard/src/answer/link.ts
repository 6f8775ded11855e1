// The one door that the answer page has (tasks.md T109): with the token it looks, with the nonce of that look it answers or acts. The token comes out of the fragment, which no
// server and no other page ever sees, and is kept in this page alone.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { api } from '../api.ts'
import { readExact, type Shown } from '../exact.ts'

type Replied = RouteAnswer<'POST /channels/email/action'>
export type View = Extract<Replied, { nonce: string }>
export type Answered = Extract<Replied, { state: 'answered' }>
export type Done = Extract<Replied, { state: 'done' }>
export type Act = NonNullable<RouteBody<'POST /channels/email/action'>['act']>
export type Answer = NonNullable<RouteBody<'POST /channels/email/action'>['answer']>

/** What the page shows, numbers digit for digit, and the token by which it goes on. */
export type Look = { view: View; shown: Map<string, Shown>; token: string }

const PATH = '/channels/email/action'

export async function look(token: string): Promise<Look> {
  const reply = await api.transport.call<View>('POST', PATH, { body: { token }, idempotency: 'none' })
  const read = readExact(reply.text)
  const task = read instanceof Map ? read.get('task') : null
  const view = reply.body
  return { view, shown: task instanceof Map ? task : new Map(), token: view.session ?? token }
}

export const send = async ({ token, view }: Look, answer: Answer): Promise<Answered> =>
  (await api.transport.call<Answered>('POST', PATH, { body: { token, nonce: view.nonce, answer }, idempotency: 'none' })).body

/** Besides answering, from the page of a review link (T111). */
export const perform = async ({ token, view }: Look, act: Act): Promise<Done> =>
  (await api.transport.call<Done>('POST', PATH, { body: { token, nonce: view.nonce, act }, idempotency: 'none' })).body

/** Under whose name this tab keeps what was typed: that of the person who signs in later, where the link knows them. */
export const keptFor = ({ reader }: View): string => reader.user_id ?? `link:${reader.email ?? reader.display_name}`
