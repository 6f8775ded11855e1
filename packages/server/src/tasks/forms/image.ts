// An image that a task shows from elsewhere, fetched by the server once a person wants to see it (T86): only an address that stands in the task, through the guarded door, at most 10 MiB, and only
// what is an image by its bytes. Nothing is stored, nothing of the person's goes along, and markup that can draw (SVG) is no image here.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask, showWhole } from '../look.ts'

export const IMAGE_BYTES = 10 * 1024 * 1024

export async function loadImage(house: TasksHouse, scope: Scope, id: string, url: string, signal: AbortSignal) {
  // To look at a picture is not to read an answer: nothing is marked as seen or collected.
  const read = async (t: Tx) => {
    const { row, person } = await seeTask(t, scope, id, 'task.read')
    return showWhole(house, t, scope, row, null, person)
  }
  const { description, payload, action, form_definition, response_schema } = await tx(house.db, scope, read, { readOnly: true })
  if (!holds([description, payload, action, form_definition, response_schema], url)) throw new Problem('not_found')
  const checked = await house.checkUrl(url, '/url', scope.tenantId)
  const answer = await house.door.fetch({
    tenantId: scope.tenantId,
    url: checked,
    headers: { accept: 'image/png, image/jpeg, image/webp, image/gif' },
    redirects: 3,
    caps: { bodyBytes: IMAGE_BYTES },
    signal,
  })
  if ('failed' in answer) throw new Problem(answer.failed)
  if (answer.status !== 200) throw new Problem('unreachable')
  const type = typeOf(answer.body)
  if (!type) throw new Problem('file_type_not_allowed')
  return { type, bytes: answer.body.length, data_url: `data:${type};base64,${answer.body.toString('base64')}` }
}

/** Whether a text somewhere in what the person sees names the address. */
function holds(value: unknown, url: string): boolean {
  if (typeof value === 'string') return value.includes(url)
  return typeof value === 'object' && value !== null && Object.values(value).some((member) => holds(member, url))
}

const MAGIC: [string, number, string][] = [
  ['image/png', 0, '89504e470d0a1a0a'],
  ['image/jpeg', 0, 'ffd8ff'],
  ['image/gif', 0, '474946383'],
  ['image/webp', 8, '57454250'],
]

const typeOf = (body: Buffer): string | null =>
  MAGIC.find(([, from, start]) =>
    body
      .subarray(from, from + 16)
      .toString('hex')
      .startsWith(start),
  )?.[0] ?? null
