// The dashboard's built files as a map made at start (P134): no path of a request ever reaches the file system. Changes while running are not seen.
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { sha256 } from '../crypto/token.ts'
import type { Answer } from './answer.ts'

type Packing = 'br' | 'gzip'
type File = { type: string; tag: string; immutable: boolean; plain: Buffer; packed: Map<Packing, Buffer> | null }
export type Pages = ReadonlyMap<string, File>

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
}
const PACKED = ['.html', '.js', '.css', '.svg', '.json', '.webmanifest', '.txt']
// A name with its content's hash in it never changes its content.
const HASHED = /^\/assets\/.+[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/

/** Every file below a folder, by its path in the URL; empty when the dashboard was not built. Files of unknown kinds (source maps) are left out. */
export function loadPages(folder: string): Pages {
  const names = listFiles(folder)
  return new Map(
    names
      .filter((name) => extname(name) in TYPES)
      .map((name) => [`/${relative(folder, name).split(sep).join('/')}`, load(name, folder)]),
  )
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function load(name: string, folder: string): File {
  const plain = readFileSync(name)
  const extension = extname(name)
  const packs = PACKED.includes(extension) && plain.length > 1_000
  return {
    type: TYPES[extension] as string,
    tag: `"${sha256(plain).subarray(0, 12).toString('base64url')}"`,
    immutable: HASHED.test(`/${relative(folder, name).split(sep).join('/')}`),
    plain,
    packed: packs ? new Map() : null,
  }
}

const PACK: Record<Packing, (plain: Buffer) => Buffer> = {
  // Quality 9 costs a tenth of 11 and a few per cent of size: whoever asks first waits for it.
  br: (plain) => brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  gzip: (plain) => gzipSync(plain),
}

/** Packed when first asked for, and kept: most files are never asked for, and a start should not wait for them. */
function packed({ plain, packed: kept }: File, packing: Packing): Buffer {
  const made = kept?.get(packing) ?? PACK[packing](plain)
  kept?.set(packing, made)
  return made
}

type HeaderOf = (name: string) => string | undefined

/** The file of a path; for a page address that no file has, index.html, where the dashboard's own routes begin. Null: there is nothing here. */
export function pageAnswer(pages: Pages, path: string, header: HeaderOf): Answer | null {
  const file = pages.get(path) ?? (isPage(path, header) ? pages.get('/index.html') : undefined)
  if (!file) return null
  const headers: Record<string, string> = {
    'Content-Type': file.type,
    'Cache-Control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-store',
    ETag: file.tag,
    ...(file.packed ? { Vary: 'Accept-Encoding' } : {}),
  }
  if (header('if-none-match') === file.tag) return { status: 304, headers, body: null }
  const accepted = header('accept-encoding') ?? ''
  const packing = file.packed && (['br', 'gzip'] as const).find((one) => new RegExp(`\\b${one}\\b`).test(accepted))
  if (packing) return { status: 200, headers: { ...headers, 'Content-Encoding': packing }, body: packed(file, packing) }
  return { status: 200, headers, body: file.plain }
}

const isPage = (path: string, header: HeaderOf): boolean =>
  !/^\/(?:api|assets)(?:\/|$)/.test(path) && !/\.[a-z0-9]{1,12}$/i.test(path) && (header('accept') ?? '').includes('text/html')
