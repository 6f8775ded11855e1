// A message with elements in it: rich('Read <docs>the docs</docs> first.', { docs: (words) => <a href={…}>{words}</a> }). Elements without words of their own
// are places: rich('Asked by {name}', { name: <AgentText text={name} /> }).
import { Fragment, type ReactNode } from 'react'
import { fill, type Value } from './t.ts'

type Piece = Value | ReactNode | ((words: ReactNode) => ReactNode)

export const rich = (message: string, values: Readonly<Record<string, Piece>>): ReactNode =>
  keyed(
    fill(
      message,
      Object.fromEntries(
        Object.entries(values).map(([name, piece]) => [
          name,
          typeof piece === 'function' ? (words: unknown) => piece(keyed(words)) : piece,
        ]),
      ),
    ),
  )

/** Pieces never change places, so that where they stand is their key. */
const keyed = (pieces: unknown): ReactNode =>
  Array.isArray(pieces)
    ? pieces.map((piece: ReactNode, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <Fragment key={at}>{piece}</Fragment>
      ))
    : (pieces as ReactNode)
