// countersign forms …: the stored forms that agents ask with by name, and what a schema would ask for.
import { existsSync, readFileSync } from 'node:fs'
import { Problem, type RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { describeForm } from './answer.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseNumber } from './words.ts'

type Stored = RouteAnswer<'GET /forms/:name'>

const EXAMPLES = `
Examples:
  $ countersign forms put refund --schema refund.json --title Refunds
  $ countersign forms show refund
  $ countersign forms preview '{"type":"object","properties":{"approved":{"type":"boolean"}}}'
`

/** JSON, or the name of a file that holds it. */
export const jsonOrFile = (option: string, text: string): unknown =>
  parseJson(option, existsSync(text) ? readFileSync(text, 'utf8') : text)

export function formsCommand(program: Command, door: Door): void {
  const forms = program.command('forms').description('the forms that ask for answers').addHelpText('after', EXAMPLES)
  forms
    .command('list')
    .description('stored forms, each in its latest version')
    .action(async () =>
      print(door.output(), await door.client().call('GET /forms'), ({ data }) =>
        table(
          data.map((one) => [one.form, one.created_at, plain(one.title ?? '–')]),
          ['FORM', 'STORED', 'TITLE'],
          'No form is stored: countersign forms put <name> --schema <file>',
        ),
      ),
    )
  forms
    .command('show <form>')
    .description('what a stored form asks for; name@2 for an earlier version')
    .action(async (form: string) => {
      const [name = '', version] = form.split('@')
      const query = version === undefined ? {} : { version: parseNumber('<form>', version) }
      print(door.output(), await door.client().call('GET /forms/:name', { params: { name }, query }), describe)
    })
  forms
    .command('put <name>')
    .description('store a form; one that is there gets its next version')
    .requiredOption('--schema <json>', 'JSON Schema of the answer, or a file that holds it')
    .option('--form <json>', 'a form definition, or a file that holds one')
    .option('--title <text>', 'a title for people')
    .action(async (name: string, given: { schema: string; form?: string; title?: string }) => {
      const client = door.client()
      const body = {
        title: given.title ?? null,
        response_schema: jsonOrFile('--schema', given.schema) as Record<string, unknown>,
        form_definition: given.form === undefined ? null : (jsonOrFile('--form', given.form) as Record<string, unknown>),
      }
      const stored = await client.call('PUT /forms/:name', { params: { name }, body }).catch((error: unknown) => {
        if (error instanceof Problem && error.code === 'not_found') return client.call('POST /forms', { body: { name, ...body } })
        throw error
      })
      print(door.output(), stored, describe)
    })
  forms
    .command('retire <name>')
    .description('no new task can name it; tasks that have it keep it')
    .action(async (name: string) => {
      await door.client().call('DELETE /forms/:name', { params: { name } })
      print(door.output(), { name, retired: true }, () => `${name} is retired`)
    })
  forms
    .command('preview <schema>')
    .description('what a person is asked for: of a JSON Schema, or of a file that holds one')
    .option('--form <json>', 'a form definition, or a file that holds one')
    .action((schema: string, { form }: { form?: string }) => {
      const given = jsonOrFile('<schema>', schema)
      const definition = form === undefined ? null : jsonOrFile('--form', form)
      print(
        door.output(),
        { schema: given, form: definition, fields: describeForm(given, definition).split('\n') },
        ({ fields }) => fields.join('\n'),
      )
    })
}

const describe = ({ form, title, response_schema, form_definition }: Stored): string =>
  [`${form}${title === null ? '' : `  ${plain(title)}`}`, describeForm(response_schema, form_definition)].join('\n')
