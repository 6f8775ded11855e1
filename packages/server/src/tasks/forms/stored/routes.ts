// The routes of stored forms, and the preview that stores nothing: schemas and one verb each.
import { type Route, route, s } from '../../../http/route.ts'
import type { TasksHouse } from '../../house.ts'
import { taskId } from '../../shapes.ts'
import { loadImage } from '../image.ts'
import { previewForm } from '../preview.ts'
import { changeForm, createForm, getForm, listForms, removeForm } from './stored.ts'

const tag = 'forms'
const FORM_NAME = s.pattern(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'Must be 1 to 64 of a-z, 0-9, _ . - and begin with a letter or digit.')
const params = { name: FORM_NAME }
// Whoever may ask may read what can be asked; who changes it changes it for everybody.
const read = { tag, auth: 'any', action: 'task.create' } as const
const configure = { tag, auth: 'any', action: 'task.configure', stepUp: true } as const

const FormBody = s.named(
  'StoredForm',
  s.object({
    form: s.text().describe('What a task names: `name@version`.'),
    name: s.text(),
    version: s.int({ min: 1 }),
    title: s.maybe(s.text()),
    response_schema: s.jsonObject(),
    form_definition: s.maybe(s.jsonObject()),
    created_by: s.text(),
    created_at: s.time(),
    retired_at: s.maybe(s.time()).describe('Since then no task may name it.'),
  }),
  'A form with a name. A version never changes.',
)
const asked = {
  title: s.nullish(s.line({ max: 200 })),
  response_schema: s.jsonObject(),
  form_definition: s.nullish(s.jsonObject()),
}

const Surface = s.object({
  by: s.oneOf('form', 'buttons', 'link'),
  why: s.maybe(s.text()),
  left_out: s.array(s.text()),
  buttons: s.array(s.object({ label: s.text(), response: s.jsonObject() })),
})
const PreviewBody = s.named(
  'FormPreview',
  s.object({
    form: s.jsonObject().describe('What people are asked, mended and completed as the compatible surface would.'),
    errors: s
      .array(s.object({ path: s.text(), code: s.text(), message: s.text() }))
      .describe('Why a task with this would be refused; empty when it would not.'),
    surfaces: s.object({ dashboard: Surface, embed: Surface, slack: Surface, mail: Surface, push: Surface }),
  }),
)

export const formRoutes = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks/:id/images',
    {
      summary: 'Load an image that a task shows from elsewhere',
      description:
        'Only an address that stands in the task. The server fetches it through the guarded door: at most 10 MiB of PNG, JPEG, GIF or WebP, told by its bytes. Nothing is stored.',
      tag: 'tasks',
      auth: 'any',
      action: 'task.read',
      params: taskId,
      body: s.object({ url: s.text({ min: 1, max: 2_048 }) }),
      answers: {
        200: s.object({
          type: s.text(),
          bytes: s.int({ min: 0 }),
          data_url: s.text({ max: 20_000_000 }).describe('The image as `data:`.'),
        }),
      },
      problems: [
        'not_found',
        'url_invalid',
        'url_not_allowed',
        'unreachable',
        'timeout',
        'too_large',
        'tls',
        'file_type_not_allowed',
      ],
      idempotency: 'none',
      cost: 10,
    },
    ({ scope, params, body, signal }) => loadImage(house, scope, params.id, body.url, signal),
  ),
  route(
    'GET /forms',
    {
      ...read,
      summary: 'List stored forms by name, each with its newest version',
      query: s.page(),
      answers: { 200: s.list(FormBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listForms(house, scope, query),
  ),
  route(
    'POST /forms',
    {
      ...configure,
      summary: 'Store a form',
      body: s.object({ name: FORM_NAME, ...asked }),
      answers: { 201: FormBody },
      problems: ['schema_invalid', 'form_invalid', 'state_conflict'],
    },
    ({ scope, body: { name, ...input } }) => createForm(house, scope, name, input as Parameters<typeof createForm>[3]),
  ),
  route(
    'POST /forms/preview',
    {
      ...read,
      summary: 'See what people would be asked, and where they could answer',
      description: 'Nothing is stored.',
      body: s.object({
        response_schema: s.jsonObject(),
        form_definition: s.nullish(s.jsonObject()),
        risk: s.optional(s.oneOf('low', 'normal', 'high', 'critical')),
        redact: s.optional(s.oneOf('none', 'notify', 'strict')),
      }),
      answers: { 200: PreviewBody },
      idempotency: 'none',
      problems: ['schema_invalid'],
    },
    ({ body }) => previewForm(house, body as Parameters<typeof previewForm>[1]),
  ),
  route(
    'GET /forms/:name',
    {
      ...read,
      summary: 'Read a stored form',
      params,
      query: { version: s.optional(s.int({ min: 1, max: 999_999_999 }).describe('The newest when left out.')) },
      answers: { 200: FormBody },
      problems: ['not_found'],
    },
    ({ scope, params, query }) => getForm(house, scope, params.name, query.version ?? null),
  ),
  route(
    'PUT /forms/:name',
    {
      ...configure,
      summary: 'Give a stored form its next version',
      description: 'Tasks keep the version that they were made with.',
      params,
      body: s.object(asked),
      answers: { 200: FormBody },
      problems: ['not_found', 'schema_invalid', 'form_invalid'],
    },
    ({ scope, params, body }) => changeForm(house, scope, params.name, body as Parameters<typeof changeForm>[3]),
  ),
  route(
    'DELETE /forms/:name',
    {
      ...configure,
      summary: 'Take a stored form out of use',
      description: 'No new task may name it; those that did keep it.',
      params,
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => removeForm(house, scope, params.name),
  ),
]
