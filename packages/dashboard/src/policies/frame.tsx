// What the pages of policies share: their navigation, the words of outcomes, and one policy as people read it. Decides nothing.
import type { PolicyVersion } from '@countersign/sdk'
import type { ReactNode } from 'react'
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'
import { wireWord } from '../text/wire.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { visible } from '../ui/marks.ts'
import { Sections } from '../ui/sections.tsx'

const PLACES = [
  { name: t('In force'), path: paths.policies() },
  { name: t('Editor'), path: paths.policyEditor() },
  { name: t('Versions'), path: paths.policyVersions() },
  { name: t('Simulator'), path: paths.policySimulator() },
]

type FrameProps = { title: string; aside?: ReactNode; children: ReactNode }

export const PoliciesFrame = (props: FrameProps) => <Sections name={t('Policies')} places={PLACES} {...props} />

export type Shown = PolicyVersion['policies'][number]
export type Does = 'allows' | 'asks' | 'denies'
const TONES: Record<Does, Tone> = { allows: 'good', asks: 'warn', denies: 'bad' }
export const doesOf = ({ effect, ask }: Pick<Shown, 'effect' | 'ask'>): Does =>
  effect === 'forbid' ? 'denies' : ask ? 'asks' : 'allows'

export const OUTCOME: Record<'allow' | 'ask' | 'deny', { word: string; tone: Tone }> = {
  allow: { word: t('Allow'), tone: 'good' },
  ask: { word: t('Ask'), tone: 'warn' },
  deny: { word: t('Deny'), tone: 'bad' },
}

export const OutcomeBadge = ({ outcome }: { outcome: 'allow' | 'ask' | 'deny' }) => (
  <Badge tone={OUTCOME[outcome].tone}>{OUTCOME[outcome].word}</Badge>
)

/** 90 s, 10 min, 24 h, 7 days. */
export function duration(seconds: number): string {
  if (seconds < 120) return t('{count} s', { count: seconds })
  if (seconds < 7_200) return t('{count} min', { count: Math.round(seconds / 60) })
  return seconds <= 172_800
    ? t('{count} h', { count: Math.round(seconds / 3_600) })
    : t('{count} days', { count: Math.round(seconds / 86_400) })
}

/** One policy: what it does, in words, and its text behind a click. */
export function PolicyItem({ policy, open = false }: { policy: Shown; open?: boolean }) {
  const { ask } = policy
  return (
    <li className="flex flex-col gap-2 px-5 py-3">
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <span className="w-20 shrink-0">
          <Badge tone={TONES[doesOf(policy)]}>{wireWord(doesOf(policy))}</Badge>
        </span>
        <span className="min-w-0 grow basis-72 wrap-anywhere" data-content="">
          {visible(policy.says)}
        </span>
        <code className="font-mono text-sm text-muted">{visible(policy.id)}</code>
      </div>
      {ask && (
        <p className="text-sm text-muted sm:pl-23">
          {ask.on_timeout === 'deny'
            ? t('“{text}” {quorum, plural, one {One person} other {{quorum} people}} within {span}, then denied.', {
                text: visible(ask.text),
                quorum: ask.quorum,
                span: duration(ask.expires_seconds),
              })
            : t(
                '“{text}” {quorum, plural, one {One person} other {{quorum} people}} within {span}, then asked once more, then denied.',
                { text: visible(ask.text), quorum: ask.quorum, span: duration(ask.expires_seconds) },
              )}
        </p>
      )}
      <details className="text-sm sm:pl-23" open={open}>
        <summary className="cursor-pointer text-muted">{t('Text of {id}', { id: visible(policy.id) })}</summary>
        <pre className="mt-2 rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere">
          {visible(policy.text)}
        </pre>
      </details>
    </li>
  )
}
