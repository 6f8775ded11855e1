// Text that is there to be taken along: a sample, a key, a link. The button says what happened, also to a screen reader.
import { useState } from 'react'
import { t } from '../text/t.ts'
import { Button } from './button.tsx'

export function Copyable({ label, text, block = false }: { label: string; text: string; block?: boolean }) {
  const [said, setSaid] = useState('')
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid(t('{label} copied', { label })),
      // Without https or a permission there is no clipboard; the text is there to be selected.
      () => setSaid(t('Your browser does not allow copying; select the text instead.')),
    )
  return (
    <div className="flex min-w-0 flex-col gap-2">
      {/* A region that scrolls must be reachable by keyboard. */}
      <section
        // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
        tabIndex={0}
        aria-label={label}
        className="overflow-x-auto rounded-lg border border-line bg-sunken px-4 py-3"
      >
        <pre className={`font-mono text-sm leading-relaxed ${block ? 'whitespace-pre' : 'whitespace-pre-wrap break-all'}`}>
          {text}
        </pre>
      </section>
      <div className="flex flex-wrap items-center gap-3">
        <Button small onClick={copy}>
          {t('Copy {label}', { label })}
        </Button>
        <span role="status" className="text-sm text-muted">
          {said}
        </span>
      </div>
    </div>
  )
}
