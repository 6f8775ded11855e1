// Blocks of Slack as Slack shows them: text with its few marks, context, dividers, buttons with the question that some of them ask first.
import { type ReactNode, useState } from 'react'
import { exact } from '../time.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { visible } from '../ui/marks.ts'
import type { Block, Element, Text } from './desk.ts'

type Press = (action: string) => void

export function Blocks({ blocks, onPress, busy }: { blocks: readonly Block[]; onPress: Press; busy: boolean }) {
  return (
    <div className="flex min-w-0 flex-col gap-2">
      {blocks.map((block, i) => (
        <BlockOf key={block.block_id ?? `${block.type} ${i}`} block={block} onPress={onPress} busy={busy} />
      ))}
    </div>
  )
}

function BlockOf({ block, onPress, busy }: { block: Block; onPress: Press; busy: boolean }) {
  switch (block.type) {
    case 'header':
      return <p className="text-lg font-bold wrap-anywhere">{block.text && <Words text={block.text} />}</p>
    case 'section':
      return <p className="whitespace-pre-wrap wrap-anywhere">{block.text && <Words text={block.text} />}</p>
    case 'divider':
      return <hr className="border-line" />
    case 'context':
      return (
        <p className="text-sm text-muted wrap-anywhere">
          {(block.elements as Text[]).map((text, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: blocks are replaced as a whole
            <Words key={i} text={text} />
          ))}
        </p>
      )
    case 'actions':
      return (
        <div className="mt-1 flex flex-wrap gap-2">
          {(block.elements as Element[]).map((element) => (
            <Pressable key={element.action_id} element={element} onPress={onPress} busy={busy} />
          ))}
        </div>
      )
    default:
      return null
  }
}

function Pressable({ element, onPress, busy }: { element: Element; onPress: Press; busy: boolean }) {
  const [asking, setAsking] = useState(false)
  const { url, confirm, style, action_id } = element
  const name = visible(element.text.text)
  if (url)
    return (
      <a
        href={url}
        target="_blank"
        rel="noreferrer"
        className="inline-flex min-h-9 items-center rounded-lg border border-line-strong bg-raised px-3 py-1 text-sm font-medium hover:bg-sunken"
      >
        {name}
      </a>
    )
  const tone = style === 'primary' ? 'primary' : style === 'danger' ? 'danger' : 'plain'
  return (
    <>
      <Button small tone={tone} busy={busy} onClick={() => (confirm ? setAsking(true) : onPress(action_id))}>
        {name}
      </Button>
      {confirm && (
        <Dialog open={asking} onClose={() => setAsking(false)} title={visible(confirm.title.text)}>
          <p className="whitespace-pre-wrap wrap-anywhere">{visible(confirm.text.text)}</p>
          <div className="flex gap-2">
            <Button
              tone={tone}
              onClick={() => {
                setAsking(false)
                onPress(action_id)
              }}
            >
              {visible(confirm.confirm.text)}
            </Button>
            <Button onClick={() => setAsking(false)}>{visible(confirm.deny.text)}</Button>
          </div>
        </Dialog>
      )}
    </>
  )
}

export function Words({ text }: { text: Text }) {
  return text.type === 'plain_text' ? visible(text.text) : <Marked text={text.text} />
}

const MARK = /<([^>]+)>|\*([^*\n]+)\*|`([^`\n]+)`/g
const unescaped = (text: string): string => visible(text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'))

/** As much of Slack's mrkdwn as we write: bold, code, links, and times in the reader's own zone. */
export function Marked({ text }: { text: string }) {
  const pieces: ReactNode[] = []
  let at = 0
  for (const match of text.matchAll(MARK)) {
    pieces.push(unescaped(text.slice(at, match.index)))
    at = match.index + match[0].length
    const [, angled, bold, code] = match
    if (bold !== undefined) pieces.push(<strong key={at}>{unescaped(bold)}</strong>)
    else if (code !== undefined)
      pieces.push(
        <code key={at} className="rounded bg-sunken px-1 font-mono text-sm">
          {unescaped(code)}
        </code>,
      )
    else pieces.push(<Angled key={at} text={angled ?? ''} />)
  }
  pieces.push(unescaped(text.slice(at)))
  return <>{pieces}</>
}

function Angled({ text }: { text: string }) {
  const [target = '', label] = text.split('|')
  const [, seconds] = /^!date\^(\d+)\^/.exec(target) ?? []
  if (seconds) return <time>{exact(new Date(Number(seconds) * 1_000).toISOString())}</time>
  if (!/^https?:/.test(target)) return <>{unescaped(label ?? target)}</>
  return (
    <a href={target} target="_blank" rel="noreferrer" className="text-accent underline wrap-anywhere">
      {unescaped(label ?? target)}
    </a>
  )
}
