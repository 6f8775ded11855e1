import { expect, onTestFinished, test } from 'vitest'
import { silentLog, systemClock } from './host.ts'
import { createQueue, defineKind, listMigrations, type Migration, migrate } from './index.ts'
import { SCHEMA_VERSION } from './sql.ts'
import { openStore } from './store.ts'
import { emptyDatabase } from './testing/empty-database.ts'

const greet = defineKind('greet', { run: () => 'hi' })
const madeUp = (name: string, text: string): Migration[] => [...listMigrations(), { name, text }]

function open(url: string, listen: boolean) {
  const errors: string[] = []
  const told: unknown[] = []
  const log = { ...silentLog, error: (_: unknown, sentence: string) => void errors.push(sentence) }
  const queue = createQueue({ database: { url }, listen, kinds: [greet], log, onOutdated: (error) => void told.push(error) })
  onTestFinished(() => queue.close())
  return { queue, errors, told }
}

for (const listen of [true, false])
  test(`Q144 Q78 a migration that begins with "--! breaking" makes workers and maintenance of an older version stop by themselves, ${listen ? 'at once' : 'also without LISTEN'}`, async () => {
    const url = await emptyDatabase()
    await migrate(url)
    const { queue, errors, told } = open(url, listen)
    const worker = queue.work({ heartbeat: '100ms', lostAfter: '1m' })
    expect(await queue.result(await queue.enqueue(greet, null))).toBe('hi')

    // A file that breaks nothing stops nobody.
    await migrate(url, { migrations: madeUp('0998_harmless.sql', 'select 1') })
    expect(await queue.result(await queue.enqueue(greet, null))).toBe('hi')
    expect(told).toEqual([])

    await migrate(url, {
      migrations: [...madeUp('0998_harmless.sql', 'select 1'), { name: '0999_made_up.sql', text: '--! breaking\nselect 1' }],
    })
    await expect
      .poll(() => [...errors].sort(), { timeout: 20_000 })
      .toEqual([
        'maintenance stops: its version and the schema of the database do not fit',
        `the worker ${worker.id} stops: its version and the schema of the database do not fit`,
      ])
    expect(told).toEqual([
      expect.objectContaining({
        code: 'schema_mismatch',
        message: expect.stringContaining(
          `file 0999 of the queue, which runtimes that end at ${String(SCHEMA_VERSION).padStart(4, '0')}`,
        ),
      }),
    ])
    await worker.stop()
    expect(await queue.workers()).toEqual([])
    await expect.poll(async () => (await queue.maintenance()).leader, { timeout: 20_000 }).toBeNull()
    const id = await queue.enqueue(greet, null)

    // One that starts after it registers nowhere and claims nothing.
    const late = open(url, false)
    const second = late.queue.work({ maintenance: false })
    await expect.poll(() => late.errors.length, { timeout: 20_000 }).toBe(1)
    await second.stop()
    expect(await queue.workers()).toEqual([])
    expect(await queue.job(id)).toMatchObject({ state: 'ready' })
  })

test('Q154 a statement of the store that PostgreSQL took back for the sake of others is said again, and no other is', async () => {
  const url = await emptyDatabase()
  const store = openStore({ url }, systemClock, silentLog)
  onTestFinished(() => store.close())
  await store.query('create sequence said')
  await store.query(`create function fails(code text, times integer) returns bigint language plpgsql as $$
    declare n bigint := nextval('said');
    begin
      if n <= times then raise exception 'taken back' using errcode = code; end if;
      return n;
    end $$`)
  const ask = async (code: string, times: number) => {
    await store.query("select setval('said', 1, false)")
    return (await store.query('select fails($1::text, $2::integer)::integer as n', [code, times])).rows
  }
  expect(await ask('40P01', 2)).toEqual([{ n: 3 }])
  expect(await ask('40001', 1)).toEqual([{ n: 2 }])
  await expect(ask('40P01', 99)).rejects.toMatchObject({ code: '40P01' })
  await expect(ask('22012', 1)).rejects.toMatchObject({ code: '22012' })
})
