// Ninety days of a component as bars, each with what happened that day. Coloured by meaning, and said in a sentence to who does not see it.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'

export type Component = RouteAnswer<'GET /status'>['components'][number]
type Day = Component['days'][number]

const STEP = 6

function look({ ok, warn, outage }: Day): { tone: string; says: string; tall: boolean } {
  if (outage > 0) return { tone: 'fill-danger', says: t('{outage} min not working', { outage }), tall: true }
  if (warn >= 5) return { tone: 'fill-warn', says: t('{warn} min slow', { warn }), tall: true }
  return ok + warn > 0
    ? { tone: 'fill-accent', says: t('worked'), tall: true }
    : { tone: 'fill-line-strong', says: t('not measured'), tall: false }
}

export function History({ component }: { component: Component }) {
  const bad = component.days.filter((day) => day.outage > 0).length
  if (component.days.length === 0) return null
  return (
    <svg
      viewBox={`0 0 ${component.days.length * STEP - 2} 24`}
      preserveAspectRatio="none"
      role="img"
      aria-label={
        bad === 0
          ? t('{title} in {days} days: no outage', { title: component.title, days: component.days.length })
          : t('{title} in {days} days: an outage on {bad} days', { title: component.title, days: component.days.length, bad })
      }
      className="h-6 w-full"
    >
      {component.days.map((day, i) => {
        const { tone, says, tall } = look(day)
        return (
          <rect key={day.day} x={i * STEP} y={tall ? 0 : 19} width="4" height={tall ? 24 : 5} rx="1" className={tone}>
            <title>{`${day.day}: ${says}`}</title>
          </rect>
        )
      })}
    </svg>
  )
}
