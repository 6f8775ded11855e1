// The value at a JSON Pointer of a tree whose digits are kept; undefined where there is none.
import type { Shown } from '../exact.ts'

export function atPointer(tree: Shown, pointer: string): Shown | undefined {
  let value: Shown | undefined = tree
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (value instanceof Map) value = value.get(name)
    else if (Array.isArray(value)) value = value[Number(name)]
    else return undefined
  }
  return value
}
