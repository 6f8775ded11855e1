// Where a package's folder is, so that source and bundle find the files they ship as data. Never looks at the working directory.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const isPackage = (dir: string, name: string): boolean => {
  const file = join(dir, 'package.json')
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === name
}

/** Climbs from a module's `import.meta.url` to the folder of the package `name`; on the way up it also looks into node_modules. */
export function packageRoot(from: string, name = '@countersign/server'): string {
  for (let dir = dirname(fileURLToPath(from)); ; dir = dirname(dir)) {
    if (isPackage(dir, name)) return dir
    const installed = join(dir, 'node_modules', name)
    if (isPackage(installed, name)) return installed
    if (dirname(dir) === dir)
      throw new Error(`The package ${name} is not above ${fileURLToPath(from)}: the installation is incomplete.`)
  }
}
