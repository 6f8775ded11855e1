// What the canaries share: a marker, the forms in which it may hide, and a search of everything that a server writes and says. Knows no room.
import { expect } from 'vitest'
import type { Admin, Answer, Client } from '#harness'

export const MARK = `cnry${crypto.randomUUID().replaceAll('-', '').slice(0, 20)}`
export const marked = (what: string) => `${MARK}-${what}`

/** The ways in which a text hides in bytes or in another text: as it is, in hex, and in base64 at each of its three alignments. */
export function forms(needle: string): string[] {
  const base64 = [0, 1, 2].map((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(needle)])
    // Without the characters at both ends that depend on what stands beside it.
    return bytes
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift === 0 ? 0 : shift + 1, -2)
  })
  const urlSafe = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [...new Set([needle, Buffer.from(needle).toString('hex'), ...base64, ...urlSafe])]
}

/** Remembers what must not be found, and finds it. */
export function openSearch() {
  const needles = new Map([['the marker', forms(MARK)]])
  const hits: string[] = []
  const look = (place: string, data: Buffer | string) => {
    for (const [name, all] of needles) for (const form of all) if (data.includes(form)) hits.push(`${name} in ${place}`)
  }
  return {
    hits,
    look,
    /** A secret that the server made: its whole value is looked for. */
    keep: (name: string, secret: string | undefined) => {
      expect(secret?.length, name).toBeGreaterThan(20)
      needles.set(name, forms(secret as string))
    },
    /** Every value of every column of every table that is ours. */
    async tables(admin: Pick<Admin, 'query'>) {
      const { rows: tables } = await admin.query(`
        select t.table_schema as schema, t.table_name as name, array_agg(format(
          case when c.data_type = 'bigint' then '%1$I::text as %1$I' else '%1$I' end, c.column_name)) as columns
        from information_schema.tables t join information_schema.columns c using (table_schema, table_name)
        where t.table_type = 'BASE TABLE' and t.table_schema not in ('pg_catalog', 'information_schema') group by 1, 2`)
      expect(tables.length).toBeGreaterThan(20)
      for (const { schema, name, columns } of tables) {
        const { rows } = await admin.query(`select ${columns.join(', ')} from "${schema}"."${name}"`)
        for (const row of rows)
          for (const [column, value] of Object.entries(row as object))
            look(`${schema}.${name}.${column}`, Buffer.isBuffer(value) ? value : (JSON.stringify(value) ?? ''))
      }
    },
  }
}

/** Everything that somebody answered whom the content does not concern. */
export function listening(client: Client, look: (place: string, data: string) => void): Client {
  const heard = (method: string, path: string, answer: Answer): Answer => {
    look(
      `the answer ${answer.status} to ${method} ${path.replaceAll(MARK, '…')}`,
      JSON.stringify(answer.body) + JSON.stringify([...answer.headers]),
    )
    return answer
  }
  return {
    ...client,
    get: async (path, headers) => heard('GET', path, await client.get(path, headers)),
    post: async (path, body, headers) => heard('POST', path, await client.post(path, body, headers)),
    patch: async (path, body, headers) => heard('PATCH', path, await client.patch(path, body, headers)),
  }
}
