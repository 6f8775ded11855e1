// One place above the content where the page speaks: errors as alerts, the rest politely.
import type { ReactNode } from 'react'
import { t } from '../text/t.ts'

type Tone = 'error' | 'warning' | 'success' | 'info'

const TONES: Record<Tone, { box: string; word: string }> = {
  error: { box: 'border-danger/40 bg-danger-soft', word: t('Error') },
  warning: { box: 'border-warn/40 bg-warn-soft', word: t('Warning') },
  success: { box: 'border-accent/40 bg-accent-soft', word: t('Done') },
  info: { box: 'border-line bg-info-soft', word: t('Note') },
}

export function Banner({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <div role={tone === 'error' ? 'alert' : 'status'} className={`rounded-lg border px-4 py-3 ${TONES[tone].box}`}>
      <strong className="mr-1.5 font-semibold">{TONES[tone].word}:</strong>
      {children}
    </div>
  )
}
