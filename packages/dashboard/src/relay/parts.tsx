// What one side said, part by part, exactly as it came (relay.md R33): text as text, data as a readable table, bytes and addresses by name. Nothing is opened, loaded, run or drawn as
// markup, whoever sent it.
import type { ThreadMessage } from '@countersign/sdk'
import { useState } from 'react'
import { Tree } from '../content/tree.tsx'
import { readExact } from '../exact.ts'
import { figure } from '../jobs/frame.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { AgentText } from '../ui/content.tsx'

type Part = NonNullable<ThreadMessage['parts']>[number]

/** Longer than this, a text is cut until somebody wants all of it. */
const SHORT = 4_000
/** Nobody reads more than this in a page, and a browser would be busy with it. */
const LONGEST = 20_000

export const Parts = ({ parts }: { parts: readonly Part[] }) => (
  <div className="flex min-w-0 flex-col gap-2">
    {parts.map((part, i) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a part has no identity but its place
      <OnePart key={i} part={part} />
    ))}
  </div>
)

function OnePart({ part }: { part: Part }) {
  const { text, data, raw, url, media_type, filename } = part
  const named = [filename, media_type].filter((one) => one !== undefined).join(', ')
  return (
    <div className="min-w-0">
      {named !== '' && (
        <p className="text-xs text-muted">
          <AgentText text={named} />
        </p>
      )}
      {text !== undefined && <LongText text={text} />}
      {data !== undefined && <Data data={data} />}
      {url !== undefined && (
        <p className="text-sm">
          <span className="text-muted">{t('An address, never opened here:')}</span>{' '}
          <span className="font-mono text-xs">
            <AgentText text={url} />
          </span>
        </p>
      )}
      {raw !== undefined && (
        <p className="text-sm text-muted">{t('{bytes} bytes, not shown here.', { bytes: figure(bytesOf(raw)) })}</p>
      )}
    </div>
  )
}

const bytesOf = (base64: string): number => Math.floor((base64.replace(/=+$/, '').length * 3) / 4)

function LongText({ text }: { text: string }) {
  const [all, setAll] = useState(false)
  const shown = text.slice(0, all ? LONGEST : SHORT)
  return (
    <div className="flex min-w-0 flex-col items-start gap-1">
      <AgentText text={shown} />
      {text.length > shown.length && (
        <p className="flex flex-wrap items-center gap-3 text-sm text-muted">
          {t('{shown} of {all} characters.', { shown: figure(shown.length), all: figure(text.length) })}
          {!all && (
            <Button small onClick={() => setAll(true)}>
              {t('Show more')}
            </Button>
          )}
        </p>
      )}
    </div>
  )
}

function Data({ data }: { data: unknown }) {
  const json = JSON.stringify(data, null, 2)
  return json.length > SHORT * 4 ? <LongText text={json} /> : <Tree value={readExact(json)} />
}
