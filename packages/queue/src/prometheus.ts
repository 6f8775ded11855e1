// A meter whose figures are read as Prometheus text (Q124): the names of telemetry.ts with underscores, `_total` on counters, seconds as unit. Holds
// what it was told in memory and nothing else; opens no port.
import type { Attributes, Meter, Observe } from './telemetry.ts'

export type PrometheusMeter = Meter & {
  /** What `/metrics` answers. */
  text(): Promise<string>
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]

type Family = { name: string; type: 'counter' | 'gauge' | 'histogram'; description: string; read(): Promise<string[]> }

/**
 * A meter for `createQueue({ telemetry: { meter } })`.
 * @example
 * const meter = prometheusMeter()
 * const queue = createQueue({ database: pool, telemetry: { meter } })
 * response.setHeader('content-type', PROMETHEUS_TYPE).end(await meter.text())
 */
export function prometheusMeter(): PrometheusMeter {
  const families = new Map<string, Family>()
  /** Two queues of one process may share a meter; then they share its figures. */
  const once = <T extends Family>(family: T): T => {
    const known = families.get(family.name)
    if (known) return known as T
    families.set(family.name, family)
    return family
  }
  return {
    createCounter: (name, options = {}) => once(counterOf(named(name, options, '_total'), options)),
    createHistogram: (name, options = {}) => once(histogramOf(named(name, options, ''), options)),
    createObservableGauge: (name, options = {}) => once(gaugeOf(named(name, options, ''), options)),
    async text() {
      const parts: string[] = []
      for (const { name, type, description, read } of families.values()) {
        const lines = await read()
        if (lines.length > 0) parts.push(`# HELP ${name} ${description}`, `# TYPE ${name} ${type}`, ...lines)
      }
      return `${parts.join('\n')}\n`
    },
  }
}

type Options = { description?: string; unit?: string }

const named = (name: string, { unit }: Options, end: string): string =>
  name.replaceAll('.', '_') + (unit === 's' ? '_seconds' : '') + end

function counterOf(name: string, { description = '' }: Options) {
  const values = new Map<string, number>()
  const family: Family = {
    name,
    type: 'counter',
    description,
    read: async () => [...values].map(([labels, value]) => `${name}${braced(labels)} ${value}`),
  }
  return Object.assign(family, {
    add(n: number, attributes?: Attributes) {
      const labels = spoken(attributes)
      values.set(labels, (values.get(labels) ?? 0) + n)
    },
  })
}

function gaugeOf(name: string, { description = '' }: Options) {
  const callbacks: ((result: Observe) => void | Promise<void>)[] = []
  const family: Family = {
    name,
    type: 'gauge',
    description,
    async read() {
      const lines = new Map<string, number>()
      const observe = (value: number, attributes?: Attributes) => {
        const labels = spoken(attributes)
        lines.set(labels, (lines.get(labels) ?? 0) + value)
      }
      // What cannot be read now is left out: a figure of the past would be taken for one of now.
      const read = await Promise.allSettled(callbacks.map(async (fn) => fn({ observe })))
      if (read.some((one) => one.status === 'rejected')) return []
      return [...lines].map(([labels, value]) => `${name}${braced(labels)} ${value}`)
    },
  }
  return Object.assign(family, { addCallback: (fn: (result: Observe) => void | Promise<void>) => void callbacks.push(fn) })
}

type Bars = { counts: number[]; sum: number; n: number }

function histogramOf(name: string, { description = '', unit }: Options) {
  const edges = unit === 's' ? SECONDS : SIZES
  const values = new Map<string, Bars>()
  const family: Family = {
    name,
    type: 'histogram',
    description,
    read: async () =>
      [...values].flatMap(([labels, { counts, sum, n }]) => {
        let below = 0
        const barred = (edge: string) => braced([labels, `le="${edge}"`].filter(Boolean).join(','))
        const bars = edges.map((edge, i) => {
          below += counts[i] ?? 0
          return `${name}_bucket${barred(String(edge))} ${below}`
        })
        return [
          ...bars,
          `${name}_bucket${barred('+Inf')} ${n}`,
          `${name}_sum${braced(labels)} ${sum}`,
          `${name}_count${braced(labels)} ${n}`,
        ]
      }),
  }
  return Object.assign(family, {
    record(value: number, attributes?: Attributes) {
      const labels = spoken(attributes)
      const bars = values.get(labels) ?? { counts: edges.map(() => 0), sum: 0, n: 0 }
      values.set(labels, bars)
      const at = edges.findIndex((edge) => value <= edge)
      if (at >= 0) bars.counts[at] = (bars.counts[at] ?? 0) + 1
      bars.sum += value
      bars.n++
    },
  })
}

const braced = (labels: string): string => (labels ? `{${labels}}` : '')

const spoken = (attributes: Attributes = {}): string =>
  Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}="${String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
    .join()
