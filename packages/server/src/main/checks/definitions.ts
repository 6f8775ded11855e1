// Whether the bundled definitions of providers are those of the release (V6): they say where credentials go, so nothing starts with others. Looks only.
import { DefinitionsTampered, readBundle } from '../../vault/bundle/bundle.ts'
import { type Finding, fail } from './finding.ts'

/** Says nothing where all is as it was released. */
export function checkDefinitions(read: () => unknown = () => readBundle()): Finding[] {
  try {
    read()
    return []
  } catch (error) {
    if (!(error instanceof DefinitionsTampered)) throw error
    const remedy = 'Install the release again; in a checkout: node --import tsx scripts/sign-bundle.mjs'
    return [fail('definitions_tampered', error.message, remedy)]
  }
}
