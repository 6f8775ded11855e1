// Why the embedded database cannot start, as whole sentences that say what to do next. Meant for a person at a terminal: print the message, never the stack.
const NAME = 'Refusal'

/** An error whose message is the whole answer. */
export function refusal(sentence: string, cause?: unknown): Error {
  return Object.assign(new Error(sentence, { cause }), { name: NAME })
}

/** Tells a refusal from a bug. */
export const isRefusal = (error: unknown): error is Error => error instanceof Error && error.name === NAME
