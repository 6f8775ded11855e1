// Spans and metrics (Q124) through whatever tracer and meter are handed in: their shapes are OpenTelemetry's, the package is not needed. Without them
// nothing is measured and nothing is made. Labels are queue, kind and closed words alone, and bounded. Never holds a payload, an id or a tenant
// as a label, never throws into the work it watches, and no span lives as long as a loop.

export type Attributes = Record<string, string | number | boolean | undefined>
export type SpanContext = { traceId: string; spanId: string; traceFlags: number; isRemote?: boolean; traceState?: unknown }
export type Span = {
  spanContext(): SpanContext
  setAttributes(attributes: Attributes): unknown
  setStatus(status: { code: number; message?: string }): unknown
  recordException(error: Error | string): unknown
  end(): void
}
type SpanOptions = { kind?: number; attributes?: Attributes; links?: { context: SpanContext }[]; root?: boolean }
/** What carries the parent of a span; OpenTelemetry's own look the same. */
export type SpanCarrier = {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): SpanCarrier
  deleteValue(key: symbol): SpanCarrier
}
export type Tracer = {
  startSpan(name: string, options?: SpanOptions, context?: SpanCarrier): Span
  startActiveSpan<T>(name: string, options: SpanOptions, context: SpanCarrier, fn: (span: Span) => T): T
}

type InstrumentOptions = { description?: string; unit?: string }
export type Observe = { observe(value: number, attributes?: Attributes): void }
export type Meter = {
  createCounter(name: string, options?: InstrumentOptions): { add(n: number, attributes?: Attributes): void }
  createHistogram(name: string, options?: InstrumentOptions): { record(value: number, attributes?: Attributes): void }
  createObservableGauge(
    name: string,
    options?: InstrumentOptions,
  ): { addCallback(fn: (result: Observe) => void | Promise<void>): void }
}
export type Telemetry = { tracer?: Tracer; meter?: Meter }

/** The counters and times of one process, as plain calls. All times are milliseconds. */
export type Meters = {
  /** False: whoever would have to compute something for a call need not. */
  readonly on: boolean
  enqueued(queue: string, kind: string, n: number): void
  /** A claim call that gave jobs of one queue; `waits`: for each, how long it was ready. */
  claimed(queue: string, n: number): void
  /** A claim call that was answered. */
  claim(ms: number, got: number): void
  /** An attempt that ended: its handler's time, the time from due to claim, and from due to the end. */
  settled(queue: string, kind: string, outcome: string, ms: number, waitMs: number, latencyMs: number): void
  rescued(reason: string, n: number): void
  handedBack(queue: string, n: number): void
  /** A finish call that was answered. */
  finish(ms: number, n: number): void
  /** A wake-up came; and how long after it the claim that it caused gave something. */
  wakeUp(): void
  wokeToClaim(ms: number): void
  poll(ms: number): void
  rateLimited(queue: string, n: number): void
  deadLettered(queue: string, kind: string, reason: string, n: number): void
  duty(duty: string, ms: number): void
  dutySkipped(duty: string, reason: string, n?: number): void
}

/** What is read when somebody asks: of this process, and of the database. */
export type Readings = {
  workers(): Iterable<{ running: number; unacknowledged: number }>
  /** Shared by all gauges of one look, and at most every five seconds. */
  database(): Promise<DatabaseReading>
}
export type DatabaseReading = {
  depth: Record<string, Partial<Record<string, number>>>
  oldestReadyMs: number | null
  deadLetters: { queue: string; kind: string; n: number }[]
  ring: { generation: number | null; freeSlots: number | null; oldestAgeMs: number | null; horizonAgeS: number | null } | null
}

const nothing = () => undefined
export const noMeters: Meters = {
  on: false,
  enqueued: nothing,
  claimed: nothing,
  claim: nothing,
  settled: nothing,
  rescued: nothing,
  handedBack: nothing,
  finish: nothing,
  wakeUp: nothing,
  wokeToClaim: nothing,
  poll: nothing,
  rateLimited: nothing,
  deadLettered: nothing,
  duty: nothing,
  dutySkipped: nothing,
}

const MOST_LABELS = 500

