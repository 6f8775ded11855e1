// A value that must not be seen. It prints [secret] in logs, JSON, inspect, templates and errors; only reveal() and bytes() give it up, and few files call them.
// Never compares, never logs, never copies itself into a string on the way in.
const MARK = Symbol.for('countersign.secret')

export class Secret {
  readonly #value: Buffer
  /** The scrubber of std/log.ts knows a Secret by this mark. */
  readonly [MARK] = true as const

  constructor(value: string | Buffer) {
    this.#value = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  }

  reveal(): string {
    return this.#value.toString('utf8')
  }

  bytes(): Buffer {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [Symbol.toPrimitive](): string {
    return '[secret]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}
