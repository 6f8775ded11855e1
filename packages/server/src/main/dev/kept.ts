// What the desk of `countersign dev` remembers between two starts, beside the database that it belongs to: its ports and the secrets of its pretend Slack and receiver, so that
// what was set up once stays right. A file of its owner's alone.
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type Kept = {
  ports: { mail: number; slack: number; webhooks: number }
  slack: { signingSecret: string; botToken: string } | null
  endpoint: { id: string; secret: string } | null
}

const NOTHING: Kept = { ports: { mail: 0, slack: 0, webhooks: 0 }, slack: null, endpoint: null }
const fileOf = (home: string): string => join(home, 'dev-desk.json')

/** What it remembers; nothing where it never ran, or where somebody wrote something else into it. */
export async function readKept(home: string): Promise<Kept> {
  try {
    return { ...NOTHING, ...(JSON.parse(await readFile(fileOf(home), 'utf8')) as Partial<Kept>) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return NOTHING
    throw error
  }
}

export async function writeKept(home: string, kept: Kept): Promise<void> {
  await writeFile(fileOf(home), `${JSON.stringify(kept)}\n`, { mode: 0o600 })
  // A file that was there already keeps its mode when it is written.
  await chmod(fileOf(home), 0o600)
}
