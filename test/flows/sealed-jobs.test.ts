// A kind that seals what its jobs carry (Q88), seen by a server that does not know it: over REST, the CLI's and the dashboard's way in, there is something
// and no more; and the plain text is in no answer, event, log line or row.
import { type Codec, createQueue, defineKind, discard, type Kind, park } from '@countersign/queue'
import { drain } from '@countersign/queue/testing'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'

const CANARY = 'canary-8815'
/** Enough to show that nothing else reads it. */
const codec: Codec = {
  encode: (text) => Buffer.from(text).reverse().toString('hex'),
  decode: (text) => Buffer.from(text, 'hex').reverse().toString(),
}

test('Q88 readers without the codec see [sealed] in every place that shows a job’s content', async () => {
  const house = await setup()
  const seen: unknown[] = []
  const kinds = [
    defineKind<{ n: string }>('sealed.works', { codec, run: (job) => ({ had: job.payload.n }) }),
    defineKind('sealed.fails', { codec, maxAttempts: 1, run: () => discard('no') }),
    defineKind('sealed.waits', {
      codec,
      run: async (job, ctx) => {
        ctx.progress(10, 'on its way', { of: job.payload })
        await ctx.flush()
        seen.push(job.payload)
        return park(await ctx.callback('bank'))
      },
    }),
  ] as unknown as Kind[]
  const queue = createQueue({ database: house.db.pool, listen: false, kinds })
  onTestFinished(() => queue.close())
  await queue.register()
  const put = (kind: string) =>
    queue.enqueue(kinds.find(({ name }) => name === kind) as Kind, { n: CANARY }, { tenantId: house.tenantId })
  const [works, fails, waits] = [await put('sealed.works'), await put('sealed.fails'), await put('sealed.waits')]
  await drain(queue)

  const answers: unknown[] = []
  const read = async (path: string) => {
    const { status, body } = await house.alice.get(`/api/v1${path}`)
    expect([path, status]).toEqual([path, 200])
    answers.push(body)
    return body
  }
  expect(await read(`/jobs/${works}`)).toMatchObject({ state: 'completed', payload: '[sealed]', output: '[sealed]' })
  expect(await read(`/jobs/${works}/result`)).toMatchObject({ done: true, output: '[sealed]' })
  expect(await read(`/jobs/${waits}`)).toMatchObject({
    state: 'waiting',
    progress: { percent: 10, message: 'on its way', data: '[sealed]' },
  })
  expect(await read(`/dead-letters/${fails}`)).toMatchObject({ payload: '[sealed]' })
  for (const path of ['/jobs', '/dead-letters', '/callbacks', `/jobs/${works}/timeline`, '/events']) await read(path)

  // An answer that came to this server stands as it came; the job that a person runs again keeps what it had.
  expect((await house.alice.post(`/api/v1/dead-letters/${fails}/retry`, {})).status).toBe(200)
  await drain(queue)
  expect((await house.alice.get(`/api/v1/jobs/${fails}`)).body.payload).toBe('[sealed]')
  expect(seen).toEqual([{ n: CANARY }])
  expect(await queue.result(works)).toEqual({ had: CANARY })

  expect(JSON.stringify(answers)).not.toContain(CANARY)
  expect(house.logs.join('\n')).not.toContain(CANARY)
  const [row] = await house.admin.rows<{ all: string }>`select string_agg(j::text, ' ') as all from countersign_queue.jobs j`
  expect(row?.all).not.toContain(CANARY)
})
