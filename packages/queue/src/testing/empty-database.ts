// An empty database that knows nothing of the server: for the tests of the library as its users have it.
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'

/** An empty database that belongs to one plain login, which is a member of nothing. */
export async function emptyDatabase(): Promise<string> {
  const { adminUrl } = inject('pg')
  const name = `lib_${crypto.randomUUID().slice(0, 8)}`
  const admin = new pg.Client(adminUrl)
  await admin.connect()
  await admin.query(`create role ${name} login password 'x'`)
  await admin.query(`create database ${name} owner ${name}`)
  onTestFinished(async () => {
    await admin.query(`drop database ${name} with (force)`)
    await admin.query(`drop role ${name}`)
    await admin.end()
  })
  const url = new URL(adminUrl)
  url.username = name
  url.password = 'x'
  url.pathname = `/${name}`
  return url.href
}
