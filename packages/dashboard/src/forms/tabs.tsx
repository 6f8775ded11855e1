// Two or more ways to look at one thing, of which one is shown: arrow keys go between them, and what is shown stands below.
import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react'

type Props<Name extends string> = {
  label: string
  tabs: readonly { name: Name; title: string }[]
  shown: Name
  onShow: (name: Name) => void
  children: ReactNode
}

export function Tabs<Name extends string>({ label, tabs, shown, onShow, children }: Props<Name>) {
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  const go = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (by === undefined) return
    event.preventDefault()
    const at = (tabs.findIndex(({ name }) => name === shown) + by + tabs.length) % tabs.length
    list.current?.querySelectorAll<HTMLElement>('[role=tab]')[at]?.focus()
    onShow((tabs[at] as { name: Name }).name)
  }
  return (
    <div className="flex flex-col gap-4">
      <div ref={list} role="tablist" aria-label={label} tabIndex={-1} onKeyDown={go} className="flex gap-1 border-b border-line">
        {tabs.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === shown}
            aria-controls={`${id}-panel`}
            tabIndex={name === shown ? 0 : -1}
            onClick={() => onShow(name)}
            className="-mb-px min-h-10 border-b-2 border-transparent px-3 text-muted hover:text-text aria-selected:border-accent aria-selected:font-medium aria-selected:text-text"
          >
            {title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${shown}`} className="flex flex-col gap-4">
        {children}
      </div>
    </div>
  )
}
