// The official JSON Schema test suite (T74): every group of its required tests either passes the gate, and then each of its values is judged as it says, or is refused
// by name below, for a reason that T73 and T74 give. `format` is left out: there the suite wants annotations, and here eight formats are asserted.
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { openEvaluation } from './evaluation.ts'
import { type Draft, type Gated, gateSchema } from './schema.ts'

type Group = { description: string; schema: unknown; tests: { description: string; data: unknown; valid: boolean }[] }
type Suite = { drafts: Record<Draft, Record<string, Group[]>> }

const SUITE = new URL('../../../../../test/vectors/json-schema-suite.json', import.meta.url)
const suite = JSON.parse(readFileSync(SUITE, 'utf8')) as Suite
const DIALECTS = { '2020-12': 'https://json-schema.org/draft/2020-12/schema', '7': 'http://json-schema.org/draft-07/schema#' }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whoever sends a schema sends an object: true and false stand inside one. */
const sent = (schema: unknown, draft: Draft) => ({
  $schema: DIALECTS[draft],
  ...(isObject(schema) ? schema : { allOf: [schema] }),
})

/** In this thread and without a deadline: how long a busy machine takes is no question of this test. */
const unhurried = (gated: Gated): Gated => ({ ...gated, guarded: false })

test.each(['2020-12', '7'] as const)('T74 the official test suite of draft %s passes for all that is accepted', async (draft) => {
  const evaluation = openEvaluation()
  onTestFinished(() => evaluation.close())
  const refused: Record<string, string[]> = {}
  const wrong: string[] = []
  let judged = 0
  for (const [file, groups] of Object.entries(suite.drafts[draft]))
    for (const { description, schema, tests } of file === 'format' ? [] : groups) {
      const gate = gateSchema(sent(schema, draft), '', { mustBeObject: false })
      if (!gate.ok) {
        const codes = [...new Set(gate.errors.map(({ code }) => code))].sort().join(' ')
        refused[codes] = [...(refused[codes] ?? []), `${file}: ${description}`]
        continue
      }
      for (const { description: about, data, valid } of tests) {
        const found = await evaluation.run(unhurried(gate.gated), data)
        judged++
        if ((found.length === 0) !== valid) wrong.push(`${file}: ${description}: ${about}`)
      }
    }
  expect(wrong).toEqual([])
  expect({ refused, judged }).toMatchSnapshot()
})
