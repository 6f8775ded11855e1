// The title of the window: what one sees first, the product last.
import { useEffect } from 'react'
import { visible } from './ui/marks.ts'

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${visible(title)} · Countersign`
  }, [title])
}
