// What the store says when one of its connections breaks.
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import type { Log } from './host.ts'
import { openStore } from './store.ts'

test('P131 an idle connection that breaks is told by its code and message alone, without what it was made of', async () => {
  const house = await database()
  const said: unknown[] = []
  const say = (fields: object, message: string) => void said.push([message, fields])
  const log: Log = { debug: say, info: say, warn: say, error: say }
  const store = openStore({ url: house.runtimeUrl, max: 1 }, house.clock, log)
  onTestFinished(() => store.close())
  await store.query('select 1')

  await house.admin
    .run`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'countersign-queue' and datname = current_database()`

  await expect
    .poll(() => said)
    .toEqual([
      [
        'an idle connection to the database broke',
        { err: { code: '57P01', message: 'terminating connection due to administrator command' } },
      ],
    ])
  // The pool has let go of it, and the next statement has a connection of its own.
  expect((await store.query('select 2 as two')).rows).toEqual([{ two: 2 }])
})
