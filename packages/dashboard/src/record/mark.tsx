// The mark of an entry: verified, not verified, or why that is not known yet; behind it each part that was checked.
import { speak } from '../problem.ts'
import { t } from '../text/t.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import type { Judged } from './use-verdicts.ts'
import { type Parts, SAYS, type Verdict } from './verify.ts'

const WORDS: Record<Verdict['state'], { tone: Tone; word: string }> = {
  verified: { tone: 'good', word: t('✓ Verified') },
  fails: { tone: 'bad', word: t('✗ Does not verify') },
  waits: { tone: 'info', word: t('Not signed yet') },
  unchecked: { tone: 'quiet', word: t('Not checked') },
}

export function VerdictMark({ closed, judged }: { closed: boolean; judged: Judged | undefined }) {
  const { verdict, error } = judged ?? {}
  if (closed || error) return <Badge tone="quiet">{t('Not checked')}</Badge>
  if (!verdict) return <Badge tone="quiet">{t('Checking…')}</Badge>
  const { tone, word } = WORDS[verdict.state]
  return <Badge tone={tone}>{word}</Badge>
}

export function VerdictParts({ judged }: { judged: Judged | undefined }) {
  const { verdict, error } = judged ?? {}
  if (error) return <p className="text-sm text-muted">{speak(error).text}</p>
  if (!verdict) return null
  if (!('parts' in verdict)) return <p className="text-sm text-muted">{verdict.why}</p>
  const { parts } = verdict
  return (
    <ul className="flex flex-col gap-1 text-sm">
      {(Object.keys(SAYS) as (keyof Parts)[]).map((name) => (
        <li key={name} className={parts[name] === false ? 'font-medium text-danger' : ''}>
          <span aria-hidden="true">{{ true: '✓ ', false: '✗ ', null: '– ' }[String(parts[name])]}</span>
          <span className="sr-only">
            {{ true: t('Holds:'), false: t('Fails:'), null: t('Not checked:') }[String(parts[name])]}{' '}
          </span>
          {SAYS[name]}
          {parts[name] === null && ` ${t('(this browser knows no Ed25519)')}`}
        </li>
      ))}
    </ul>
  )
}
