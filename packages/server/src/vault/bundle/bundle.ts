// The definitions that ship with the release (V6, V52): data files under data/providers, a manifest with the digest of each, and the release's signature over it.
// Read once, at the first question, and never taken where a digest differs. Says of none that somebody compared it with its vendor: `verified_on` does.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonical } from '../../crypto/canonical.ts'
import { ed25519Verify } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/token.ts'
import { packageRoot } from '../../std/package-root.ts'
import type { Definition } from '../providers/definition.ts'
import { RELEASE_KEY } from './release-key.ts'

export type Bundled = { name: string; definition: Definition; digest: Buffer; source: string }
export type Bundle = {
  readonly byName: ReadonlyMap<string, Bundled>
  /** Aliases of bundled definitions, each to its name. */
  readonly aliases: ReadonlyMap<string, string>
}
export type Manifest = { schema: 1; digests: Record<string, string> }

const MANIFEST = 'manifest.json'
const SIGNATURE = 'manifest.sig'
/** What the release signs: a purpose, so that the signature means nothing elsewhere, and the canonical manifest. */
export const signedText = (manifest: Manifest): string => `countersign/definitions/v1\n${canonical(manifest)}`

/** What ships is not what was released; the start ends with exit code 78. */
export class DefinitionsTampered extends Error {
  readonly code = 'definitions_tampered'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(`The bundled definitions are not those of the release: ${faults.join(' ')}`)
    this.name = 'DefinitionsTampered'
    this.faults = faults
  }
}

export const bundleFolder = (): string => join(packageRoot(import.meta.url), 'data', 'providers')

let kept: Bundle | undefined

export function bundle(): Bundle {
  kept ??= readBundle()
  return kept
}

/** A checkout carries its sources; what is installed does not, and was signed at its release. */
const isRelease = (folder: string): boolean => !existsSync(join(folder, '..', '..', 'src'))

/** Throws DefinitionsTampered with everything that differs. */
export function readBundle(
  folder: string = bundleFolder(),
  releaseKey: Buffer | null = RELEASE_KEY,
  needsSignature = isRelease(folder),
): Bundle {
  const { manifest, faults } = readManifest(folder, releaseKey, needsSignature)
  const byName = new Map<string, Bundled>()
  const aliases = new Map<string, string>()
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== MANIFEST)
  for (const name of Object.keys(manifest.digests)) if (!files.includes(`${name}.json`)) faults.push(`${name} is missing.`)
  for (const file of files.sort()) {
    const name = file.slice(0, -'.json'.length)
    const source = readFileSync(join(folder, file), 'utf8')
    const definition = readOne(source)
    const digest = definition && sha256(canonical(definition))
    if (!definition || !digest || definition.name !== name || manifest.digests[name] !== digest.toString('hex'))
      faults.push(`${name} differs from the manifest.`)
    else {
      byName.set(name, { name, definition, digest, source })
      for (const alias of definition.aliases ?? []) aliases.set(alias, name)
    }
  }
  if (faults.length > 0) throw new DefinitionsTampered(faults)
  return { byName, aliases }
}

function readManifest(
  folder: string,
  releaseKey: Buffer | null,
  needsSignature: boolean,
): { manifest: Manifest; faults: string[] } {
  const empty: Manifest = { schema: 1, digests: {} }
  const text = read(join(folder, MANIFEST))
  if (text === null) return { manifest: empty, faults: ['The manifest is missing.'] }
  const manifest = readOne<Manifest>(text)
  if (manifest?.schema !== 1 || typeof manifest.digests !== 'object')
    return { manifest: empty, faults: ['The manifest cannot be read.'] }
  const signature = read(join(folder, SIGNATURE))
  // Without a key of the release there is nothing that a signature could be held against (ADR 0017).
  if (releaseKey === null || (signature === null && !needsSignature)) return { manifest, faults: [] }
  const holds = signature !== null && ed25519Verify(releaseKey, signedText(manifest), Buffer.from(signature, 'base64'))
  return { manifest, faults: holds ? [] : ['The signature of the manifest does not hold.'] }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Null: this is not JSON. */
function readOne<T = Definition>(text: string): T | null {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
