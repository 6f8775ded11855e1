// The doors of the connect pages (vault.md V30): the token of the link is traded once for a cookie that no script sees, and each form has a nonce of its own. What
// is typed in goes to the server and is kept nowhere here.
import type { Problem } from '@countersign/sdk'
import { api } from '../api.ts'

export type Field = { name: string; label: string; secret: boolean; pattern: string | null; hint: string | null }

export type View = {
  authorization_id: string
  status: string
  step: 'fields' | 'choose_issuer' | 'go_on' | 'device' | 'wait' | 'done' | 'ended'
  provider: {
    name: string
    display_name: string
    description: string | null
    docs_url: string | null
    verified_on: string | null
    hosts: string[]
  }
  owner: string | null
  asked_by: string | null
  connection_name: string
  replaces: boolean
  method: string
  pkce: boolean
  scopes: { name: string; says: string | null }[]
  redirect_url: string | null
  fields: Field[]
  issuers: string[]
  nonce: string | null
  user_code: string | null
  verification_uri: string | null
  verification_uri_complete: string | null
  error: { code: string; said: string | null } | null
  connection_id: string | null
  expires_at: string
}

export type Submitted = { redirect_to: string | null; view: View }
export type Sent = { fields?: Record<string, string>; issuer?: string; store_anyway?: boolean }

// These stand at the root and not under the API: they ask for a cookie of their own.
async function post<T>(path: string, body: object): Promise<T> {
  const response = await fetch(path, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  })
  const json = (await response.json()) as T
  if (!response.ok) throw new Refused(json as ProblemBody)
  return json
}

type ProblemBody = {
  code: string
  title?: string
  said?: string | null
  reason?: string
  errors?: { path: string; message: string }[]
}

/** A refusal of a connect page, with its code and the faults of its fields. */
export class Refused extends Error {
  readonly body: ProblemBody
  constructor(body: ProblemBody) {
    super(body.title ?? body.code)
    this.body = body
  }
}

const at = (id: string, act: 'open' | 'submit') => `/connect/${encodeURIComponent(id)}/${act}`

/** With the link's token the first time; with the cookie after that; as the signed-in owner where there is neither. */
export async function openPage(id: string, token: string): Promise<View> {
  if (token !== '') return post<View>(at(id, 'open'), { token })
  try {
    return await post<View>(at(id, 'open'), {})
  } catch (refused) {
    if (!(refused instanceof Refused) || refused.body.code !== 'form_replayed') throw refused
    const path = `/authorizations/${encodeURIComponent(id)}/open`
    return (await api.transport.call<View>('POST', path, { idempotency: 'none' })).body
  }
}

export const submitPage = (id: string, nonce: string, sent: Sent): Promise<Submitted> =>
  post<Submitted>(at(id, 'submit'), { nonce, ...sent })
export const returnPage = (query: Record<string, string>): Promise<View> => post<View>('/connect/return', query)

export const isRefused = (error: unknown, ...codes: string[]): boolean =>
  (error instanceof Refused && codes.includes(error.body.code)) || codes.includes((error as Partial<Problem> | null)?.code ?? '')
