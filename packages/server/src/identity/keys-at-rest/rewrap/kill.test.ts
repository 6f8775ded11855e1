import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { fill, installation, read } from '../testing/ring.ts'
import { workRewraps } from './run.ts'
import { getRewrap, startRewrap } from './start.ts'

const worker = fileURLToPath(new URL('../testing/worker.ts', import.meta.url))

test('V72 kill -9 in the middle of a rewrap, again and again, loses nothing: the next process goes on from the rows', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  const count = 4_000
  await fill(first, scope, count)
  const { id } = await startRewrap(first, scope, {})
  const secret = (await first.source.read())?.versions.get(1)?.toString('base64') as string
  const moved = async () => (await getRewrap(first, id)).done

  for (const enough of [200, 1_200, 2_400]) {
    const child = spawn(process.execPath, ['--import', 'tsx', worker], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.stdin.end(JSON.stringify({ url: pg.runtimeUrl, secret, stopAt: enough + 600 }))
    // It says each batch that it has committed; it dies while it works on the next.
    await new Promise<void>((resolve, reject) => {
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk
        if (text.split('\n').some((line) => Number(line) >= enough)) resolve()
      })
      child.once('close', () => reject(new Error(`the worker ended by itself: ${text.slice(-200)}`)))
    })
    child.kill('SIGKILL')
    await ended
    const done = await moved()
    expect(done).toBeGreaterThanOrEqual(enough)
    expect(done).toBeLessThan(count)
    // Its lease on the run ends; nobody needs to know that it died.
    await pg.clock.advance('31s')
  }
  await workRewraps(first)
  expect(await getRewrap(first, id)).toMatchObject({ state: 'finished', total: count, done: count, failed: 0 })
  const versions = await pg.admin.rows`
    select get_byte(material, 5) as version, count(*)::integer as rows from compatibility_keys group by 1`
  expect(versions).toEqual([{ version: 2, rows: count }])
  for (const version of [1, count / 2, count]) expect(await read(first, scope, version)).toHaveLength(48)
}, 120_000)