/** A label as it is, and `other` for the 501st and later ones. */
function bounded(): (value: string) => string {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (seen.size >= MOST_LABELS) return 'other'
    seen.add(value)
    return value
  }
}

const NAME = 'countersign.queue.'
const SECOND = 1_000

export function makeMeters(meter: Meter | undefined): Meters {
  if (!meter) return noMeters
  const counter = (name: string, description: string) => meter.createCounter(NAME + name, { description })
  const seconds = (name: string, description: string) => {
    const histogram = meter.createHistogram(NAME + name, { description, unit: 's' })
    return (ms: number, attributes?: Attributes) => histogram.record(Math.max(0, ms) / SECOND, attributes)
  }
  const sizes = (name: string, description: string) => meter.createHistogram(NAME + name, { description })
  const queueOf = bounded()
  const kindOf = bounded()
  const enqueued = counter('jobs.enqueued', 'Jobs enqueued by this process')
  const claimed = counter('jobs.claimed', 'Jobs claimed')
  const settled = counter('jobs.settled', 'Attempts settled, by outcome')
  const rescued = counter('jobs.rescued', 'Attempts ended by maintenance, by reason')
  const handedBack = counter('jobs.handed_back', 'Jobs given back without a start')
  const duration = seconds('job.duration', 'Time of handlers')
  const wait = seconds('job.wait', 'Time from due to claim')
  const latency = seconds('job.latency', 'Time from due to the end of the attempt')
  const claimTime = seconds('claim.duration', 'Time of claim calls')
  const claimSize = sizes('claim.size', 'Jobs of a claim call')
  const claimEmpty = counter('claim.empty', 'Claim calls that gave nothing')
  const finishTime = seconds('finish.duration', 'Time of finish calls')
  const finishSize = sizes('finish.size', 'Results of a finish call')
  const wakeUps = counter('wakeups', 'Wake-ups received')
  const wakeToClaim = seconds('wake_to_claim', 'Time from a wake-up to the jobs that it announced')
  const poll = seconds('poll.interval', 'Sleeps between claims')
  const rateLimited = counter('rate.limited', 'Claims held back by a rate')
  const moved = counter('dlq.moved', 'Jobs that became dead letters')
  const duty = seconds('maintenance.duration', 'Time of maintenance, by duty')
  const skipped = counter('maintenance.skipped', 'Maintenance put off, by duty and reason')
  return {
    on: true,
    enqueued: (queue, kind, n) => enqueued.add(n, { queue: queueOf(queue), kind: kindOf(kind) }),
    claimed: (queue, n) => claimed.add(n, { queue: queueOf(queue) }),
    claim(ms, got) {
      claimTime(ms)
      if (got === 0) claimEmpty.add(1)
      else claimSize.record(got)
    },
    settled(queue, kind, outcome, ms, waitMs, latencyMs) {
      const labels = { queue: queueOf(queue), kind: kindOf(kind) }
      settled.add(1, { ...labels, outcome })
      duration(ms, labels)
      wait(waitMs, labels)
      latency(latencyMs, labels)
    },
    rescued: (reason, n) => n > 0 && rescued.add(n, { reason }),
    handedBack: (queue, n) => handedBack.add(n, { queue: queueOf(queue) }),
    finish(ms, n) {
      finishTime(ms)
      finishSize.record(n)
    },
    wakeUp: () => wakeUps.add(1),
    wokeToClaim: (ms) => wakeToClaim(ms),
    poll: (ms) => poll(ms),
    rateLimited: (queue, n) => rateLimited.add(n, { queue: queueOf(queue) }),
    deadLettered: (queue, kind, reason, n) => moved.add(n, { queue: queueOf(queue), kind: kindOf(kind), reason }),
    duty: (name, ms) => duty(ms, { duty: name }),
    dutySkipped: (name, reason, n = 1) => skipped.add(n, { duty: name, reason }),
  }
}

