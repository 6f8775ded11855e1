// One rewrap: how far it is, how fast, and what it does by table and version.

import { t } from '../text/t.ts'
import { Badge } from '../ui/badge.tsx'
import { Card } from '../ui/card.tsx'
import { Progress } from '../ui/progress.tsx'
import type { KeyringState } from './steps.tsx'

type Rewrap = KeyringState['rewraps'][number]

const PHASES: Record<Rewrap['phase'], string> = {
  waiting: t('Waits for a worker'),
  counting: t('Counts what there is to move'),
  renewing: t('Makes new versions of tenants’ keys'),
  switching: t('Waits until every live process opens them'),
  rewrapping: t('Moves wraps'),
  finished: t('Finished'),
}
const many = (value: number): string => value.toLocaleString('en-GB')

export function RewrapCard({ run }: { run: Rewrap }) {
  const isDone = run.state === 'finished'
  const left = run.total - run.done
  return (
    <Card
      title={isDone ? t('Last rewrap') : t('Rewrap')}
      badge={<Badge tone={run.failed > 0 ? 'bad' : isDone ? 'good' : 'info'}>{PHASES[run.phase]}</Badge>}
      aside={run.rate !== null && <span className="text-sm text-muted">{t('{rate} a second', { rate: many(run.rate) })}</span>}
    >
      <div className="flex flex-col gap-1.5">
        <Progress
          label={t('Wraps that moved')}
          value={isDone && run.failed === 0 ? Math.max(run.total, 1) : run.done}
          max={run.total}
        />
        <p className="text-sm text-muted">
          {!isDone && run.rate && left > 0
            ? t('{done} of {total} wraps moved, about {seconds} s left', {
                done: many(run.done),
                total: many(run.total),
                seconds: Math.ceil(left / run.rate),
              })
            : t('{done} of {total} wraps moved', { done: many(run.done), total: many(run.total) })}
        </p>
      </div>
      {run.failed > 0 && (
        <p className="font-medium text-danger">
          {t('{failed} envelopes could not be rewrapped. The log of the server names them; their version stays.', {
            failed: many(run.failed),
          })}
        </p>
      )}
      {run.items.length > 0 && (
        <div className="overflow-x-auto">
          <table className="w-full text-left text-sm">
            <thead className="text-muted">
              <tr>
                <th className="py-1.5 pr-4 font-medium">{t('Column')}</th>
                <th className="py-1.5 pr-4 text-right font-medium">{t('From version')}</th>
                <th className="py-1.5 pr-4 text-right font-medium">{t('Moved')}</th>
                <th className="py-1.5 text-right font-medium">{t('Left')}</th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {run.items.map((item) => (
                <tr key={`${item.item} ${item.version}`}>
                  <td className="py-1.5 pr-4 font-mono">{item.item}</td>
                  <td className="py-1.5 pr-4 text-right">{item.version}</td>
                  <td className="py-1.5 pr-4 text-right">{many(item.done)}</td>
                  <td className="py-1.5 text-right">{many(item.total - item.done)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  )
}
