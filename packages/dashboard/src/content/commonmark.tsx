// Markdown from agents (CommonMark) as React elements made from its tree: nothing is ever set as HTML, HTML in it is shown as the text it is, and nothing is loaded from elsewhere by itself (T86).
import { fromMarkdown } from 'mdast-util-from-markdown'
import { Fragment, type ReactNode, useMemo } from 'react'
import { t } from '../text/t.ts'
import { RemoteImage, SafeLink } from './remote.tsx'
import { AgentText } from './text.tsx'

type Root = ReturnType<typeof fromMarkdown>
type Node = Root['children'][number]
type Definitions = ReadonlyMap<string, string>
type Drawing = { definitions: Definitions; loadImage: ((url: string) => Promise<string>) | undefined; depth: number }

/** Deeper than this nobody reads; the rest stands as text. */
const DEEPEST = 20

export default function CommonMark({
  text,
  loadImage,
}: {
  text: string
  loadImage?: ((url: string) => Promise<string>) | undefined
}) {
  const root = useMemo(() => fromMarkdown(text), [text])
  const definitions = useMemo(() => definitionsOf(root), [root])
  return (
    <div className="flex min-w-0 flex-col gap-3 wrap-anywhere" dir="auto">
      {drawAll(root.children, { definitions, loadImage, depth: 0 })}
    </div>
  )
}

function definitionsOf(root: Root): Definitions {
  const found = new Map<string, string>()
  const visit = (node: Node) => {
    if (node.type === 'definition' && !found.has(node.identifier)) found.set(node.identifier, node.url)
    if ('children' in node) for (const child of node.children) visit(child)
  }
  for (const child of root.children) visit(child)
  return found
}

const drawAll = (nodes: readonly Node[], drawing: Drawing): ReactNode =>
  nodes.map((node, i) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a node has no identity but its place
    <Fragment key={i}>{draw(node, drawing)}</Fragment>
  ))

function draw(node: Node, outer: Drawing): ReactNode {
  if (outer.depth > DEEPEST) return <AgentText text={plainOf(node)} />
  const drawing = { ...outer, depth: outer.depth + 1 }
  switch (node.type) {
    case 'text':
      return <AgentText text={node.value} />
    case 'paragraph':
      return <p>{drawAll(node.children, drawing)}</p>
    case 'heading':
      // The page has its own headings; an agent's are below them, whatever it wrote.
      return <p className={node.depth <= 2 ? 'text-lg font-semibold' : 'font-semibold'}>{drawAll(node.children, drawing)}</p>
    case 'emphasis':
      return <em>{drawAll(node.children, drawing)}</em>
    case 'strong':
      return <strong>{drawAll(node.children, drawing)}</strong>
    case 'blockquote':
      return (
        <blockquote className="flex flex-col gap-3 border-l-2 border-line pl-4 text-muted">
          {drawAll(node.children, drawing)}
        </blockquote>
      )
    case 'list': {
      const items = drawAll(node.children, drawing)
      return node.ordered ? (
        <ol start={node.start ?? 1} className="list-decimal pl-6">
          {items}
        </ol>
      ) : (
        <ul className="list-disc pl-6">{items}</ul>
      )
    }
    case 'listItem':
      return <li>{drawAll(node.children, drawing)}</li>
    case 'inlineCode':
      return (
        <code className="rounded bg-sunken px-1 font-mono text-sm">
          <AgentText text={node.value} />
        </code>
      )
    case 'code':
      return (
        <section
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={t('Code')}
          className="overflow-x-auto rounded-lg border border-line bg-sunken px-4 py-3"
        >
          <pre className="font-mono text-sm">
            <AgentText text={node.value} />
          </pre>
        </section>
      )
    case 'html':
      return (
        <code className="font-mono text-sm">
          <AgentText text={node.value} />
        </code>
      )
    case 'thematicBreak':
      return <hr className="border-line" />
    case 'break':
      return <br />
    case 'link':
      return (
        <SafeLink address={node.url} text={plainOf(node)}>
          {drawAll(node.children, drawing)}
        </SafeLink>
      )
    case 'linkReference': {
      const url = drawing.definitions.get(node.identifier)
      if (url === undefined) return drawAll(node.children, drawing)
      return (
        <SafeLink address={url} text={plainOf(node)}>
          {drawAll(node.children, drawing)}
        </SafeLink>
      )
    }
    case 'image':
      return <RemoteImage url={node.url} alt={node.alt ?? ''} load={drawing.loadImage} />
    case 'imageReference':
      return <RemoteImage url={drawing.definitions.get(node.identifier) ?? ''} alt={node.alt ?? ''} load={drawing.loadImage} />
    case 'definition':
      return null
    default:
      return <AgentText text={plainOf(node)} />
  }
}

function plainOf(node: Node): string {
  if ('value' in node) return node.value
  if ('children' in node) return (node.children as readonly Node[]).map(plainOf).join('')
  return 'alt' in node ? (node.alt ?? '') : ''
}
