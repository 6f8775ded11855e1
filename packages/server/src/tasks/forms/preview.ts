// What people would be asked by a schema and a definition, why a task with them would be refused, and where they could answer. Pure but for the schema's gate; it stores nothing.
import { type FieldError, Problem } from '@countersign/sdk'
import { answerable, formOf, readForm, type Surface } from '@countersign/sdk/form'
import type { TasksHouse } from '../house.ts'
import { plain } from './schema.ts'

type Input = {
  response_schema: Record<string, unknown>
  form_definition?: Record<string, unknown> | null
  risk?: 'low' | 'normal' | 'high' | 'critical'
  redact?: 'none' | 'notify' | 'strict'
}

export async function previewForm(house: TasksHouse, { response_schema, form_definition = null, risk, redact }: Input) {
  const [schema, definition] = [plain(response_schema), plain(form_definition)]
  const form = formOf(schema, definition)
  const on = (surface: Surface) => answerable(form, surface, { risk, redact })
  return {
    form,
    errors: await refusalOf(house, response_schema, form_definition, readForm(schema, definition).faults),
    surfaces: { dashboard: on('dashboard'), embed: on('embed'), slack: on('slack'), mail: on('mail'), push: on('push') },
  }
}

async function refusalOf(
  house: TasksHouse,
  schema: Input['response_schema'],
  definition: Input['form_definition'],
  faults: readonly FieldError[],
): Promise<FieldError[]> {
  try {
    await house.forms.gateAsked(schema, definition, 'native')
    return []
  } catch (error) {
    // A schema that nobody may use is refused here too; a form is what one looks at.
    if (error instanceof Problem && error.code === 'form_invalid') return [...(error.members.errors ?? faults)]
    throw error
  }
}
