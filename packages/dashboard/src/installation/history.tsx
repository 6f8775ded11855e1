// Ninety days of a component as bars, each with what happened that day. Coloured by meaning, and said in a sentence to who does not see it.
import type { RouteAnswer } from '@countersign/sdk'

export type Component = RouteAnswer<'GET /status'>['components'][number]
type Day = Component['days'][number]

const STEP = 6

function look({ ok, warn, outage }: Day): { tone: string; says: string; tall: boolean } {
  if (outage > 0) return { tone: 'fill-danger', says: `${outage} min not working`, tall: true }
  if (warn >= 5) return { tone: 'fill-warn', says: `${warn} min slow`, tall: true }
  return ok + warn > 0
    ? { tone: 'fill-accent', says: 'worked', tall: true }
    : { tone: 'fill-line-strong', says: 'not measured', tall: false }
}

export function History({ component }: { component: Component }) {
  const bad = component.days.filter((day) => day.outage > 0).length
  if (component.days.length === 0) return null
  return (
    <svg
      viewBox={`0 0 ${component.days.length * STEP - 2} 24`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${component.title} in ${component.days.length} days: ${bad === 0 ? 'no outage' : `an outage on ${bad} days`}`}
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
