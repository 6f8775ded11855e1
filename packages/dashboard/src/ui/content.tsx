// A card with what an agent sent, as a readable table, and as JSON for who wants to see exactly what it was: always text, never markup.
import { type ReactNode, useState } from 'react'
import { Tree } from '../content/tree.tsx'
import { type Shown, writeExact } from '../exact.ts'
import { useKeys } from '../keyboard/keys.ts'
import { t } from '../text/t.ts'
import { Button } from './button.tsx'
import { Card } from './card.tsx'
import { Copyable } from './copy.tsx'

export { AgentText } from '../content/text.tsx'

type Props = { title: string; value: Shown; label: string; shortcut?: string }

/** `shortcut`: the key that shows the JSON and the table again, when no text is being typed (T87). */
export function ContentCard({ title, value, label, shortcut }: Props): ReactNode {
  const [raw, setRaw] = useState(false)
  useKeys(shortcut === undefined ? {} : { [shortcut]: () => setRaw((before) => !before) })
  return (
    <Card
      title={title}
      aside={
        <Button
          tone="quiet"
          small
          aria-pressed={raw}
          aria-label={t('Show {label} as JSON', { label })}
          aria-keyshortcuts={shortcut}
          title={shortcut && t('Press {shortcut}', { shortcut })}
          className="-mr-3"
          onClick={() => setRaw(!raw)}
        >
          {raw ? t('As table') : t('As JSON')}
        </Button>
      }
    >
      {raw ? <Copyable label={t('{label} as JSON', { label })} text={writeExact(value)} block /> : <Tree value={value} />}
    </Card>
  )
}
