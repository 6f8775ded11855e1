import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, discard, prometheusMeter } from './index.ts'
import {
  type Attributes,
  contextOf,
  makeMeters,
  noMeters,
  noSpans,
  observe,
  type Span,
  type SpanCarrier,
  type SpanContext,
  type Tracer,
} from './telemetry.ts'

const ACTIVE = Symbol.for('OpenTelemetry Context Key SPAN')

type Told = {
  name: string
  kind?: number
  parent: string | null
  links: string[]
  attributes: Attributes
  errors: unknown[]
  status?: number
  ended: boolean
}

/** A tracer of the shape that OpenTelemetry's has, which keeps what it was told. */
function tracerOf(): { tracer: Tracer; spans: Told[] } {
  const spans: Told[] = []
  const startSpan: Tracer['startSpan'] = (name, options = {}, context) => {
    const parent = options.root ? null : ((context?.getValue(ACTIVE) as Span | undefined)?.spanContext() ?? null)
    const own: SpanContext = {
      traceId: parent?.traceId ?? crypto.randomUUID().replaceAll('-', ''),
      spanId: crypto.randomUUID().replaceAll('-', '').slice(0, 16),
      traceFlags: 1,
    }
    const told: Told = {
      name,
      kind: options.kind,
      parent: parent?.spanId ?? null,
      links: (options.links ?? []).map((link) => link.context.spanId),
      attributes: { ...options.attributes, span: own.spanId },
      errors: [],
      ended: false,
    }
    spans.push(told)
    return {
      spanContext: () => own,
      setAttributes: (attributes) => Object.assign(told.attributes, attributes),
      setStatus: ({ code }) => Object.assign(told, { status: code }),
      recordException: (error) => told.errors.push(error),
      end: () => Object.assign(told, { ended: true }),
    }
  }
  const startActiveSpan: Tracer['startActiveSpan'] = (name, options, context, fn) => {
    const span = startSpan(name, options, context)
    expect((context.setValue(ACTIVE, span) satisfies SpanCarrier).deleteValue(ACTIVE).getValue(ACTIVE)).toBe(undefined)
    return fn(span)
  }
  return { tracer: { startSpan, startActiveSpan }, spans }
}

async function open(telemetry: Parameters<typeof createQueue>[0]['telemetry']) {
  const house = await database()
  const kinds = [
    defineKind('fine', { queue: 'mail', run: () => undefined }),
    defineKind('hopeless', { run: () => discard('no') }),
    defineKind('shaky', {
      backoff: { base: '1ms', factor: 1, jitter: 0 },
      run: (job) => {
        if (job.attempt === 1) throw new Error('not yet')
      },
    }),
  ]
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, telemetry })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue, kinds }
}

test('Q124 spans: enqueue is the producer, the first run its child, a later run a root with a link; claim and finish are calls; all end', async () => {
  const { tracer, spans } = tracerOf()
  const { queue, kinds } = await open({ tracer })
  const [fine, , shaky] = kinds as [(typeof kinds)[0], (typeof kinds)[0], (typeof kinds)[0]]
  const ids = [await queue.enqueue(fine, null), await queue.enqueue(shaky, null)]
  queue.work()
  await Promise.all(ids.map((id) => queue.result(id)))
  const named = (name: string) => spans.filter((span) => span.name === name)
  const [sent] = named('enqueue fine')
  const [ran] = named('run fine')
  expect(sent).toMatchObject({ kind: 3, attributes: { 'countersign.queue.name': 'mail', 'countersign.queue.kind': 'fine' } })
  expect(ran).toMatchObject({
    kind: 4,
    parent: sent?.attributes.span,
    attributes: {
      'messaging.system': 'countersign_queue',
      'messaging.message.id': ids[0],
      'countersign.queue.name': 'mail',
      'countersign.queue.kind': 'fine',
      'countersign.queue.attempt': 1,
      'countersign.queue.lease': expect.any(Number),
      'countersign.queue.outcome': 'completed',
    },
  })
  const [first, second] = named('run shaky')
  const [told] = named('enqueue shaky')
  expect(first).toMatchObject({ parent: told?.attributes.span, attributes: { 'countersign.queue.outcome': 'failed' }, status: 2 })
  expect(second).toMatchObject({
    parent: null,
    links: [told?.attributes.span],
    attributes: { 'countersign.queue.attempt': 2, 'countersign.queue.outcome': 'completed' },
  })
  await queue.close()
  expect(named('claim').length).toBeGreaterThan(0)
  expect(named('finish').length).toBeGreaterThan(0)
  expect(spans.filter((span) => !span.ended)).toEqual([])
})

