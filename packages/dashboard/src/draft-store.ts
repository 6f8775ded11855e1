// What a person has typed into the form of a task, kept in this tab until it is sent: a reload loses nothing. Under the person's own id and the task's revision, so that
// nobody finds another's words and no draft meets another question; gone at sign-out and with the tab.
import type { Drafts } from '@countersign/sdk/form'

const PREFIX = 'countersign.draft.'
const nameOf = (userId: string, task: { id: string; revision: number }) => `${PREFIX}${userId}.${task.id}.${task.revision}`

/** `draft` is null while only a reason was typed. Of a proposed action also the verdict that the reason is of, and its arguments as far as they were edited. */
export type Kept = { draft: Drafts | null; reason: string; type?: string; edit?: Drafts; json?: string }

export function draftStore(userId: string, task: { id: string; revision: number }, storage: Storage = sessionStorage) {
  const name = nameOf(userId, task)
  return {
    read(): Kept | null {
      const text = storage.getItem(name)
      return text === null ? null : (JSON.parse(text) as Kept)
    },
    keep(kept: Kept): void {
      storage.setItem(name, JSON.stringify(kept))
    },
    drop(): void {
      storage.removeItem(name)
    },
  }
}

export function dropDrafts(storage: Storage = sessionStorage): void {
  for (const name of Object.keys(storage)) if (name.startsWith(PREFIX)) storage.removeItem(name)
}
