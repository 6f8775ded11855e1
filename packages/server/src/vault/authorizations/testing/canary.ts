// Whether a secret stands anywhere but in an envelope.
import type { House } from '#harness'

/** Everything that could tell: all rows of all tables as text, in which bytes stand as hex, and every line of the log. */
export async function canaryIn({ admin, logs }: Pick<House, 'admin' | 'logs'>, canaries: readonly string[]): Promise<string[]> {
  const tables = await admin.rows<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('countersign', 'countersign_queue')`
  const found: string[] = []
  const forms = canaries.flatMap((one) => [
    one,
    Buffer.from(one).toString('hex'),
    Buffer.from(one).toString('base64').replace(/=+$/, ''),
    encodeURIComponent(one),
  ])
  for (const { name } of tables) {
    const { rows } = await admin.query(`select x::text as row from ${name} x`)
    for (const { row } of rows) if (forms.some((form) => row.includes(form))) found.push(name)
  }
  if (forms.some((form) => logs.some((line) => line.includes(form)))) found.push('log')
  return found
}