test('Q124 a job enqueued with a trace keeps it, one whose trace means nothing runs as a root', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  expect(contextOf({ traceparent: trace })).toEqual({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
    isRemote: true,
  })
  for (const wrong of [
    null,
    undefined,
    7,
    { traceparent: 'rubbish' },
    { traceparent: trace.replace(/0af[^-]*/, '0'.repeat(32)) },
  ])
    expect(contextOf(wrong)).toBe(null)
})

test('Q124 metrics as Prometheus text: every name, counters end in _total, times are seconds, labels are queue, kind and closed words', async () => {
  const meter = prometheusMeter()
  const { queue, kinds } = await open({ meter })
  const ids = await queue.enqueueMany([{ kind: 'fine' }, { kind: 'hopeless' }, { kind: 'shaky' }])
  queue.work()
  await Promise.allSettled(ids.map((id) => queue.result(id)))
  expect(kinds).toHaveLength(3)
  const lines = async () => (await meter.text()).split('\n')
  const value = async (start: string) =>
    Number(
      (await lines())
        .find((line) => line.startsWith(`${start} `))
        ?.split(' ')
        .at(-1),
    )
  await expect.poll(() => value('countersign_queue_jobs_settled_total{queue="mail",kind="fine",outcome="completed"}')).toBe(1)
  await expect
    .poll(() => value('countersign_queue_jobs_settled_total{queue="default",kind="hopeless",outcome="discard"}'))
    .toBe(1)
  expect(await value('countersign_queue_jobs_enqueued_total{queue="mail",kind="fine"}')).toBe(1)
  expect(await value('countersign_queue_job_duration_seconds_count{queue="mail",kind="fine"}')).toBe(1)
  expect(await value('countersign_queue_dlq_depth{queue="default",kind="hopeless"}')).toBe(1)
  expect(await value('countersign_queue_depth{queue="mail",state="completed"}')).toBe(1)
  expect(await value('countersign_queue_ring_free_slots')).toBeGreaterThan(0)
  await expect
    .poll(meter.text, { timeout: 10_000 })
    .toContain('countersign_queue_maintenance_duration_seconds_count{duty="rescue"}')
  const text = await meter.text()
  const members =
    'jobs_claimed_total job_wait_seconds_sum job_latency_seconds_bucket in_flight unacknowledged oldest_age_seconds claim_duration_seconds_count claim_size_count ' +
    'finish_duration_seconds_count finish_size_count poll_interval_seconds_count callbacks_waiting maintenance_duration_seconds_count ring_generation ring_oldest_age_seconds'
  for (const member of members.split(' ')) expect(text).toMatch(new RegExp(`^countersign_queue_${member}[ {]`, 'm'))
  const labels = new Set([...text.matchAll(/[{,](\w+)="/g)].map((match) => match[1]))
  expect(
    [...labels].filter((label) => !['queue', 'kind', 'outcome', 'state', 'duty', 'reason', 'le'].includes(label as string)),
  ).toEqual([])
  for (const id of ids) expect(text).not.toContain(id)
})

test('Q124 labels are bounded: the 501st queue and kind are other, and a histogram adds up', async () => {
  const meter = prometheusMeter()
  const meters = makeMeters(meter)
  for (let n = 0; n < 600; n++) meters.settled(`q${n}`, `k${n}`, 'completed', n, 0, n)
  const text = await meter.text()
  expect(text).toContain('countersign_queue_jobs_settled_total{queue="other",kind="other",outcome="completed"} 100')
  expect([...text.matchAll(/^countersign_queue_jobs_settled_total/gm)]).toHaveLength(501)
  expect(text).toContain('countersign_queue_job_duration_seconds_count{queue="other",kind="other"} 100')
  expect(text).toContain('countersign_queue_job_duration_seconds_bucket{queue="other",kind="other",le="0.5"} 1\n')
  expect(text).toContain('countersign_queue_job_duration_seconds_bucket{queue="other",kind="other",le="+Inf"} 100')
  expect(text).toContain('# TYPE countersign_queue_job_duration_seconds histogram')
  const awkward = prometheusMeter()
  awkward.createCounter('a.b').add(1, { x: 'quote " back \\ line \n', none: undefined })
  expect(await awkward.text()).toContain('a_b_total{x="quote \\" back \\\\ line \\n"} 1')
})

test('Q124 a reading that fails leaves its figures out, and the others stand', async () => {
  const meter = prometheusMeter()
  observe(meter, { workers: () => [{ running: 3, unacknowledged: 1 }], database: () => Promise.reject(new Error('away')) })
  expect((await meter.text()).split('\n').filter((line) => line && !line.startsWith('#'))).toEqual([
    'countersign_queue_in_flight 3',
    'countersign_queue_unacknowledged 1',
  ])
})

test('Q124 without telemetry nothing is made and nothing is measured', async () => {
  expect([makeMeters(undefined), noMeters.on, noSpans.on]).toEqual([noMeters, false, false])
  const { queue, kinds } = await open(undefined)
  const id = await queue.enqueue(kinds[0] as (typeof kinds)[0], null)
  expect((await queue.job(id))?.trace ?? null).toBe(null)
  expect(queue.house.meters).toBe(noMeters)
  expect(queue.house.spans).toBe(noSpans)
})

test('Q124 a claim that a rate held back is counted, and each job that becomes a dead letter, with its queue, kind and reason', async () => {
  const house = await database()
  const meter = prometheusMeter()
  const kinds = [
    defineKind('paced', { queue: 'slow', run: () => undefined }),
    defineKind('hopeless', { run: () => discard('no') }),
    defineKind('shaky', { maxAttempts: 1, run: () => Promise.reject(new Error('broken')) }),
    defineKind('unkept', { maxAttempts: 1, deadLetters: false, run: () => Promise.reject(new Error('broken')) }),
    defineKind('again', {
      backoff: { base: '1ms', factor: 1, jitter: 0 },
      run: (job) => (job.attempt === 1 ? Promise.reject(new Error('not yet')) : undefined),
    }),
  ]
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, telemetry: { meter } })
  onTestFinished(() => queue.close({ grace: '1s' }))
  await queue.configure('slow', { rate: { limit: 1, per: '1h', burst: 1 } })
  await queue.enqueueMany([{ kind: 'paced' }, { kind: 'paced' }, ...kinds.slice(1).map(({ name }) => ({ kind: name }))])
  const worker = queue.work({ concurrency: 4, maintenance: false })
  const text = async () => {
    const lines = (await meter.text()).split('\n')
    return lines.filter((line) => /^countersign_queue_(rate_limited|dlq_moved)_total/.test(line)).sort()
  }
  await expect.poll(async () => (await text()).length, { timeout: 20_000 }).toBe(3)
  const [hopeless, shaky, paced] = await text()
  expect(hopeless).toBe('countersign_queue_dlq_moved_total{queue="default",kind="hopeless",reason="terminal_error"} 1')
  expect(shaky).toBe('countersign_queue_dlq_moved_total{queue="default",kind="shaky",reason="max_attempts_exhausted"} 1')
  expect(paced).toMatch(/^countersign_queue_rate_limited_total\{queue="slow"\} \d+$/)
  await worker.stop({ grace: '5s' })
})
