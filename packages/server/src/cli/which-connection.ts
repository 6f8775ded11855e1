// Which connection a person means: its id, `provider:name`, or `provider` alone, where the name is `default`. Their own come before the tenant's (V9).
import { Problem, type RouteAnswer } from '@countersign/sdk'
import { EndsWith, missingIs } from './output.ts'
import type { Door } from './tasks.ts'

export type Connection = RouteAnswer<'GET /connections/:id'>

export async function connectionNamed(door: Door, word: string): Promise<Connection> {
  const client = door.client()
  if (word.startsWith('conn_')) return missingIs(3, () => client.call('GET /connections/:id', { params: { id: word } }))
  const [provider = '', name = 'default'] = word.split(':', 2)
  const found = (await connectionsOf(door, provider)).filter((one) => one.name === name && one.status !== 'removed')
  const [first] = found.sort((a, b) => Number(a.shared) - Number(b.shared))
  if (first) return first
  throw new EndsWith(3, new Problem('connection_missing', { detail: `There is no connection ${provider}:${name}.` }))
}

/** All of a provider, or all that may be seen. */
export async function connectionsOf(
  door: Door,
  provider?: string,
  more: { status?: Connection['status'] } = {},
): Promise<Connection[]> {
  const client = door.client()
  const all: Connection[] = []
  for (let cursor: string | undefined; ; ) {
    const query = { ...(provider === undefined ? {} : { provider }), ...more, limit: 200, cursor }
    const { data, next_cursor: next } = await client.call('GET /connections', { query })
    all.push(...data)
    if (next === null) return all
    cursor = next
  }
}

export const nameOf = ({ provider, name }: Pick<Connection, 'provider' | 'name'>): string => `${provider}:${name}`
