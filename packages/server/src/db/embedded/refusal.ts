// Why the embedded database cannot start, as whole sentences that say what to do next. Meant for a person at a terminal: print the message, never the stack.
export const REFUSAL = 'Refusal'

/** An error whose message is the answer; `main` tells it from a bug by its name. */
export function refusal(sentence: string, cause?: unknown): Error {
  return Object.assign(new Error(sentence, { cause }), { name: REFUSAL })
}
