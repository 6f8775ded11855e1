// The version of this installation, from the package that it is.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../std/package-root.ts'

export const version = (): string =>
  (JSON.parse(readFileSync(join(packageRoot(import.meta.url), 'package.json'), 'utf8')) as { version: string }).version
