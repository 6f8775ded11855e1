// The statements that prepare a fresh embedded cluster, as its superuser. No table of the product is named here.
import type { Client } from 'pg'

export const DATABASE = 'countersign'

export async function createDatabaseIfMissing(client: Client): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_catalog.pg_database where datname = $1', [DATABASE])
  if (!rowCount) await client.query(`create database ${DATABASE}`)
}
