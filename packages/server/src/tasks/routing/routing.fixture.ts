// What the tests of routing share: a question, pools, and who holds what.
import type { Client, House, Person } from '#harness'

export const QUESTION = {
  task: 'Refund order 1042?',
  payload: { order: 1042 },
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout_seconds: 7_200,
}

export const pool = async (by: Client, name: string, members: readonly Person[], more: object = {}): Promise<{ id: string }> => {
  const made = await by.post('/api/v1/pools', { name, members: members.map(({ id }) => id), ...more })
  if (made.status !== 201) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
  return made.body
}

export const members = (house: House, count: number): Promise<Person[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => house.given.user({ role: 'member', displayName: `Member ${i}` })))

export const ask = async (by: Client, more: object) => (await by.post('/api/v1/tasks', { ...QUESTION, ...more })).body

/** How many open tasks each of them holds. */
export async function held({ admin }: House, people: readonly Person[]): Promise<number[]> {
  const rows = await admin.rows<{ id: string; count: number }>`
    select assigned_to_user_id as id, count(*)::int as count from tasks where assigned_to_user_id is not null group by 1`
  return people.map(({ id }) => rows.find((row) => row.id === id)?.count ?? 0)
}
