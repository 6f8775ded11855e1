// The desk of `countersign dev` as the page reads it. Its routes are in no document of the API, for no other server has them: they are called by their paths.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api.ts'

export type Part = { text: string } | { label: string; url: string }
export type Mail = { id: string; at: string; from: string; to: string[]; subject: string; parts: Part[] }
export type Webhook = {
  id: string
  at: string
  path: string
  headers: Record<string, string>
  body: string
  signature: { holds: true; mode: string } | { holds: false; why: string }
}
export type Text = { type: 'plain_text' | 'mrkdwn'; text: string }
export type Option = { text: Text; value: string; description?: Text }
export type Element = {
  type: string
  action_id: string
  text: Text
  value?: string
  url?: string
  style?: 'primary' | 'danger'
  confirm?: { title: Text; text: Text; confirm: Text; deny: Text }
  options?: Option[]
  initial_option?: Option
  initial_options?: Option[]
  initial_value?: string
  initial_date?: string
  initial_time?: string
  multiline?: boolean
  max_length?: number
  placeholder?: Text
}
export type Block = {
  type: string
  block_id?: string
  text?: Text
  elements?: (Element | Text)[]
  label?: Text
  hint?: Text
  element?: Element
  optional?: boolean
}
export type Message = { channel: string; ts: string; text: string; blocks: Block[]; thread_ts?: string; edited: number }
export type View = { id: string; user: string; title: Text; submit?: Text; close?: Text; blocks: Block[] }
export type Member = { id: string; name: string; real_name: string }
export type Slack = {
  team: { id: string; name: string }
  members: Member[]
  channels: { id: string; name: string }[]
  messages: Message[]
  ephemerals: { channel: string; user: string; text: string }[]
  views: View[]
  faults: string[]
}
export type Clock = { now: string; ahead_ms: number; reason: string | null }
export type Desk = {
  clock: Clock
  mail: { server: string; mails: Mail[] }
  slack: Slack | null
  webhooks: { url: string; endpoint_id: string | null; received: Webhook[] }
}

const call = async <T>(method: string, path: string, body?: object): Promise<T> =>
  (await api.transport.call<T>(method, path, { ...(body ? { body } : {}), idempotency: 'none' })).body

const KEY = ['dev']

export const useDesk = () =>
  useQuery({ queryKey: KEY, queryFn: () => call<Desk>('GET', '/dev'), refetchInterval: 1_000, retry: false })

export const useRaw = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: [...KEY, 'mail', id],
    queryFn: () => call<{ raw: string }>('GET', `/dev/mails/${encodeURIComponent(id)}`),
    enabled,
  })

/** One act on the desk; afterwards it is read again. */
export function useAct<Given extends object, Answer = object>(path: string, done?: (answer: Answer) => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (given: Given) => call<Answer>('POST', path, given),
    onSuccess: done,
    onSettled: () => queries.invalidateQueries({ queryKey: KEY, exact: true }),
  })
}

export const searchOptions = (given: { view_id: string; block_id: string; action_id: string; typed: string }) =>
  call<{ options: Option[] }>('POST', '/dev/slack/options', given)
