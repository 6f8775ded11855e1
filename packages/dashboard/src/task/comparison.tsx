// A comparison of two values as a person reads it: what was there with a minus, what is there now with a plus. The signs say it; the colours only help.
import { sentence } from '@countersign/sdk/form'
import { AgentText } from '../content/text.tsx'
import { type Shown, writeExact } from '../exact.ts'
import { t } from '../text/t.ts'
import { compare } from './compare.ts'

export function Comparison({ before, after, label }: { before: Shown; after: Shown; label: string }) {
  const found = compare(before, after)
  if (found.length === 0) return <p className="text-muted">{t('Nothing differs.')}</p>
  return (
    <dl className="flex flex-col gap-3" aria-label={label}>
      {found.map(({ path, before: was, after: now }) => (
        <div key={path.join('\n')} className="min-w-0">
          <dt className="text-sm text-muted wrap-anywhere">
            <AgentText text={path.map((name, i) => (i === 0 ? sentence(name) : name)).join(' › ') || t('All of it')} />
          </dt>
          {was !== undefined && <Side sign="−" word={t('Before')} value={was} tone="bg-danger-soft" />}
          {now !== undefined && <Side sign="+" word={t('After')} value={now} tone="bg-accent-soft" />}
        </div>
      ))}
    </dl>
  )
}

const Side = ({ sign, word, value, tone }: { sign: string; word: string; value: Shown; tone: string }) => (
  <dd className={`flex min-w-0 gap-2 rounded px-2 py-0.5 font-mono text-sm ${tone}`}>
    <span aria-hidden="true">{sign}</span>
    <span className="sr-only">{word}: </span>
    <span className="min-w-0 whitespace-pre-wrap wrap-anywhere">
      <AgentText text={typeof value === 'string' ? value : writeExact(value)} />
    </span>
  </dd>
)