/** Registers what is read when somebody asks. A reading that fails gives no figures. */
export function observe(meter: Meter | undefined, readings: Readings): void {
  if (!meter) return
  const queueOf = bounded()
  const kindOf = bounded()
  const gauge = (name: string, options: InstrumentOptions, fn: (tell: Observe['observe']) => void | Promise<void>) =>
    meter
      .createObservableGauge(NAME + name, options)
      .addCallback((result) => fn((value, labels) => result.observe(value, labels)))
  const total = (member: 'running' | 'unacknowledged') => [...readings.workers()].reduce((sum, worker) => sum + worker[member], 0)
  gauge('in_flight', { description: 'Handlers that run in this process' }, (tell) => tell(total('running')))
  gauge('unacknowledged', { description: 'Results not yet acknowledged' }, (tell) => tell(total('unacknowledged')))
  gauge('depth', { description: 'Jobs by queue and state' }, async (tell) => {
    const sums = new Map<string, Attributes & { n: number }>()
    for (const [queue, states] of Object.entries((await readings.database()).depth))
      for (const [state, n = 0] of Object.entries(states)) {
        const labels = { queue: queueOf(queue), state }
        const key = `${labels.queue} ${state}`
        sums.set(key, { ...labels, n: (sums.get(key)?.n ?? 0) + n })
      }
    for (const { n, ...labels } of sums.values()) tell(n, labels)
  })
  gauge('callbacks.waiting', { description: 'Jobs that wait for a callback' }, async (tell) => {
    const { depth } = await readings.database()
    tell(Object.values(depth).reduce((sum, states) => sum + (states.waiting ?? 0), 0))
  })
  gauge('dlq.depth', { description: 'Dead letters by queue and kind' }, async (tell) => {
    const sums = new Map<string, Attributes & { n: number }>()
    for (const { queue, kind, n } of (await readings.database()).deadLetters) {
      const labels = { queue: queueOf(queue), kind: kindOf(kind) }
      const key = `${labels.queue} ${labels.kind}`
      sums.set(key, { ...labels, n: (sums.get(key)?.n ?? 0) + n })
    }
    for (const { n, ...labels } of sums.values()) tell(n, labels)
  })
  const read = (name: string, options: InstrumentOptions, of: (reading: DatabaseReading) => number | null | undefined) =>
    gauge(name, options, async (tell) => {
      const value = of(await readings.database())
      if (value !== null && value !== undefined) tell(value)
    })
  const age = (ms: number | null | undefined) => (ms === null || ms === undefined ? ms : ms / SECOND)
  read('oldest_age', { description: 'Age of the oldest ready job', unit: 's' }, (of) => age(of.oldestReadyMs ?? 0))
  read('ring.generation', { description: 'Generation of the ring' }, (of) => of.ring?.generation)
  read('ring.free_slots', { description: 'Slots of the ring that are free' }, (of) => of.ring?.freeSlots)
  read('ring.oldest_age', { description: 'Age of the oldest slot in use', unit: 's' }, (of) => age(of.ring?.oldestAgeMs))
  read('horizon.age', { description: 'Age of the oldest snapshot', unit: 's' }, (of) => of.ring?.horizonAgeS)
}

// OpenTelemetry's numbers for kinds of spans and for a status.
const CLIENT = 2
const PRODUCER = 3
const CONSUMER = 4
const FAILED = 2

export type Trace = { traceparent: string; tracestate?: string }
export type TracedJob = {
  id: string
  kind: string
  queue: string
  attempt: number
  lease: number
  lane?: string
  trace?: unknown
}

/** The spans of one process, as wrappers around what they measure. */
export type Spans = {
  readonly on: boolean
  /** `fn` is told the trace that the job is to carry. */
  enqueue<T>(kind: string, queue: string | undefined, n: number, fn: (trace: Trace | undefined) => Promise<T>): Promise<T>
  /** Active while `fn` runs, where the tracer knows how; `fn` says what came of it by `outcome`. */
  run<T>(job: TracedJob, fn: (span: Span | undefined, outcome: (name: string, error?: unknown) => void) => Promise<T>): Promise<T>
  call<T>(name: 'claim' | 'finish', fn: (attributes: (more: Attributes) => void) => Promise<T>): Promise<T>
}

export const noSpans: Spans = {
  on: false,
  enqueue: (_kind, _queue, _n, fn) => fn(undefined),
  run: (_job, fn) => fn(undefined, nothing),
  call: (_name, fn) => fn(nothing),
}

