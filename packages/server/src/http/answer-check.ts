// For tests: an answer that the contract table does not describe is an error of ours, found before the SDK's types lie to somebody.
import * as z from 'zod'
import type { Service } from './serve.ts'

export function answerChecker(): NonNullable<Service['check']> {
  const compiled = new WeakMap<z.ZodType, z.ZodType>()
  const compile = (schema: z.ZodType) => {
    const known = compiled.get(schema) ?? z.compile(schema)
    compiled.set(schema, known)
    return known
  }
  return ({ route }, answer, committed) => {
    const head = `${route.method} ${route.path} → ${answer.status}`
    if (committed && (committed.status !== answer.status || committed.body !== answer.body))
      throw new Error(
        `${head}: the writing transaction returned something else than the handler, so a replay would answer otherwise.`,
      )
    const schema = route.spec.answers[answer.status]
    if (schema === undefined) throw new Error(`${head} is not among the answers of the route.`)
    if (schema === 'stream' || schema === 'page') return
    if (schema === null) {
      if (answer.body !== null) throw new Error(`${head} should have no body.`)
      return
    }
    const judged = compile(schema).safeParse(JSON.parse(String(answer.body)))
    if (!judged.success) throw new Error(`${head} does not look as the table says: ${z.prettifyError(judged.error)}`)
  }
}
