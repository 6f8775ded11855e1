// What an agent or a person wrote, as text: never markup, hidden characters shown as marks (T86). It is marked as content: the words of the page are messages (T164), these are not.

import { t } from '../text/t.ts'
import { partsOf } from '../ui/marks.ts'

export function AgentText({ text }: { text: string }) {
  return (
    <span className="whitespace-pre-wrap wrap-anywhere" dir="auto" data-content="">
      {partsOf(text).map((part, i) => (
        // Parts have no identity but their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <span key={i}>
          {part.text}
          {part.mark !== null && <Mark text={part.mark} why={t('A hidden character stands here')} />}
        </span>
      ))}
    </span>
  )
}

/** Something that a person must not overlook. */
export const Mark = ({ text, why }: { text: string; why: string }) => (
  <span className="mx-0.5 rounded bg-warn-soft px-1 font-mono text-xs text-warn" title={why}>
    {text}
  </span>
)