const SYSTEM = { 'messaging.system': 'countersign_queue' }

export function makeSpans(tracer: Tracer | undefined): Spans {
  if (!tracer) return noSpans
  return {
    on: true,
    async enqueue(kind, queue, n, fn) {
      const span = tracer.startSpan(`enqueue ${kind}`, {
        kind: PRODUCER,
        attributes: {
          ...SYSTEM,
          'messaging.operation.type': 'send',
          'messaging.operation.name': 'enqueue',
          'messaging.destination.name': queue,
          'messaging.batch.message_count': n > 1 ? n : undefined,
          'countersign.queue.name': queue,
          'countersign.queue.kind': kind,
        },
      })
      return within(span, () => fn(traceOf(span.spanContext())))
    },
    run(job, fn) {
      const parent = contextOf(job.trace)
      // The first attempt belongs to whoever enqueued it; a later one happens in its own time, and points back.
      const first = parent !== null && job.attempt <= 1
      const options: SpanOptions = {
        kind: CONSUMER,
        root: !first,
        links: parent !== null && !first ? [{ context: parent }] : [],
        attributes: {
          ...SYSTEM,
          'messaging.operation.type': 'process',
          'messaging.operation.name': 'run',
          'messaging.destination.name': job.queue,
          'messaging.message.id': job.id,
          'countersign.queue.name': job.queue,
          'countersign.queue.kind': job.kind,
          'countersign.queue.lane': job.lane,
          'countersign.queue.lease': job.lease,
          'countersign.queue.attempt': job.attempt,
        },
      }
      const carrier = first ? emptyCarrier.setValue(SPAN, { spanContext: () => parent }) : emptyCarrier
      return tracer.startActiveSpan(`run ${job.kind}`, options, carrier, (span) =>
        within(span, () =>
          fn(span, (name, error) => {
            span.setAttributes({ 'countersign.queue.outcome': name })
            if (error === undefined) return
            span.recordException(error instanceof Error ? error : String(error))
            span.setStatus({ code: FAILED })
          }),
        ),
      )
    },
    async call(name, fn) {
      const type = name === 'claim' ? 'receive' : 'settle'
      const attributes = { ...SYSTEM, 'messaging.operation.type': type, 'messaging.operation.name': name }
      const span = tracer.startSpan(name, { kind: CLIENT, attributes })
      return within(span, () => fn((more) => void span.setAttributes(more)))
    },
  }
}

async function within<T>(span: Span, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn()
  } catch (error) {
    span.recordException(error instanceof Error ? error : String(error))
    span.setStatus({ code: FAILED })
    throw error
  } finally {
    span.end()
  }
}

/** OpenTelemetry's key of the active span: it is registered under this name. */
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN')

const carrierOf = (values: ReadonlyMap<symbol, unknown>): SpanCarrier => ({
  getValue: (key) => values.get(key),
  setValue: (key, value) => carrierOf(new Map([...values, [key, value]])),
  deleteValue: (key) => carrierOf(new Map([...values].filter(([one]) => one !== key))),
})
const emptyCarrier = carrierOf(new Map())

const NO_TRACE = /^0+$/

function traceOf({ traceId, spanId, traceFlags, traceState }: SpanContext): Trace | undefined {
  if (NO_TRACE.test(traceId)) return undefined // a tracer that records nothing
  const state = traceState as { serialize?(): string } | undefined
  const tracestate = state?.serialize?.()
  const traceparent = `00-${traceId}-${spanId}-${(traceFlags & 255).toString(16).padStart(2, '0')}`
  return tracestate && tracestate.length <= 512 ? { traceparent, tracestate } : { traceparent }
}

/** The span that a job's trace names, null when it names none. */
export function contextOf(trace: unknown): SpanContext | null {
  const text = (trace as Partial<Trace> | null | undefined)?.traceparent
  const [, traceId = '', spanId = '', flags = ''] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(typeof text === 'string' ? text : '') ?? []
  if (!traceId || NO_TRACE.test(traceId) || NO_TRACE.test(spanId)) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}
